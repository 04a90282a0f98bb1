import { readFileSync } from "node:fs"
import { Either, FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import {
  ChunkMetadata,
  decodeChunkMetadata,
  decodeGetCheckpointsRequest,
  decodeMetadata,
  encodeChunkMetadata,
  encodeGetCheckpointsRequest,
  encodeMetadata,
  GetCheckpointsRequest,
  Metadata
} from "../../src/checkpoint/Metadata.ts"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { encode } from "../../src/mkvs/Cbor.ts"
import { Root } from "../../src/mkvs/Root.ts"
import { holds } from "../mkvs/holds.ts"
import { checkpoints, vectorUrl } from "../mkvs/vectors.ts"

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const version = fc.bigUint({ max: 2n ** 64n - 1n })
const root = fc
  .record({ namespace: hash, version, type: fc.constantFrom(1 as const, 2 as const), hash })
  .map((fields) => new Root(fields))
const metadata = fc
  .tuple(root, hash, fc.array(hash, { maxLength: 30 }))
  .map(([root, first, others]) => new Metadata({ version: 1, root, chunks: [first, ...others] }))
const chunk = fc
  .record({ root, index: fc.nat(), digest: hash })
  .map((fields) => new ChunkMetadata({ version: 1, ...fields }))
const request = fc
  .record(
    { version: fc.nat({ max: 0xffff }), namespace: hash, rootVersion: version },
    {
      requiredKeys: ["version", "namespace"]
    }
  )
  .map((fields) => new GetCheckpointsRequest(fields))

/** The reason of a refusal, or `accepted`. */
const refusal = (bytes: Uint8Array, chunksMax = 1_000_000): string =>
  Either.match(decodeMetadata(bytes, { chunksMax, chunkBytesMax: 1 }), {
    onLeft: (error) => error.reason,
    onRight: () => "accepted"
  })

const digest = new Uint8Array(32).fill(5)
const someRoot = new Map<string, Uint8Array | number>([
  ["ns", digest],
  ["hash", digest],
  ["version", 7],
  ["root_type", 1]
])
const fields = (changes: Record<string, Parameters<typeof encode>[0]> = {}) =>
  encode(new Map(Object.entries({ version: 1, root: someRoot, chunks: [digest], ...changes })))

describe("Metadata", () => {
  it.each(
    checkpoints()
      .filter((vector) => vector.dir !== undefined)
      .map((vector) => [vector.name, vector] as const)
  )("reads and writes the reference's meta of %s", (_, vector) => {
    const bytes = readFileSync(vectorUrl(`${vector.dir}/${vector.version}/${toHex(vector.root)}/meta`))
    const metadata = Either.getOrThrow(decodeMetadata(bytes))
    expect(toHex(metadata.root.hash)).toBe(toHex(vector.root))
    expect(metadata.chunks.map(toHex)).toEqual(vector.chunks?.map(toHex))
    expect(toHex(encodeMetadata(metadata))).toBe(toHex(bytes))
    expect(toHex(metadata.encodedHash())).toBe(toHex(vector.encodedHash))
  })

  it("decodes what it encodes, and nothing close to it", () => {
    holds(
      fc.property(metadata, (metadata) => {
        expect(Either.getOrThrow(decodeMetadata(encodeMetadata(metadata)))).toEqual(metadata)
      }),
      100
    )
    holds(
      fc.property(metadata, fc.nat(), fc.integer({ min: 1, max: 255 }), (metadata, at, bits) => {
        const bytes = encodeMetadata(metadata)
        bytes[at % bytes.length]! ^= bits
        const decoded = decodeMetadata(bytes)
        // a changed hash or version is another checkpoint's metadata
        if (Either.isRight(decoded)) expect(toHex(encodeMetadata(decoded.right))).toBe(toHex(bytes))
        else expect(decoded.left._tag).toBe("InvalidMetadata")
      }),
      500
    )
  })

  it("names what is wrong", () => {
    expect(refusal(fields())).toBe("accepted")
    expect(refusal(fields({ chunks: [] }))).toMatch(/no chunks/)
    expect(refusal(fields({ chunks: [digest, digest.subarray(1)] }))).toMatch(/no byte string of 32 bytes/)
    expect(refusal(fields({ chunks: [digest, digest, digest] }), 2)).toMatch(/more than 2 chunks/)
    expect(refusal(fields({ version: 2 }))).toMatch(/format version 2 is unknown/)
    expect(refusal(fields({ extra: 1 }))).toMatch(/unknown field "extra"/)
    expect(refusal(fields({ root: new Map([...someRoot, ["root_type", 3]]) }))).toMatch(/root_type 3/)
    expect(refusal(fields({ root: new Map([...someRoot, ["root_type", 0]]) }))).toMatch(/root_type 0/)
    expect(refusal(fields({ root: new Map([...someRoot, ["ns", digest.subarray(1)]]) }))).toMatch(/31 bytes/)
    expect(refusal(Uint8Array.of(...fields(), 0))).toMatch(/left over/)
    expect(refusal(new Uint8Array(0))).toMatch(/input ends/)
    // a map of one field that nests arrays without end, and an array that announces 2^32 items
    expect(refusal(Uint8Array.of(0xa1, 0x61, 0x61, ...Array(10_000).fill(0x81)))).toMatch(
      /within one another/
    )
    expect(refusal(Uint8Array.of(0xa1, 0x61, 0x61, 0x9a, 0xff, 0xff, 0xff, 0xff))).toMatch(
      /more is announced/
    )
    expect(refusal(new Uint8Array(1_000), 2)).toMatch(/at most/)
  })

  it("gives the metadata of each chunk", () => {
    holds(
      fc.property(metadata, (metadata) => {
        for (const [index, digest] of metadata.chunks.entries()) {
          const chunk = Either.getOrThrow(metadata.getChunkMetadata(index))
          expect(chunk).toEqual(new ChunkMetadata({ version: 1, root: metadata.root, index, digest }))
        }
        for (const index of [-1, 0.5, metadata.chunks.length]) {
          const missing = Either.getOrThrow(Either.flip(metadata.getChunkMetadata(index)))
          expect([missing._tag, missing.code, missing.index]).toEqual(["ChunkNotFound", 2, index])
        }
      }),
      50
    )
  })
})

describe("ChunkMetadata and GetCheckpointsRequest", () => {
  it("decode what they encode", () => {
    holds(
      fc.property(chunk, request, (chunk, request) => {
        expect(Either.getOrThrow(decodeChunkMetadata(encodeChunkMetadata(chunk)))).toEqual(chunk)
        expect(Either.getOrThrow(decodeGetCheckpointsRequest(encodeGetCheckpointsRequest(request)))).toEqual(
          request
        )
      }),
      200
    )
  })

  it("turn arbitrary bytes into values or InvalidMetadata", () => {
    const tag = (result: Either.Either<unknown, { readonly _tag: string }>) =>
      Either.match(result, { onLeft: (error) => error._tag, onRight: () => "InvalidMetadata" })
    holds(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        chunk,
        fc.nat(),
        fc.nat({ max: 255 }),
        (bytes, chunk, at, byte) => {
          const changed = encodeChunkMetadata(chunk)
          changed[at % changed.length] = byte
          for (const candidate of [bytes, changed]) {
            expect(tag(decodeChunkMetadata(candidate))).toBe("InvalidMetadata")
            expect(tag(decodeGetCheckpointsRequest(candidate))).toBe("InvalidMetadata")
            expect(tag(decodeMetadata(candidate))).toBe("InvalidMetadata")
          }
        }
      ),
      300
    )
  })

  it("omits an absent root version", () => {
    const request = new GetCheckpointsRequest({ version: 1, namespace: digest })
    expect(toHex(encodeGetCheckpointsRequest(request))).toBe(
      `a26776657273696f6e01696e616d6573706163655820${toHex(digest)}`
    )
  })
})
