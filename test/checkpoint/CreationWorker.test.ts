import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { FileSystem } from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Ref } from "effect"
import { CheckpointCreator } from "../../src/checkpoint/CheckpointCreator.ts"
import type { CreationJob } from "../../src/checkpoint/CreationJob.ts"
import { jobRoot, makeCreationWorker, workerUrl } from "../../src/checkpoint/CreationWorker.ts"
import { toHex } from "../../src/mkvs/Bytes.ts"
import type { Entry } from "../../src/mkvs/Tree.ts"
import { contents } from "./creators.ts"
import { chunksOf, files, rootOf, sourceOf, temporaryDirectory, treeOf } from "./support.ts"

const program = new URL("./programs/worker.mjs", import.meta.url)

const text = (value: string) => new TextEncoder().encode(value)
/** The tree that the worker's program has, too. */
const tree = treeOf(Array.from({ length: 200 }, (_, i): Entry => [text(`key ${i}`), text(`value ${i}`)]))
const root = rootOf(tree)
/** Each key is a chunk, and so a turn: enough of them for a worker to be worth it. */
const options = { chunkSize: 0, threads: 3 }
const digests = chunksOf(tree.root, options).map(({ digest }) => toHex(digest))

const job = (databasePath: string, directory: string): CreationJob => ({
  databasePath,
  root: jobRoot(root),
  directory,
  ...options,
  chunksMax: 1_000
})

const withWorker = <A, E>(
  use: (
    run: (
      databasePath: string,
      changes?: Partial<CreationJob>,
      onProgress?: () => void
    ) => ReturnType<Effect.Effect.Success<ReturnType<typeof makeCreationWorker>>["run"]>,
    directory: string
  ) => Effect.Effect<A, E, FileSystem>
) =>
  Effect.gen(function* () {
    const worker = yield* makeCreationWorker(program)
    let jobs = 0
    const base = yield* temporaryDirectory
    return yield* use((databasePath, changes = {}, onProgress = () => {}) => {
      const directory = `${base}/${jobs++}`
      return Effect.flatMap(FileSystem, (fs) => fs.makeDirectory(directory)).pipe(
        Effect.orDie,
        Effect.zipRight(worker.run({ ...job(databasePath, directory), ...changes }, onProgress)),
        Effect.provide(files)
      )
    }, base)
  }).pipe(Effect.scoped, Effect.provide(files))

describe("CreationWorker", () => {
  it.effect("makes the same chunks as this thread, one job after the other", () =>
    withWorker((run, directory) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem
        const [first, second] = yield* Effect.all([run("whole"), run("whole")], { concurrency: "unbounded" })
        for (const produced of [first, second]) expect(produced.digests.map(toHex)).toEqual(digests)
        for (const [index, { framed }] of chunksOf(tree.root, options).entries()) {
          expect(toHex(yield* fs.readFile(`${directory}/0/${index}`))).toBe(toHex(framed))
        }
      })
    )
  )

  it.effect("passes failures on, and then does the next job", () =>
    withWorker((run, directory) =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(run("unknown"))).toMatchObject({ _tag: "RootNotFound", version: 1n })
        expect(yield* Effect.flip(run("damaged"))).toMatchObject({
          _tag: "DatabaseDamaged",
          record: "page 7"
        })
        const nowhere = yield* Effect.flip(run("whole", { directory: `${directory}/nowhere` }))
        expect(nowhere).toMatchObject({
          _tag: "CheckpointStorageFailed",
          operation: "create",
          path: `${directory}/nowhere/0`
        })
        expect(yield* Effect.flip(run("whole", { chunksMax: 3 }))).toMatchObject({ _tag: "InvalidMetadata" })
        const mistaken = yield* Effect.exit(run("mistaken"))
        expect(Exit.isFailure(mistaken) && Cause.pretty(mistaken.cause)).toMatch(/a mistake/)
        expect((yield* run("whole")).digests.map(toHex)).toEqual(digests)
      })
    )
  )

  it.effect("is started anew when its thread ends", () =>
    withWorker((run) =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(run("exits"))
        expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toMatch(/ended with code 3/)
        expect((yield* run("whole")).digests.map(toHex)).toEqual(digests)
      })
    )
  )

  it.effect("stops where it is when it is interrupted, and writes no more", () =>
    withWorker((run, directory) =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const hanging = yield* Effect.fork(run("hangs", {}, () => Deferred.unsafeDone(begun, Effect.void)))
        yield* Deferred.await(begun)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(hanging))).toBe(true)
        const left = yield* contents(`${directory}/0`)
        expect((yield* run("whole")).digests.map(toHex)).toEqual(digests)
        expect(yield* contents(`${directory}/0`)).toEqual(left)
      })
    )
  )

  it("finds its program beside itself, or the built one from the sources", () => {
    expect(workerUrl("file:///a/dist/checkpoint/CreationWorker.js")?.href).toBe(
      "file:///a/dist/checkpoint/worker.js"
    )
    expect(workerUrl("file:///nowhere/src/checkpoint/CreationWorker.ts")).toBeUndefined()
    const built = fileURLToPath(new URL("../../dist/checkpoint/worker.js", import.meta.url))
    expect(existsSync(built)).toBe(true)
    expect(workerUrl()?.pathname).toBe(built)
  })
})

describe("CheckpointCreator with a worker", () => {
  const withCreator = <A, E>(
    databasePath: string,
    use: (
      creator: CheckpointCreator.Service,
      seen: { readonly directory: string; readonly turns: Effect.Effect<number> }
    ) => Effect.Effect<A, E, FileSystem>
  ) =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const turns = yield* Ref.make(0)
      const source = sourceOf([tree], {
        beforeTurn: Ref.update(turns, (n) => n + 1),
        worker: { databasePath }
      })
      const layer = Layer.provide(CheckpointCreator.layer({ directory, worker: program }), source)
      return yield* Effect.provide(
        Effect.flatMap(CheckpointCreator, (creator) => use(creator, { directory, turns: Ref.get(turns) })),
        layer
      )
    }).pipe(Effect.scoped, Effect.provide(files))

  it.effect("does small trees here, hands larger ones over, and then stays with the worker", () =>
    withCreator("whole", (creator, seen) =>
      Effect.gen(function* () {
        yield* creator.create(rootOf(tree, 1n), 1_000_000, 0)
        const small = yield* seen.turns
        const first = yield* creator.create(rootOf(tree, 2n), options.chunkSize, options.threads)
        expect(first.chunks.map(toHex)).toEqual(digests)
        const handedOver = yield* seen.turns
        expect(handedOver).toBeGreaterThan(small)
        yield* creator.create(rootOf(tree, 3n), 1_000_000, 0)
        expect(yield* seen.turns).toBe(handedOver)
        const hash = toHex(root.hash)
        const small1 = yield* contents(`${seen.directory}/1/${hash}/chunks`)
        expect(yield* contents(`${seen.directory}/3/${hash}/chunks`)).toEqual(small1)
      })
    )
  )

  it.effect("reads here what only this thread can see yet", () =>
    withCreator("unknown", (creator) =>
      Effect.gen(function* () {
        const { chunks } = yield* creator.create(root, options.chunkSize, options.threads)
        expect(chunks.map(toHex)).toEqual(digests)
      })
    )
  )

  it.effect("leaves nothing when the worker fails or is interrupted", () =>
    Effect.gen(function* () {
      yield* withCreator("damaged", (creator, { directory }) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(creator.create(root, options.chunkSize, options.threads))
          expect(error._tag).toBe("DatabaseDamaged")
          expect(yield* contents(directory)).toEqual([])
        })
      )
      yield* withCreator("hangs", (creator, { directory }) =>
        Effect.gen(function* () {
          const begun = yield* Deferred.make<void>()
          let turns = 0
          // the worker begins anew after the turns of this thread
          const onProgress = ({ keys }: { readonly keys: number }) => {
            if (keys < turns) Deferred.unsafeDone(begun, Effect.void)
            turns = keys
          }
          const creating = yield* Effect.fork(
            creator.create(root, options.chunkSize, options.threads, { onProgress })
          )
          yield* Deferred.await(begun)
          expect(yield* contents(directory)).not.toEqual([])
          yield* Fiber.interrupt(creating)
          expect(yield* contents(directory)).toEqual([])
        })
      )
    })
  )
})
