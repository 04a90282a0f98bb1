import { describe, expect, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { makeLmdbDatabase } from "../../src/storage/LmdbDatabase.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { clean, directoryDisk, inventoryOf } from "./database/disks.ts"
import { databaseProcesses } from "./database/processes.ts"
import { contentOf, fails, manyWrites, versions } from "./database/support.ts"
import { temporaryDirectory } from "./temporary.ts"

const start = databaseProcesses()

/** The clock of the test says what that of other processes says. */
const realTime = Effect.suspend(() => TestClock.setTime(Date.now()))

describe("a database and several processes", () => {
  it.scoped(
    "a second writer is refused, in a process of its own and in the same one, and told who writes",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const first = yield* start(directory)
        expect(yield* first.ask({ do: "advance", writes: { a: "1" } })).toEqual({ version: 1 })
        const second = yield* start(directory)
        expect(second.hello).toMatchObject({ error: "DatabaseHeld" })
        expect(second.hello["message"]).toContain(`process ${first.pid} on `)
        const error = yield* Effect.flip(makeLmdbDatabase({ directory }))
        expect(error).toMatchObject({ _tag: "DatabaseHeld", path: directory })
        expect(yield* first.ask({ do: "advance", writes: { a: "2" } })).toEqual({ version: 2 })
      })
  )

  it.scoped("a writer that is killed makes room at once, and loses nothing that it had finalised", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const first = yield* start(directory)
      yield* first.ask({ do: "advance", writes: { a: "1", b: "2" } })
      yield* first.kill
      const second = yield* start(directory)
      expect(yield* second.ask({ do: "look" })).toEqual({ version: 1, keys: 2, content: { a: "1", b: "2" } })
      expect(yield* second.ask({ do: "advance", writes: { b: "3" } })).toEqual({ version: 2 })
    })
  )

  it.scoped("readers in other processes see each version as soon as it is final", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const writer = yield* start(directory)
      const first = yield* writer.ask({ do: "advance", writes: { a: "1" } })
      const reader = yield* start(directory, { readOnly: true })
      expect(yield* reader.ask({ do: "look" })).toEqual({ ...first, keys: 1, content: { a: "1" } })
      for (let version = 2; version <= 6; version++) {
        yield* writer.ask({ do: "advance", writes: { a: String(version), [`k${version}`]: "x" } })
        const seen = yield* reader.ask({ do: "look" })
        expect(seen).toMatchObject({ version, keys: version, content: { a: String(version) } })
      }
      expect(yield* reader.ask({ do: "advance", writes: {} })).toMatchObject({ error: "DatabaseReadOnly" })
      expect(yield* reader.ask({ do: "prune", version: 1 })).toMatchObject({ error: "DatabaseReadOnly" })
      expect(yield* reader.ask({ do: "records", bytes: 1 })).toMatchObject({ error: "DatabaseReadOnly" })
    })
  )

  it.scoped("a pin of a reader in another process holds until it is given up", () =>
    Effect.gen(function* () {
      yield* realTime
      const directory = yield* temporaryDirectory
      const database = yield* makeLmdbDatabase({ directory })
      yield* Effect.provideService(versions(manyWrites(50), { a: "2" }, { a: "3" }), NodeDatabase, database)
      const reader = yield* start(directory, { readOnly: true })
      expect(yield* reader.ask({ do: "pin", version: 1 })).toEqual({ pinned: 1 })
      const error = yield* fails(database.prune(1n), "VersionPinned")
      expect(error.by).toContain(`process ${reader.pid} on `)
      expect(yield* reader.ask({ do: "unpin" })).toEqual({ pinned: null })
      yield* database.prune(1n)
      expect(yield* reader.ask({ do: "pin", version: 1 })).toMatchObject({ error: "VersionNotFound" })
    })
  )

  it.scoped("a pin outlives its owner for its lifetime and no longer, and then leaves nothing behind", () =>
    Effect.gen(function* () {
      yield* realTime
      const directory = yield* temporaryDirectory
      const database = yield* makeLmdbDatabase({ directory })
      const history = versions(manyWrites(50), { a: "2" }, { a: "3" })
      const [, second] = yield* Effect.provideService(history, NodeDatabase, database)
      const reader = yield* start(directory, { readOnly: true })
      expect(yield* reader.ask({ do: "pin", version: 1 })).toEqual({ pinned: 1 })
      yield* reader.kill
      yield* realTime
      yield* fails(database.prune(1n), "VersionPinned")
      yield* TestClock.adjust("61 seconds")
      yield* database.prune(1n)
      const content = yield* Effect.provideService(contentOf(second!), NodeDatabase, database)
      expect(content).toEqual({ ...manyWrites(50), a: "2" })
      const store = yield* directoryDisk(directory).store({ readOnly: true })
      expect([...store.range("pins")]).toEqual([])
      expect(yield* inventoryOf(directoryDisk(directory))).toMatchObject(clean)
    })
  )

  it.scoped("a pin of one process does not hold other versions", () =>
    Effect.gen(function* () {
      yield* realTime
      const directory = yield* temporaryDirectory
      const database = yield* makeLmdbDatabase({ directory })
      yield* Effect.provideService(versions({ a: "1" }, { a: "2" }, { a: "3" }), NodeDatabase, database)
      const reader = yield* start(directory, { readOnly: true })
      yield* reader.ask({ do: "pin", version: 2 })
      yield* database.prune(1n)
      yield* fails(database.prune(2n), "VersionPinned")
    })
  )

  it.scoped("two processes that write at once take turns: one writes versions, the other records pins", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const writer = yield* start(directory)
      yield* writer.ask({ do: "advance", writes: { a: "1" } })
      const reader = yield* start(directory, { readOnly: true })
      const turns = Array.from({ length: 20 }, (_, i) => i)
      yield* Effect.all(
        [
          Effect.forEach(turns, (i) => writer.ask({ do: "advance", writes: { [`k${i}`]: "x" } })),
          Effect.forEach(turns, () =>
            Effect.zip(reader.ask({ do: "pin", version: 1 }), reader.ask({ do: "unpin" }))
          )
        ],
        { concurrency: 2 }
      )
      expect(yield* writer.ask({ do: "look" })).toMatchObject({ version: 21, keys: 21 })
      expect(yield* writer.ask({ do: "prune", version: 1 })).toEqual({ pruned: 1 })
    })
  )
})
