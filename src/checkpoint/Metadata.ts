import { Either, Schema } from "effect"
import { toHex } from "../mkvs/Bytes.ts"
import { type CborValue, decode, encode } from "../mkvs/Cbor.ts"
import { CborFields } from "../mkvs/CborFields.ts"
import { type Hasher, hashBytes } from "../mkvs/Hasher.ts"
import { defaultHasher } from "../mkvs/hasher/index.ts"
import { MalformedCbor } from "../mkvs/MkvsError.ts"
import { namespaceBytes, Root, rootBytesMax, rootFromCbor, rootToCbor } from "../mkvs/Root.ts"
import { ChunkNotFound, InvalidMetadata } from "./CheckpointError.ts"
import { type CheckpointLimits, defaultCheckpointLimits } from "./CheckpointLimits.ts"

/**
 * What describes a checkpoint (`spec/checkpoint.md`, Bytes and Types), and its canonical CBOR. Decoding is strict:
 * whatever is not exactly what encoding makes is `InvalidMetadata`.
 */

/** The one format of checkpoints there is. */
export const formatVersion = 1

const Digest = Schema.Uint8ArrayFromSelf.pipe(
  Schema.filter((bytes) => bytes.length === hashBytes || `expected ${hashBytes} bytes, got ${bytes.length}`)
)

/** One chunk of a checkpoint: what to ask a peer for, and the digest its bytes must have. */
export class ChunkMetadata extends Schema.Class<ChunkMetadata>("effect-cairn/ChunkMetadata")({
  version: Schema.Literal(formatVersion),
  root: Root,
  /** 0-based. */
  index: Schema.NonNegativeInt,
  digest: Digest
}) {}

/** A checkpoint: its root, and the digests of its chunks by index; there is at least one, also for an empty tree. */
export class Metadata extends Schema.Class<Metadata>("effect-cairn/Metadata")({
  version: Schema.Literal(formatVersion),
  root: Root,
  chunks: Schema.NonEmptyArray(Digest)
}) {
  /** `ChunkNotFound` where the index is out of range. */
  getChunkMetadata(index: number): Either.Either<ChunkMetadata, ChunkNotFound> {
    const digest = this.chunks[index]
    return digest === undefined
      ? Either.left(
          new ChunkNotFound({ rootVersion: this.root.version, rootHash: toHex(this.root.hash), index })
        )
      : Either.right(new ChunkMetadata({ version: this.version, root: this.root, index, digest }))
  }

  /** H of the canonical CBOR: it identifies the checkpoint. */
  encodedHash(hasher: Hasher = defaultHasher()): Uint8Array {
    return hasher.hash(encodeMetadata(this))
  }
}

/** Asks for the checkpoints of a namespace, or only for those of one version. Other formats than 1 may be named. */
export class GetCheckpointsRequest extends Schema.Class<GetCheckpointsRequest>(
  "effect-cairn/GetCheckpointsRequest"
)({
  version: Schema.Int.pipe(Schema.between(0, 0xffff)),
  namespace: Schema.Uint8ArrayFromSelf.pipe(Schema.filter((bytes) => bytes.length === namespaceBytes)),
  rootVersion: Schema.optionalWith(Schema.BigIntFromSelf.pipe(Schema.betweenBigInt(0n, 2n ** 64n - 1n)), {
    exact: true
  })
}) {}

export const encodeMetadata = (metadata: Metadata): Uint8Array =>
  encode(
    new Map<string, CborValue>([
      ["version", metadata.version],
      ["root", rootToCbor(metadata.root)],
      ["chunks", metadata.chunks]
    ])
  )

/** Longest CBOR of the metadata of so many chunks; longer input need not be looked at. */
export const metadataBytesMax = (chunksMax: number): number =>
  metadataHeadBytes + rootBytesMax + chunksMax * (2 + hashBytes)

export const decodeMetadata = (
  bytes: Uint8Array,
  limits: CheckpointLimits = defaultCheckpointLimits
): Either.Either<Metadata, InvalidMetadata> =>
  decoding(() => {
    const value = decode("metadata", bytes, { bytesMax: metadataBytesMax(limits.chunksMax) })
    const fields = new CborFields("metadata", value, ["version", "root", "chunks"])
    checkFormatVersion(fields)
    const root = rootFromCbor("metadata root", fields.value("root")!)
    const [first, ...others] = fields.array("chunks").map((digest) => digestFromCbor(fields, digest))
    if (first === undefined) return fields.refuse("it has no chunks")
    if (others.length >= limits.chunksMax) return fields.refuse(`more than ${limits.chunksMax} chunks`)
    return new Metadata({ version: formatVersion, root, chunks: [first, ...others] })
  })

export const encodeChunkMetadata = (chunk: ChunkMetadata): Uint8Array =>
  encode(
    new Map<string, CborValue>([
      ["version", chunk.version],
      ["root", rootToCbor(chunk.root)],
      ["index", chunk.index],
      ["digest", chunk.digest]
    ])
  )

export const decodeChunkMetadata = (bytes: Uint8Array): Either.Either<ChunkMetadata, InvalidMetadata> =>
  decoding(() => {
    const value = decode("chunk metadata", bytes, { bytesMax: 256 })
    const fields = new CborFields("chunk metadata", value, ["version", "root", "index", "digest"])
    checkFormatVersion(fields)
    const index = fields.uint("index")
    if (index > Number.MAX_SAFE_INTEGER) return fields.refuse(`index ${index} is absurd`)
    return new ChunkMetadata({
      version: formatVersion,
      root: rootFromCbor("chunk metadata root", fields.value("root")!),
      index: Number(index),
      digest: fields.bytes("digest", hashBytes)
    })
  })

export const encodeGetCheckpointsRequest = (request: GetCheckpointsRequest): Uint8Array => {
  const fields = new Map<string, CborValue>([
    ["version", request.version],
    ["namespace", request.namespace]
  ])
  if (request.rootVersion !== undefined) fields.set("root_version", request.rootVersion)
  return encode(fields)
}

export const decodeGetCheckpointsRequest = (
  bytes: Uint8Array
): Either.Either<GetCheckpointsRequest, InvalidMetadata> =>
  decoding(() => {
    const value = decode("request", bytes, { bytesMax: 256 })
    const fields = new CborFields("request", value, ["version", "namespace"], ["root_version"])
    const version = fields.uint("version")
    if (version > 0xffffn) return fields.refuse(`version ${version} does not fit into 16 bits`)
    return new GetCheckpointsRequest({
      version: Number(version),
      namespace: fields.bytes("namespace", namespaceBytes),
      ...(fields.has("root_version") ? { rootVersion: fields.uint("root_version") } : {})
    })
  })

/** Map, field names and version around root and chunks, generously. */
const metadataHeadBytes = 64

const decoding = <A>(body: () => A): Either.Either<A, InvalidMetadata> =>
  Either.try({
    try: body,
    catch: (error) => {
      if (error instanceof MalformedCbor) return new InvalidMetadata({ reason: error.message })
      throw error
    }
  })

const checkFormatVersion = (fields: CborFields): void => {
  const version = fields.uint("version")
  if (version !== BigInt(formatVersion)) {
    fields.refuse(`format version ${version} is unknown: this program knows ${formatVersion}`)
  }
}

const digestFromCbor = (fields: CborFields, value: CborValue): Uint8Array =>
  value instanceof Uint8Array && value.length === hashBytes
    ? value
    : fields.refuse(`a chunk's digest is no byte string of ${hashBytes} bytes`)
