import { readFileSync } from "node:fs"
import { Schema } from "effect"
import { fromHex } from "../../src/mkvs/Bytes.ts"
import { profiles } from "./dataset.ts"

/** The reference's outputs (`test/vectors/README.md`), read when asked for, as bytes; a wrong shape throws. */

/** Parts that are files of their own, by path below `test/vectors`. */
export const vectorUrl = (path: string): URL => new URL(`../vectors/${path}`, import.meta.url)

const Hex = Schema.transform(Schema.String, Schema.Uint8ArrayFromSelf, {
  strict: true,
  decode: (text) => {
    const bytes = fromHex(text)
    if (bytes === undefined) throw new Error(`not hex: ${text}`)
    return bytes
  },
  encode: (bytes) => Buffer.from(bytes).toString("hex")
})

const DataSet = { profile: Schema.Literal(...profiles), seed: Schema.String, n: Schema.Int }

const Primitives = Schema.Struct({
  namespace: Hex,
  emptyHash: Hex,
  /** The last leaf is described in words (`6b x300`), so texts stay texts here. */
  leaves: Schema.Array(
    Schema.Struct({
      key: Schema.String,
      value: Schema.String,
      hash: Hex,
      marshalled: Schema.optional(Hex),
      marshalledHash: Schema.optional(Hex)
    })
  ),
  root: Schema.Struct({
    version: Schema.Int,
    type: Schema.Int,
    hash: Hex,
    cbor: Hex,
    encodedHash: Hex
  })
})

/** `[key, value]` sets, `[key]` removes. */
const Operation = Schema.Union(Schema.Tuple(Hex, Hex), Schema.Tuple(Hex))

const Histories = Schema.Array(
  Schema.Struct({
    name: Schema.String,
    versions: Schema.Array(
      Schema.Struct({ version: Schema.Int, ops: Schema.Array(Operation), root: Hex, keys: Schema.Int })
    )
  })
)

const BulkRoots = Schema.Array(Schema.Struct({ ...DataSet, root: Hex }))

const ProofOf = {
  // The proofs' files name no seed: it is always "visible".
  profile: Schema.Literal(...profiles),
  n: Schema.Int,
  root: Hex,
  proofVersion: Schema.Literal(0, 1),
  proof: Schema.Struct({
    v: Schema.Literal(0, 1),
    untrusted_root: Hex,
    entries: Schema.Array(Schema.NullOr(Hex)),
    cbor: Hex
  })
}

const GetProof = Schema.Struct({
  kind: Schema.Literal("get"),
  ...ProofOf,
  key: Hex,
  siblings: Schema.Boolean,
  /** Only in `proofs.json`; `null`: the key is absent. */
  value: Schema.optional(Schema.NullOr(Hex)),
  /** The hash of the node to begin at, where one was given. */
  position: Schema.optional(Hex)
})

const IterateProof = Schema.Struct({
  kind: Schema.Literal("iterate"),
  ...ProofOf,
  key: Hex,
  prefetch: Schema.Int,
  /** Only in `proofs-more.json`: the key a seek finds; `null`: none. */
  first: Schema.optional(Schema.NullOr(Hex))
})

const PrefixesProof = Schema.Struct({
  kind: Schema.Literal("prefixes"),
  ...ProofOf,
  prefixes: Schema.Array(Hex),
  limit: Schema.Int
})

const Proofs = Schema.Array(Schema.Union(GetProof, IterateProof, PrefixesProof))

const Checkpoints = Schema.Array(
  Schema.Struct({
    name: Schema.String,
    ...DataSet,
    version: Schema.Int,
    root: Hex,
    chunkSize: Schema.Int,
    threads: Schema.Int,
    chunkCount: Schema.Int,
    /** Digests; only where there are at most 40. */
    chunks: Schema.optional(Schema.Array(Hex)),
    encodedHash: Hex,
    /** The checkpoint's folder below `test/vectors`, where its files are kept. */
    dir: Schema.optional(Schema.String)
  })
)

const SnappyFramings = Schema.Array(
  Schema.Struct({
    name: Schema.String,
    inputBytes: Schema.Int,
    inputHash: Hex,
    framedBytes: Schema.Int,
    framedHash: Hex
  })
)

export type History = (typeof Histories.Type)[number]
export type ProofVector = (typeof Proofs.Type)[number]
export type CheckpointVector = (typeof Checkpoints.Type)[number]

const load =
  <A, I>(file: string, schema: Schema.Schema<A, I>) =>
  (): A =>
    Schema.decodeSync(Schema.parseJson(schema))(readFileSync(vectorUrl(file), "utf8"))

export const primitives = load("primitives.json", Primitives)
export const histories = load("roots.json", Histories)
export const bulkRoots = load("bulk-roots.json", BulkRoots)
export const proofs = load("proofs.json", Proofs)
export const proofsMore = load("proofs-more.json", Proofs)
export const checkpoints = load("checkpoints.json", Checkpoints)
export const snappyFramings = load("snappy.json", SnappyFramings)
