import { fileURLToPath } from "node:url"
import { FileSystem } from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Logger, Ref } from "effect"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { Root } from "../../src/mkvs/Root.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import { deepTree } from "../mkvs/deep.ts"
import { hashText, nodeHasher } from "../mkvs/hasher.ts"
import { checkpoints, vectorUrl } from "../mkvs/vectors.ts"
import { chunkOf, collect, contents, everything, root, tree, withCreator } from "./creators.ts"
import { dataTree, emptyTree, rootOf, sourceOf } from "./support.ts"

describe("CheckpointCreator.create", () => {
  const written = checkpoints().filter((vector) => vector.dir !== undefined)
  it.effect.each(written)("writes $name byte for byte as the reference does", (vector) => {
    const tree = dataTree(vector.profile, vector.n)
    return withCreator(
      (creator, directory) =>
        Effect.gen(function* () {
          const metadata = yield* creator.create(rootOf(tree), vector.chunkSize, vector.threads)
          expect(toHex(metadata.encodedHash())).toBe(toHex(vector.encodedHash))
          expect(yield* contents(directory)).toEqual(yield* contents(fileURLToPath(vectorUrl(vector.dir!))))
        }),
      sourceOf([tree])
    )
  })

  it.effect("returns the existing checkpoint, whatever the parameters", () =>
    withCreator((creator, directory) =>
      Effect.gen(function* () {
        const first = yield* creator.create(root, 2_048, 4)
        const before = yield* contents(directory)
        expect(yield* creator.create(root, 100, 0)).toEqual(first)
        expect(yield* contents(directory)).toEqual(before)
      })
    )
  )

  it.effect("makes a checkpoint once when it is asked for twice at the same time", () =>
    Effect.gen(function* () {
      const uses = yield* Ref.make(0)
      const pinned = Ref.update(uses, (n) => n + 1)
      const [first, second] = yield* withCreator(
        (creator) =>
          Effect.all([creator.create(root, 2_048, 0), creator.create(root, 4_096, 0)], {
            concurrency: "unbounded"
          }),
        sourceOf([tree], { pinned })
      )
      expect(second).toEqual(first)
      expect(yield* Ref.get(uses)).toBe(1)
    })
  )

  it.effect("clears away what an earlier attempt left, which until then is neither listed nor served", () =>
    withCreator((creator, directory) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem
        const metadata = yield* creator.create(root, 2_048, 4)
        const whole = yield* contents(directory)
        const place = `${directory}/1/${toHex(root.hash)}`
        yield* fs.remove(`${place}/meta`)
        yield* fs.writeFile(`${place}/meta.new`, new Uint8Array(3))
        yield* fs.writeFile(`${place}/chunks/99`, new Uint8Array(3))
        expect(yield* creator.list(everything())).toEqual([])
        expect((yield* Effect.flip(creator.get(1, root)))._tag).toBe("CheckpointNotFound")
        expect((yield* Effect.flip(collect(creator, chunkOf(metadata, 0))))._tag).toBe("CheckpointNotFound")
        expect((yield* Effect.flip(creator.delete(1, root)))._tag).toBe("CheckpointNotFound")
        yield* creator.create(root, 2_048, 4)
        expect(yield* contents(directory)).toEqual(whole)
      })
    )
  )

  it.effect("leaves nothing when the tree cannot be read to its end", () =>
    withCreator(
      (creator, directory) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(creator.create(root, 2_048, 0))
          expect(error).toMatchObject({ _tag: "DatabaseDamaged", record: "page 1" })
          expect(yield* contents(directory)).toEqual([])
          expect((yield* creator.create(root, 2_048, 0)).chunks).toHaveLength(11)
        }),
      sourceOf([tree], { damagedAt: 5 })
    )
  )

  it.effect("leaves nothing when it is interrupted, and can be asked again", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const turns = yield* Ref.make(0)
      const beforeTurn = Effect.flatMap(
        Ref.updateAndGet(turns, (n) => n + 1),
        (turn) =>
          turn === 6 ? Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never) : Effect.void
      )
      yield* withCreator(
        (creator, directory) =>
          Effect.gen(function* () {
            const creating = yield* Effect.fork(creator.create(root, 2_048, 0))
            const waiting = yield* Effect.fork(creator.create(root, 2_048, 0))
            yield* Deferred.await(begun)
            expect(yield* contents(directory)).toHaveLength(6)
            expect(Exit.isInterrupted(yield* Fiber.interrupt(creating))).toBe(true)
            // the one that waited for its turn makes it now
            expect((yield* Fiber.join(waiting)).chunks).toHaveLength(11)
            expect(yield* contents(directory)).toHaveLength(15)
          }),
        sourceOf([tree], { beforeTurn })
      )
    })
  )

  it.effect("interrupted alone, removes the directories it made", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const beforeTurn = Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)
      yield* withCreator(
        (creator, directory) =>
          Effect.gen(function* () {
            const creating = yield* Effect.fork(creator.create(root, 2_048, 0))
            yield* Deferred.await(begun)
            expect(yield* contents(directory)).toHaveLength(3)
            yield* Fiber.interrupt(creating)
            expect(yield* contents(directory)).toEqual([])
          }),
        sourceOf([tree], { beforeTurn })
      )
    })
  )

  it.effect("refuses roots it does not have, too many chunks, and places it cannot use", () =>
    withCreator(
      (creator, directory) =>
        Effect.gen(function* () {
          const fs = yield* FileSystem
          const unknown = new Root({ ...root, hash: hashText("unknown") })
          expect((yield* Effect.flip(creator.create(unknown, 0, 0)))._tag).toBe("RootNotFound")
          const many = yield* Effect.flip(creator.create(root, 0, 0))
          expect([many._tag, many.message]).toEqual([
            "InvalidMetadata",
            expect.stringMatching(/more than 20 chunks/)
          ])
          expect(yield* contents(directory)).toEqual([])
          yield* creator.create(root, 2_048, 0)
          const meta = `${directory}/1/${toHex(root.hash)}/meta`
          yield* fs.writeFile(meta, new Uint8Array(5))
          expect(yield* Effect.flip(creator.create(root, 2_048, 0))).toMatchObject({
            _tag: "InvalidMetadata",
            path: meta
          })
        }),
      sourceOf([tree]),
      { chunksMax: 20 }
    )
  )

  it.effect("follows no symbolic link out of its directory, and removes nothing behind one", () =>
    withCreator((creator, directory) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem
        const outside = `${directory}/../outside`
        yield* fs.makeDirectory(directory, { recursive: true })
        for (const link of ["1", `1/${toHex(root.hash)}`]) {
          yield* fs.makeDirectory(`${outside}/${toHex(root.hash)}`, { recursive: true })
          yield* fs.writeFile(`${outside}/${toHex(root.hash)}/precious`, new Uint8Array(1))
          yield* fs.remove(`${directory}/1`, { recursive: true, force: true })
          if (link !== "1") yield* fs.makeDirectory(`${directory}/1`)
          yield* fs.symlink(link === "1" ? outside : `${outside}/${toHex(root.hash)}`, `${directory}/${link}`)
          const before = yield* contents(outside)
          const error = yield* Effect.flip(creator.create(root, 2_048, 0))
          expect(error).toMatchObject({ _tag: "CheckpointStorageFailed", reason: "SymbolicLink" })
          expect(yield* contents(outside)).toEqual(before)
          expect(yield* creator.list(everything())).toEqual([])
        }
      })
    )
  )

  it.effect("gives the second of two roots with one hash its own place", () => {
    const state = rootOf(emptyTree, 3n, 1)
    const io = rootOf(emptyTree, 3n, 2)
    const foreign = new Root({ ...state, namespace: hashText("foreign") })
    return withCreator((creator, directory) =>
      Effect.gen(function* () {
        const made = yield* Effect.all([creator.create(state, 0, 0), creator.create(io, 0, 0)], {
          concurrency: "unbounded"
        })
        expect(made.map((metadata) => metadata.root)).toEqual([state, io])
        const hash = toHex(state.hash)
        const fs = yield* FileSystem
        expect((yield* fs.readDirectory(`${directory}/3`)).sort()).toEqual([hash, `${hash}-2`])
        expect((yield* creator.list(everything())).map(({ root }) => root)).toEqual([state, io])
        expect(yield* collect(creator, chunkOf(made[1], 0))).toEqual(
          yield* collect(creator, chunkOf(made[0], 0))
        )
        expect((yield* creator.create(foreign, 0, 0)).root).toEqual(foreign)
        const third = new Root({ ...foreign, type: 2 })
        expect(yield* Effect.flip(creator.create(third, 0, 0))).toMatchObject({ reason: "Occupied" })
        yield* creator.delete(1, state)
        expect((yield* creator.get(1, io)).root).toEqual(io)
        expect((yield* creator.create(io, 0, 0)).root).toEqual(io)
        expect((yield* creator.list(everything())).map(({ root }) => root)).toEqual([io])
      })
    )
  })

  it.effect("warns of trees deeper than the reference restores", () => {
    const logged: Array<string> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ message }) => void logged.push(String(message)))
    )
    const tree = (depth: number) =>
      new ReferenceTree(nodeHasher, deepTree(depth, () => new Uint8Array(0)).root)
    const [shallow, deep] = [tree(128), tree(129)]
    return withCreator(
      (creator) =>
        Effect.gen(function* () {
          yield* creator.create(rootOf(shallow), 1_000_000, 0)
          expect(logged).toEqual([])
          yield* creator.create(rootOf(deep), 1_000_000, 0)
          expect(logged).toEqual([expect.stringMatching(/129 nodes deep.*128/)])
        }),
      sourceOf([shallow, deep])
    ).pipe(Effect.provide(logger))
  })

  it.effect("lets the event loop turn, and tells how far it is", () =>
    withCreator((creator) =>
      Effect.gen(function* () {
        let turns = 0
        const seen: Array<number> = []
        let counting = setImmediate(function count() {
          turns++
          counting = setImmediate(count)
        })
        const onProgress = (progress: { readonly keys: number }) => void seen.push(progress.keys)
        const { chunks } = yield* creator.create(root, 0, 0, { onProgress })
        clearImmediate(counting)
        expect(chunks).toHaveLength(200)
        expect(turns).toBeGreaterThanOrEqual(200)
        expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
      })
    )
  )
})
