import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { rootType } from "../../src/mkvs/Root.ts"
import { DatabaseCore } from "../../src/storage/DatabaseCore.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { pageKey } from "../../src/storage/StoredPages.ts"
import { yieldToEventLoop } from "../../src/storage/yieldToEventLoop.ts"
import {
  clean,
  directoryDisk,
  inventoryOf,
  lmdbDisk,
  refusal,
  withDatabase,
  writeBelow
} from "./database/disks.ts"
import {
  advance,
  candidate,
  contentOf,
  fails,
  foreign,
  manyWrites,
  nothing,
  text,
  versions,
  type Writes
} from "./database/support.ts"
import { nodeDatabaseSuite } from "./NodeDatabaseSuite.ts"
import { temporaryDirectory } from "./temporary.ts"

const lmdb = () =>
  Layer.unwrapScoped(Effect.map(temporaryDirectory, (directory) => NodeDatabase.layerLmdb({ directory })))

nodeDatabaseSuite("LMDB", lmdb)
nodeDatabaseSuite("overlay on LMDB", () => NodeDatabase.layerOverlay.pipe(Layer.provide(lmdb())))

/** More than the 8 MiB after which a commit writes its pages early. */
const largeWrites: Writes = Object.fromEntries(
  Array.from({ length: 2000 }, (_, i) => [`large/${i}`, `${i}`.padEnd(10_000, "x")])
)

describe("NodeDatabase in LMDB, opened again", () => {
  it.scoped("keeps versions, roots, contents and records", () =>
    Effect.gen(function* () {
      const disk = yield* lmdbDisk
      const before = yield* withDatabase(
        disk,
        Effect.gen(function* () {
          const { records, finalize } = yield* NodeDatabase
          const [first, second] = yield* versions(manyWrites(500), { "key/0": null, z: "z" })
          const state = yield* candidate(second!, 3n, { z: "zz" })
          const io = yield* candidate(yield* nothing(3n, rootType.io), 3n, { input: "1" })
          yield* finalize([state.root, io.root], {
            changes: [{ table: "blocks", key: text("3"), value: text("b") }]
          })
          yield* records.write([{ table: "events", key: text("e"), value: text("1") }])
          return { first: first!, second: second!, state: state.root, io: io.root }
        })
      )
      yield* withDatabase(
        disk,
        Effect.gen(function* () {
          const database = yield* NodeDatabase
          expect(yield* database.earliestVersion).toEqual(Option.some(1n))
          expect(yield* database.latestVersion).toEqual(Option.some(3n))
          expect(yield* database.rootsForVersion(3n)).toEqual([before.state, before.io])
          expect(yield* contentOf(before.first)).toEqual(manyWrites(500))
          const { "key/0": _, ...rest } = manyWrites(500)
          expect(yield* contentOf(before.second)).toEqual({ ...rest, z: "z" })
          expect(yield* contentOf(before.state)).toEqual({ ...rest, z: "zz" })
          expect(yield* contentOf(before.io)).toEqual({ input: "1" })
          expect(yield* database.records.get("blocks", text("3"))).toEqual(Option.some(text("b")))
          expect(yield* database.records.get("events", text("e"))).toEqual(Option.some(text("1")))
          yield* advance(before.state, { more: "1" })
          yield* database.prune(1n)
        })
      )
      expect(yield* inventoryOf(disk)).toMatchObject({ ...clean, versions: [2n, 3n, 4n] })
    })
  )

  it.scoped("has forgotten candidates, also those whose pages were written early", () =>
    Effect.gen(function* () {
      const disk = yield* lmdbDisk
      const [final, lost] = yield* withDatabase(
        disk,
        Effect.gen(function* () {
          const final = yield* advance(yield* nothing(0n), { a: "1" })
          yield* candidate(final, 2n, { a: "2" })
          return [final, (yield* candidate(final, 2n, largeWrites)).root] as const
        })
      )
      const left = yield* inventoryOf(disk)
      expect(left.leaked.length).toBeGreaterThan(1000)
      const next = yield* withDatabase(
        disk,
        Effect.gen(function* () {
          const database = yield* NodeDatabase
          expect(yield* database.has(lost)).toBe(false)
          yield* fails(database.newBatch(lost, 2n), "RootNotFound")
          yield* fails(database.finalize([lost]), "RootNotFound")
          expect(yield* inventoryOf(disk)).toMatchObject({ ...clean, pages: 1 })
          return yield* advance(final, { b: "2" })
        })
      )
      yield* withDatabase(
        disk,
        Effect.gen(function* () {
          expect(yield* contentOf(next)).toEqual({ a: "1", b: "2" })
          expect(yield* (yield* NodeDatabase).verify(next)).toMatchObject({ keys: 2 })
        })
      )
    })
  )

  it.scoped("goes on with a multipart insert", () =>
    Effect.gen(function* () {
      const disk = yield* lmdbDisk
      const content = manyWrites(900)
      const { root, parts } = yield* foreign(7n, content, 100)
      yield* withDatabase(
        disk,
        Effect.gen(function* () {
          const { multipart } = yield* NodeDatabase
          yield* multipart.start(7n, text("the tag"))
          for (const index of [8, 1, 4]) yield* multipart.put(parts[index]!)
        })
      )
      yield* withDatabase(
        disk,
        Effect.gen(function* () {
          const { latestVersion, multipart } = yield* NodeDatabase
          expect(yield* latestVersion).toEqual(Option.none())
          expect(yield* multipart.current).toEqual(Option.some({ version: 7n, tag: text("the tag") }))
          expect(yield* multipart.done(root)).toEqual([1, 4, 8])
          for (const index of [0, 2, 3, 5]) yield* multipart.put(parts[index]!)
        })
      )
      expect(yield* inventoryOf(disk)).toMatchObject({ leaked: [], lacking: [], multipart: "inserting" })
      yield* withDatabase(
        disk,
        Effect.gen(function* () {
          const database = yield* NodeDatabase
          for (const part of parts) yield* database.multipart.put(part)
          yield* database.finalize([root])
          expect(yield* contentOf(root)).toEqual(content)
          expect(yield* database.verify(root)).toMatchObject({ keys: 900 })
        })
      )
      expect(yield* inventoryOf(disk)).toMatchObject(clean)
    })
  )

  it.scoped("finishes an abort that was cut short", () =>
    Effect.gen(function* () {
      const disk = yield* lmdbDisk
      const { parts } = yield* foreign(1n, manyWrites(400), 50)
      yield* withDatabase(
        disk,
        Effect.gen(function* () {
          const { multipart } = yield* NodeDatabase
          yield* multipart.start(1n, text(""))
          for (const part of parts.slice(1)) yield* multipart.put(part)
        })
      )
      const aborting = yield* Effect.scoped(
        Effect.map(disk.store({ readOnly: true }), (store) => {
          const core = DatabaseCore.open(store, {})
          return core.putMultipart({ ...core.multipart()!, status: "aborting", endPage: core.nextPage })
        })
      )
      yield* writeBelow(disk, [aborting])
      yield* withDatabase(
        disk,
        Effect.gen(function* () {
          expect(yield* (yield* NodeDatabase).multipart.current).toEqual(Option.none())
          yield* versions({ a: "1" })
        })
      )
      expect(yield* inventoryOf(disk)).toMatchObject({ ...clean, pages: 1 })
    })
  )

  it.scoped("begins where a process was killed while it made the directory ready", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      for (const name of ["writer.lock", ".scratch-12-ab", ".probe-12-ab"])
        writeFileSync(join(directory, name), "")
      yield* withDatabase(directoryDisk(directory), versions({ a: "1" }))
    })
  )

  it.scoped("removes what a crashed commit left beyond the end, however much", () =>
    Effect.gen(function* () {
      const disk = yield* lmdbDisk
      const [root] = yield* withDatabase(disk, versions(manyWrites(100)))
      const before = yield* inventoryOf(disk)
      yield* writeBelow(
        disk,
        Array.from({ length: 9000 }, (_, i) => ({
          table: "pages",
          key: pageKey(1_000_000 + i),
          value: text("left over")
        }))
      )
      yield* withDatabase(
        disk,
        Effect.flatMap(NodeDatabase, (database) => database.verify(root!))
      )
      expect(yield* inventoryOf(disk)).toEqual(before)
    })
  )
})

describe("NodeDatabase in LMDB, read-only", () => {
  it.scoped("refuses each write by name, and reads while the writer goes on", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const disk = directoryDisk(directory)
      const writer = yield* disk.open()
      const asWriter = Effect.provideService(NodeDatabase, writer)
      const [first, second] = yield* asWriter(versions(manyWrites(300), { a: "2" }))
      const { root: foreignRoot, parts } = yield* foreign(3n, { a: "1" }, 5)
      const reader = yield* Effect.map(
        Layer.build(NodeDatabase.layerLmdb({ directory, readOnly: true })),
        (context) => context.pipe((services) => Effect.provide(NodeDatabase, services))
      ).pipe(Effect.flatten)
      const asReader = Effect.provideService(NodeDatabase, reader)
      expect(reader.readOnly).toBe(true)
      expect(reader.path).toEqual(Option.some(directory))
      yield* fails(reader.newBatch(second!, 3n), "DatabaseReadOnly")
      yield* fails(reader.finalize([foreignRoot]), "DatabaseReadOnly")
      yield* fails(reader.prune(1n), "DatabaseReadOnly")
      yield* fails(reader.multipart.start(3n, text("")), "DatabaseReadOnly")
      yield* fails(reader.multipart.put(parts[0]!), "DatabaseReadOnly")
      const change = { table: "blocks", key: text("1"), value: text("x") }
      yield* fails(reader.records.write([change]), "DatabaseReadOnly")
      expect(yield* asReader(contentOf(first!))).toEqual(manyWrites(300))
      for (let version = 3n; version < 8n; version++) {
        const latest = (yield* writer.rootsForVersion(version - 1n))[0]!
        const next = yield* asWriter(advance(latest, { [`k${version}`]: "x".repeat(3000) }))
        yield* writer.records.write([{ ...change, value: text(`${version}`) }])
        // What other handles write shows from the next turn of the event loop on.
        yield* yieldToEventLoop
        expect(yield* reader.latestVersion).toEqual(Option.some(version))
        expect(yield* asReader(contentOf(next))).toEqual(yield* asWriter(contentOf(next)))
        expect(yield* reader.records.get("blocks", text("1"))).toEqual(Option.some(text(`${version}`)))
      }
      yield* writer.prune(1n)
      yield* yieldToEventLoop
      expect(yield* reader.has(first!)).toBe(false)
      yield* fails(asReader(contentOf(first!)), "RootNotFound")
    })
  )

  it.scoped("says so where there is no database, and creates nothing", () =>
    Effect.gen(function* () {
      const parent = yield* temporaryDirectory
      const absent = join(parent, "a", "b")
      const error = yield* refusal({ directory: absent, readOnly: true })
      expect(error._tag).toBe("StoreFailed")
      expect(error.message).toContain(absent)
      expect(error.message).toContain("no database")
      expect(readdirSync(parent)).toEqual([])
      const empty = join(parent, "empty")
      mkdirSync(empty)
      expect((yield* refusal({ directory: empty, readOnly: true }))._tag).toBe("StoreFailed")
      expect(readdirSync(empty)).toEqual([])
    })
  )

  it.scoped("can be opened several times, before and after the writer", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const disk = directoryDisk(directory)
      const [first] = yield* withDatabase(disk, versions(manyWrites(200)))
      const readOnly = Effect.map(
        Layer.build(NodeDatabase.layerLmdb({ directory, readOnly: true })),
        (services) => Effect.provide(contentOf(first!), services)
      )
      const early = yield* readOnly
      expect(yield* early).toEqual(manyWrites(200))
      const writer = yield* disk.open()
      const next = yield* Effect.provideService(advance(first!, { a: "1" }), NodeDatabase, writer)
      expect(yield* early).toEqual(manyWrites(200))
      expect(yield* yield* readOnly).toEqual(manyWrites(200))
      expect(yield* writer.verify(next)).toMatchObject({ keys: 201 })
    })
  )
})
