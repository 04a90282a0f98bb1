import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, FastCheck as fc, Layer, Option, type Scope } from "effect"
import * as Creator from "../../src/checkpoint/CheckpointCreator.ts"
import { CheckpointCreator } from "../../src/checkpoint/CheckpointCreator.ts"
import { CheckpointSource } from "../../src/checkpoint/CheckpointSource.ts"
import { CreateRestorer } from "../../src/checkpoint/CreateRestorer.ts"
import { decodeMetadata } from "../../src/checkpoint/Metadata.ts"
import { Restorer } from "../../src/checkpoint/Restorer.ts"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { type Root, rootType } from "../../src/mkvs/Root.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { checkpoints, vectorUrl } from "../mkvs/vectors.ts"
import { clean, type Disk, inventoryOf, lmdbDisk, memoryDisk } from "../storage/database/disks.ts"
import { fails, text } from "../storage/database/support.ts"
import {
  cut,
  expectNothingLeft,
  expectRestored,
  forged,
  frame,
  type Made,
  make,
  type Restoring,
  restoreAll,
  restoring,
  restoringOn
} from "./restoring.ts"
import { dataTree, emptyTree, files, rootOf, someOptions, someTree, temporaryDirectory } from "./support.ts"

/** One of the reference's own checkpoints, as it lies on disk. */
const readVector = (vector: (typeof vectors)[number]): Made => {
  const place = join(fileURLToPath(vectorUrl(vector.dir!)), "1", toHex(vector.root))
  const metadata = Either.getOrThrow(decodeMetadata(readFileSync(join(place, "meta"))))
  const chunks = metadata.chunks.map(
    (_, index) => new Uint8Array(readFileSync(join(place, "chunks", `${index}`)))
  )
  return { metadata, chunks, tree: dataTree(vector.profile, vector.n) }
}

const vectors = checkpoints().filter(({ dir }) => dir !== undefined)

/** Makes a checkpoint of the root in a fresh directory, without a worker; gives its files by name. */
const recreate = ({ database }: Restoring, root: Root, chunkSize: number, threads: number) =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const source = Layer.provide(
      CheckpointSource.layer,
      Layer.succeed(NodeDatabase, { ...database, path: Option.none() })
    )
    const creator = yield* Effect.provide(Creator.make({ directory }), source)
    const metadata = yield* creator.create(root, chunkSize, threads)
    return { metadata, files: filesBelow(directory) }
  }).pipe(Effect.provide(files))

const filesBelow = (directory: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(directory.length), readFileSync(path).toString("hex")])
  )

const backwards = ({ chunks }: Made) => chunks.map((_, index) => chunks.length - 1 - index)

const disks: ReadonlyArray<readonly [string, Effect.Effect<Disk, never, Scope.Scope>]> = [
  ["memory", memoryDisk],
  ["LMDB", lmdbDisk]
]

describe.each(disks)("a restored database in %s", (_, newDisk) => {
  it.scoped.each(vectors)(
    "is that of the reference's checkpoint $name, which it makes again byte for byte",
    (vector) =>
      Effect.gen(function* () {
        const made = readVector(vector)
        const here = yield* restoringOn(yield* newDisk)
        yield* here.restorer.startRestore(made.metadata)
        yield* restoreAll(here, made, backwards(made))
        yield* expectRestored(here, made)
        const again = yield* recreate(here, made.metadata.root, vector.chunkSize, vector.threads)
        expect(toHex(again.metadata.encodedHash())).toBe(toHex(vector.encodedHash))
        expect(again.files).toEqual(filesBelow(fileURLToPath(vectorUrl(vector.dir!))))
      })
  )

  it.scoped("can be extended and pruned like any other", () =>
    Effect.gen(function* () {
      const made = make(dataTree("prefix", 300), { threads: 4 })
      const here = yield* restoringOn(yield* newDisk)
      yield* here.restorer.startRestore(made.metadata)
      yield* restoreAll(here, made)
      yield* here.database.finalize([made.metadata.root])
      const tree = made.tree.fork()
      const { root } = yield* Effect.scoped(
        Effect.gen(function* () {
          const batch = yield* here.database.newBatch(made.metadata.root, 2n)
          for (const target of [batch, tree]) {
            for (const [index, [key]] of Array.from(made.tree.iterate()).entries()) {
              if (index % 3 === 0) target.remove(key)
              if (index % 7 === 0) target.insert(key, text(`new ${index}`))
            }
            target.insert(text("another"), text("one"))
          }
          return yield* batch.commit
        })
      )
      expect(toHex(root.hash)).toBe(toHex(tree.commit().rootHash))
      yield* here.database.finalize([root])
      yield* here.database.prune(1n)
      expect(yield* inventoryOf(here.disk)).toMatchObject({ ...clean, versions: [2n] })
      expect((yield* here.database.verify(root)).keys).toBe(Array.from(tree.iterate()).length)
    })
  )

  it.scoped("has both roots of its version, restored one after the other", () =>
    Effect.gen(function* () {
      const state = make(dataTree("hash", 200), {}, rootOf(dataTree("hash", 200), 5n))
      const io = make(
        dataTree("prefix", 120),
        { chunkSize: 500 },
        rootOf(dataTree("prefix", 120), 5n, rootType.io)
      )
      const here = yield* restoringOn(yield* newDisk)
      for (const made of [state, io]) {
        yield* here.restorer.startRestore(made.metadata)
        expect(yield* here.restorer.currentCheckpoint).toEqual(Option.some(made.metadata))
        yield* restoreAll(here, made, backwards(made))
      }
      yield* here.database.finalize([io.metadata.root, state.metadata.root])
      expect(yield* here.database.rootsForVersion(5n)).toEqual([state.metadata.root, io.metadata.root])
      for (const { metadata, tree } of [state, io]) {
        expect(yield* here.database.verify(metadata.root)).toMatchObject({
          keys: Array.from(tree.iterate()).length
        })
      }
      expect(yield* inventoryOf(here.disk)).toMatchObject(clean)
    })
  )

  it.scoped("an abort while the second root comes takes the first one with it", () =>
    Effect.gen(function* () {
      const state = make(dataTree("hash", 200))
      const io = make(dataTree("prefix", 120), {}, rootOf(dataTree("prefix", 120), 1n, rootType.io))
      const here = yield* restoringOn(yield* newDisk)
      yield* here.restorer.startRestore(state.metadata)
      yield* restoreAll(here, state)
      yield* here.restorer.startRestore(io.metadata)
      yield* here.restorer.restoreChunk(0, io.chunks[0]!)
      yield* here.restorer.abortRestore
      yield* expectNothingLeft(here)
    })
  )

  it.scoped("an empty tree has one chunk", () =>
    Effect.gen(function* () {
      const made = make(emptyTree)
      expect(made.chunks.length).toBe(1)
      const here = yield* restoringOn(yield* newDisk)
      yield* here.restorer.startRestore(made.metadata)
      yield* restoreAll(here, made)
      yield* expectRestored(here, made)
    })
  )
})

describe("a restore that is interrupted", () => {
  it.scoped("is there again when the directory is opened anew, with the chunks that were done", () =>
    Effect.gen(function* () {
      const disk = yield* lmdbDisk
      const made = make(dataTree("hash", 1_000), { chunkSize: 8_000, threads: 3 })
      const done: Array<number> = []
      for (const some of [[7, 2], [0], [], [11, 10, 9]]) {
        yield* Effect.gen(function* () {
          const here = yield* restoringOn(disk)
          const current = yield* here.restorer.currentCheckpoint
          if (done.length === 0) yield* here.restorer.startRestore(made.metadata)
          else expect(current).toEqual(Option.some(made.metadata))
          const missing = made.chunks.map((_, index) => index).filter((index) => !done.includes(index))
          expect(yield* here.restorer.missingChunks).toEqual(missing)
          for (const index of some) yield* here.restorer.restoreChunk(index, made.chunks[index]!)
          done.push(...some)
          if (done.length > 0) {
            yield* fails(here.restorer.restoreChunk(done[0]!, made.chunks[done[0]!]!), "ChunkAlreadyRestored")
            yield* fails(here.restorer.startRestore(made.metadata), "RestoreAlreadyInProgress")
          }
        }).pipe(Effect.scoped)
      }
      const here = yield* restoringOn(disk)
      yield* restoreAll(here, made, yield* here.restorer.missingChunks)
      yield* expectRestored(here, made)
    })
  )

  it.scoped("can be aborted by the next process, which leaves nothing", () =>
    Effect.gen(function* () {
      const disk = yield* lmdbDisk
      const made = make(dataTree("hash", 200))
      yield* Effect.gen(function* () {
        const here = yield* restoringOn(disk)
        yield* here.restorer.startRestore(made.metadata)
        yield* here.restorer.restoreChunk(1, made.chunks[1]!)
      }).pipe(Effect.scoped)
      yield* Effect.gen(function* () {
        const here = yield* restoringOn(disk)
        yield* here.restorer.abortRestore
        yield* expectNothingLeft(here)
      }).pipe(Effect.scoped)
      const here = yield* restoringOn(disk)
      yield* expectNothingLeft(here)
      yield* here.restorer.startRestore(made.metadata)
      yield* restoreAll(here, made)
      yield* expectRestored(here, made)
    })
  )
})

describe("Restorer and the database's versions", () => {
  it.scoped("AlreadyFinalized and NotFinalized: a version that is there, or that leaves a gap", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      const first = make(dataTree("decimal", 100), {}, rootOf(dataTree("decimal", 100), 7n))
      yield* here.restorer.startRestore(first.metadata)
      yield* restoreAll(here, first)
      yield* here.database.finalize([first.metadata.root])
      yield* fails(here.restorer.startRestore(first.metadata), "AlreadyFinalized")
      const far = make(dataTree("hash", 50), {}, rootOf(dataTree("hash", 50), 9n))
      yield* fails(here.restorer.startRestore(far.metadata), "NotFinalized")
      const next = make(dataTree("hash", 50), {}, rootOf(dataTree("hash", 50), 8n))
      yield* here.restorer.startRestore(next.metadata)
      yield* restoreAll(here, next)
      yield* here.database.finalize([next.metadata.root])
      expect(yield* here.database.latestVersion).toEqual(Option.some(8n))
      yield* here.database.prune(7n)
      expect(yield* inventoryOf(here.disk)).toMatchObject({ ...clean, versions: [8n] })
    })
  )

  it.scoped("MultipartInProgress: somebody else's insert", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      yield* here.database.multipart.start(3n, text("not a checkpoint"))
      yield* fails(here.restorer.startRestore(make(dataTree("hash", 50)).metadata), "MultipartInProgress")
    })
  )
})

describe("a decompression bomb", () => {
  const made = make(dataTree("hash", 200))

  it.scoped("is refused by the size it says it has", () =>
    Effect.gen(function* () {
      const here = yield* restoring({ limits: { chunkBytesMax: 1_000_000 } })
      const bomb = forged(made, 0, frame(new Uint8Array(80_000_000)))
      expect(bomb.chunks[0]!.length).toBeLessThan(5_000_000)
      yield* here.restorer.startRestore(bomb.metadata)
      const before = process.memoryUsage().arrayBuffers
      const error = yield* fails(
        here.restorer.restoreChunk(0, bomb.chunks[0]!),
        "ChunkProofVerificationFailed"
      )
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000_000)
      expect(error.reason).toContain("1000000")
      yield* expectNothingLeft(here)
    })
  )

  it.scoped("of one block that claims four gigabytes is refused, too", () =>
    Effect.gen(function* () {
      const here = yield* restoring()
      const stream = made.chunks[0]!.subarray(0, 10)
      const block = Uint8Array.of(0, 9, 0, 0, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff, 0x0f)
      const bomb = forged(made, 0, new Uint8Array(Buffer.concat([stream, block])))
      yield* here.restorer.startRestore(bomb.metadata)
      yield* fails(here.restorer.restoreChunk(0, bomb.chunks[0]!), "ChunkProofVerificationFailed")
      yield* expectNothingLeft(here)
    })
  )
})

describe("any tree, cut in any way", () => {
  it("is restored from its chunks in any order and any number at once, and cut again the same way", () =>
    fc.assert(
      fc.asyncProperty(
        someTree,
        someOptions,
        fc.array(fc.nat()),
        fc.integer({ min: 1, max: 5 }),
        (...random) => {
          const [tree, options, order, atOnce] = random
          return Effect.gen(function* () {
            const made = make(tree, options)
            const here = yield* restoring()
            yield* here.restorer.startRestore(made.metadata)
            const indexes = shuffled(made.chunks.length, order)
            const results = yield* Effect.forEach(
              indexes,
              (index) => here.restorer.restoreChunk(index, made.chunks[index]!),
              { concurrency: atOnce }
            )
            expect(results.filter((whole) => whole).length).toBe(1)
            yield* expectRestored(here, made)
            const { top } = yield* here.database.snapshot(made.metadata.root)
            expect(cut(top, options, made.metadata.root).metadata).toEqual(made.metadata)
          }).pipe(Effect.scoped, Effect.runPromise)
        }
      ),
      { numRuns: 150 }
    ))
})

const shuffled = (count: number, order: ReadonlyArray<number>): ReadonlyArray<number> => {
  const rest = Array.from({ length: count }, (_, index) => index)
  return Array.from({ length: count }, (_, i) => rest.splice((order[i] ?? 0) % rest.length, 1)[0]!)
}

describe("CreateRestorer", () => {
  it.scoped("makes checkpoints of what it restored", () =>
    Effect.gen(function* () {
      const made = make(dataTree("hash", 200))
      const directory = yield* temporaryDirectory
      const database = NodeDatabase.layerMemory()
      const parts = Layer.merge(
        CheckpointCreator.layer({ directory }).pipe(Layer.provide(CheckpointSource.layer)),
        Restorer.layer()
      )
      const layer = CreateRestorer.layer.pipe(Layer.provide(parts), Layer.provideMerge(database))
      yield* Effect.gen(function* () {
        const both = yield* CreateRestorer
        yield* both.startRestore(made.metadata)
        for (const [index, chunk] of made.chunks.entries()) yield* both.restoreChunk(index, chunk)
        yield* (yield* NodeDatabase).finalize([made.metadata.root])
        expect(yield* both.create(made.metadata.root, 2_048, 0)).toEqual(made.metadata)
        expect(yield* both.get(1, made.metadata.root)).toEqual(made.metadata)
        yield* both.delete(1, made.metadata.root)
      }).pipe(Effect.provide(layer))
    }).pipe(Effect.provide(files))
  )
})
