import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Fiber } from "effect"
import { decodeMetadata } from "../../src/checkpoint/Metadata.ts"
import { concat, toHex } from "../../src/mkvs/Bytes.ts"
import { type CborValue, encode } from "../../src/mkvs/Cbor.ts"
import { frameEntries } from "../../src/mkvs/CborEntries.ts"
import { Root, rootToCbor } from "../../src/mkvs/Root.ts"
import { hashText } from "../mkvs/hasher.ts"
import { fails } from "../storage/database/support.ts"
import {
  expectNothingLeft,
  expectRestored,
  forged,
  frame,
  make,
  metadataOf,
  restoreAll,
  restoring
} from "./restoring.ts"
import { chunksOf, dataTree, rootOf } from "./support.ts"

const made = make(dataTree("hash", 200))
const last = made.chunks.length - 1
const all = made.chunks.map((_, index) => index)

describe("Restorer, row by row of its table", () => {
  it.scoped("ChunkNotFound: an index that the metadata does not have; the restore goes on", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      yield* here.restorer.startRestore(made.metadata)
      for (const index of [-1, last + 1, 1.5, Number.NaN, 2 ** 40]) {
        const error = yield* fails(here.restorer.restoreChunk(index, made.chunks[0]!), "ChunkNotFound")
        expect(error).toMatchObject({ code: 2, index, rootVersion: 1n })
      }
      yield* restoreAll(here, made)
      yield* expectRestored(here, made)
    })
  )

  it.scoped("RestoreAlreadyInProgress: a start while one is running, also the same; it goes on", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      yield* here.restorer.startRestore(made.metadata)
      const other = make(dataTree("short", 300), {}, rootOf(dataTree("short", 300), 9n))
      for (const metadata of [made.metadata, other.metadata]) {
        const error = yield* fails(here.restorer.startRestore(metadata), "RestoreAlreadyInProgress")
        expect(error).toMatchObject({ code: 3, rootVersion: 1n, rootHash: toHex(made.metadata.root.hash) })
      }
      yield* restoreAll(here, made)
      yield* expectRestored(here, made)
    })
  )

  it.scoped("NoRestoreInProgress: a chunk before a restore, after one, and after an abort", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      const refused = fails(here.restorer.restoreChunk(0, made.chunks[0]!), "NoRestoreInProgress")
      expect((yield* refused).code).toBe(4)
      yield* here.restorer.startRestore(made.metadata)
      yield* here.restorer.abortRestore
      yield* refused
      yield* expectNothingLeft(here)
      yield* here.restorer.startRestore(made.metadata)
      yield* restoreAll(here, made)
      yield* refused
      yield* expectRestored(here, made)
      yield* refused
    })
  )

  it.scoped("ChunkAlreadyRestored: a chunk a second time; the restore goes on", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      yield* here.restorer.startRestore(made.metadata)
      yield* here.restorer.restoreChunk(2, made.chunks[2]!)
      const error = yield* fails(here.restorer.restoreChunk(2, made.chunks[2]!), "ChunkAlreadyRestored")
      expect(error).toMatchObject({ code: 5, index: 2 })
      yield* restoreAll(
        here,
        made,
        all.filter((index) => index !== 2)
      )
      yield* expectRestored(here, made)
    })
  )

  it.scoped("ChunkCorrupted: bytes of another digest, again and again; the restore goes on", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      yield* here.restorer.startRestore(made.metadata)
      const flipped = made.chunks[0]!.slice()
      flipped[flipped.length >> 1]! ^= 1
      for (const bytes of [flipped, made.chunks[1]!, made.chunks[0]!.slice(1), new Uint8Array(0)]) {
        const error = yield* fails(here.restorer.restoreChunk(0, bytes), "ChunkCorrupted")
        expect(error).toMatchObject({ code: 7, index: 0, expected: toHex(made.metadata.chunks[0]) })
      }
      expect(yield* here.restorer.missingChunks).toEqual(all)
      yield* restoreAll(here, made)
      yield* expectRestored(here, made)
    })
  )

  const otherTree = dataTree("hash", 199)
  const bad: ReadonlyArray<readonly [string, Uint8Array]> = [
    ["no snappy stream", new TextEncoder().encode("hello")],
    ["nothing at all", new Uint8Array(0)],
    ["no entries", frame(Uint8Array.of(0x61, 0x61))],
    ["a chunk of another tree", chunksOf(otherTree.root, { chunkSize: 2_048, threads: 0 })[1]!.framed],
    ["an empty tree", frame(frameEntries([null]))],
    [
      "the root left out",
      frame(frameEntries([concat(Uint8Array.of(2), made.metadata.root.hash)]).subarray(0, -1))
    ],
    ["a chunk and one byte", concat(made.chunks[3]!, Uint8Array.of(0))],
    ["a chunk cut short", made.chunks[3]!.subarray(0, -1)]
  ]
  it.scoped.each(bad)(
    "ChunkProofVerificationFailed: the right digest of %s; aborted, nothing stays",
    ([, bytes]) =>
      Effect.gen(function* () {
        const here = yield* restoring()
        const lying = forged(made, 3, bytes)
        yield* here.restorer.startRestore(lying.metadata)
        for (const index of [5, 0, 4]) yield* here.restorer.restoreChunk(index, lying.chunks[index]!)
        const error = yield* fails(here.restorer.restoreChunk(3, bytes), "ChunkProofVerificationFailed")
        expect(error).toMatchObject({ code: 6, index: 3 })
        expect(error.reason.length).toBeGreaterThan(5)
        yield* expectNothingLeft(here)
        yield* here.restorer.startRestore(made.metadata)
        yield* restoreAll(here, made)
        yield* expectRestored(here, made)
      })
  )

  it.scoped(
    "CheckpointIncomplete: the first of six chunks is all there is; aborted, nothing is final or stays",
    () =>
      Effect.gen(function* () {
        const tree = dataTree("hash", 1_000)
        const six = make(tree, { chunkSize: 19_000 })
        expect(six.chunks.length).toBe(6)
        const here = yield* restoring()
        yield* here.restorer.startRestore(metadataOf(six.metadata.root, six.metadata.chunks.slice(0, 1)))
        const error = yield* fails(here.restorer.restoreChunk(0, six.chunks[0]!), "CheckpointIncomplete")
        expect(error.count).toBeGreaterThan(0)
        expect(error.missing.length).toBe(Math.min(16, error.count))
        expect(error.missing.every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true)
        yield* expectNothingLeft(here)
        expect(yield* here.database.has(six.metadata.root)).toBe(false)
        yield* here.restorer.startRestore(six.metadata)
        yield* restoreAll(here, six)
        yield* expectRestored(here, six)
      })
  )

  it.scoped("CheckpointIncomplete: any one chunk left out", () =>
    Effect.gen(function* () {
      for (const left of all) {
        const here = yield* restoring()
        const indexes = all.filter((index) => index !== left)
        const digests = indexes.map((index) => made.metadata.chunks[index]!)
        yield* here.restorer.startRestore(metadataOf(made.metadata.root, digests))
        for (const [at, index] of indexes.slice(0, -1).entries()) {
          expect(yield* here.restorer.restoreChunk(at, made.chunks[index]!)).toBe(false)
        }
        const final = here.restorer.restoreChunk(indexes.length - 1, made.chunks[indexes.at(-1)!]!)
        yield* fails(final, "CheckpointIncomplete")
        yield* expectNothingLeft(here)
      }
    })
  )

  it.scoped("InvalidMetadata: another namespace, or more chunks than the limit; not started", () =>
    Effect.gen(function* () {
      const here = yield* restoring({ limits: { chunksMax: 10 } })
      const { root } = made.metadata
      const digests = Array.from({ length: 11 }, (_, i) => hashText(`digest ${i}`))
      const strange = metadataOf(new Root({ ...root, namespace: hashText("elsewhere") }), digests.slice(1))
      expect((yield* fails(here.restorer.startRestore(strange), "InvalidMetadata")).message).toContain(
        "namespace"
      )
      const long = metadataOf(root, digests)
      expect((yield* fails(here.restorer.startRestore(long), "InvalidMetadata")).message).toContain(
        "10 chunks"
      )
      yield* expectNothingLeft(here)
      const small = make(dataTree("decimal", 20))
      yield* here.restorer.startRestore(small.metadata)
      yield* restoreAll(here, small)
      yield* expectRestored(here, small)
    })
  )

  it.scoped.each<
    readonly [string, (fields: Map<string, CborValue>, root: Map<string, CborValue>) => void, RegExp]
  >([
    ["without chunks", (fields) => void fields.set("chunks", []), /no chunks/],
    ["of an unknown root type", (_, root) => void root.set("root_type", 3n), /root_type 3/],
    ["of another format", (fields) => void fields.set("version", 2n), /version 2/],
    ["with a digest cut short", (fields) => void fields.set("chunks", [new Uint8Array(31)]), /digest/],
    ["with a field too many", (fields) => void fields.set("more", 1n), /more/]
  ])("InvalidMetadata: bytes of metadata %s; not started", ([, change, reason]) =>
    Effect.gen(function* () {
      const here = yield* restoring()
      const root = new Map(rootToCbor(made.metadata.root))
      const fields = new Map<string, CborValue>([
        ["version", 1n],
        ["root", root],
        ["chunks", made.metadata.chunks]
      ])
      const start = () => Effect.flatMap(decodeMetadata(encode(fields)), here.restorer.startRestore)
      change(fields, root)
      expect((yield* fails(start(), "InvalidMetadata")).message).toMatch(reason)
      yield* expectNothingLeft(here)
    })
  )
})

describe("Restorer checks in this order", () => {
  const nonsense = new TextEncoder().encode("nonsense")

  it.scoped("a restore, the index, whether it is there, the digest, the content", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      const { restorer } = here
      const lying = forged(made, 1, nonsense)
      yield* fails(restorer.restoreChunk(99, nonsense), "NoRestoreInProgress")
      yield* restorer.startRestore(lying.metadata)
      yield* fails(restorer.restoreChunk(99, nonsense), "ChunkNotFound")
      yield* restorer.restoreChunk(0, lying.chunks[0]!)
      yield* fails(restorer.restoreChunk(0, nonsense), "ChunkAlreadyRestored")
      yield* fails(restorer.restoreChunk(2, nonsense), "ChunkCorrupted")
      yield* fails(restorer.restoreChunk(1, nonsense), "ChunkProofVerificationFailed")
      yield* fails(restorer.restoreChunk(0, lying.chunks[0]!), "NoRestoreInProgress")
      yield* expectNothingLeft(here)
    })
  )
})

describe("Restorer, with several calls at once", () => {
  it.scoped("a second call for a chunk waits for the first, then gets ChunkAlreadyRestored", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      yield* here.restorer.startRestore(made.metadata)
      const some = all.slice(0, -1)
      const call = (index: number) => Effect.either(here.restorer.restoreChunk(index, made.chunks[index]!))
      const results = yield* Effect.all([...some, ...some].map(call), { concurrency: "unbounded" })
      const tags = results.map((result) => (Either.isLeft(result) ? result.left._tag : result.right))
      expect(tags).toEqual([...some.map(() => false), ...some.map(() => "ChunkAlreadyRestored")])
      expect(yield* here.restorer.restoreChunk(last, made.chunks[last]!)).toBe(true)
      yield* expectRestored(here, made)
    })
  )

  it.scoped("all chunks at once: one call says that it was the last", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      yield* here.restorer.startRestore(made.metadata)
      const call = (index: number) => here.restorer.restoreChunk(index, made.chunks[index]!)
      const results = yield* Effect.all(all.map(call), { concurrency: "unbounded" })
      expect(results.filter((whole) => whole).length).toBe(1)
      yield* expectRestored(here, made)
    })
  )

  it.scoped("a second call takes its turn when the first brought wrong bytes", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      yield* here.restorer.startRestore(made.metadata)
      const calls = [made.chunks[1]!, made.chunks[0]!, made.chunks[0]!].map((bytes) =>
        Effect.either(here.restorer.restoreChunk(0, bytes))
      )
      const results = yield* Effect.all(calls, { concurrency: "unbounded" })
      const tags = results.map((result) => (Either.isLeft(result) ? result.left._tag : result.right))
      expect(tags).toEqual(["ChunkCorrupted", false, "ChunkAlreadyRestored"])
    })
  )

  it.scoped("calls in flight when the restore is aborted get NoRestoreInProgress, and leave nothing", () =>
    Effect.gen(function* () {
      let refused = 0
      for (let yields = 0; yields < 12; yields++) {
        const here = yield* restoring()
        yield* here.restorer.startRestore(made.metadata)
        const calls = yield* Effect.fork(
          Effect.all(
            all.map((index) => Effect.either(here.restorer.restoreChunk(index, made.chunks[index]!))),
            { concurrency: "unbounded" }
          )
        )
        for (let i = 0; i < yields; i++) yield* Effect.yieldNow()
        yield* here.restorer.abortRestore
        for (const result of yield* Fiber.join(calls)) {
          if (Either.isRight(result)) continue
          expect(result.left._tag).toBe("NoRestoreInProgress")
          refused++
        }
        yield* expectNothingLeft(here)
      }
      expect(refused).toBeGreaterThan(10)
    })
  )

  it.scoped("calls that an abort left waiting bring nothing into the restore that follows", () =>
    Effect.gen(function* () {
      // The same root cut otherwise: a chunk of one under an index of the other would hide that chunk.
      const other = make(made.tree, { chunkSize: 1_000, threads: 3 })
      for (let yields = 0; yields < 12; yields++) {
        const here = yield* restoring()
        yield* here.restorer.startRestore(made.metadata)
        const calls = yield* Effect.fork(
          Effect.all(
            all.map((index) => Effect.either(here.restorer.restoreChunk(index, made.chunks[index]!))),
            { concurrency: "unbounded" }
          )
        )
        for (let i = 0; i < yields; i++) yield* Effect.yieldNow()
        yield* here.restorer.abortRestore
        yield* here.restorer.startRestore(other.metadata)
        yield* Fiber.join(calls)
        expect(yield* here.database.multipart.done(other.metadata.root)).toEqual([])
        yield* restoreAll(here, other)
        yield* expectRestored(here, other)
      }
    })
  )

  it.scoped("one of two starts at once is refused", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      const start = Effect.either(here.restorer.startRestore(made.metadata))
      const results = yield* Effect.all([start, start], { concurrency: "unbounded" })
      expect(results.filter(Either.isRight).length).toBe(1)
      yield* restoreAll(here, made)
      yield* expectRestored(here, made)
    })
  )

  it.scoped("abort without a restore is no error", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      yield* here.restorer.abortRestore
      yield* expectNothingLeft(here)
    })
  )
})
