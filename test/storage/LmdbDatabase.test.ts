import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { open as openLmdb } from "lmdb"
import { rootType } from "../../src/mkvs/Root.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import type { Change } from "../../src/storage/PageStore.ts"
import * as Records from "../../src/storage/Records.ts"
import { pageKey } from "../../src/storage/StoredPages.ts"
import { clean, type Disk, directoryDisk, inventoryOf, lmdbDisk, withDatabase } from "./database/disks.ts"
import {
  advance,
  candidate,
  contentOf,
  fails,
  foreign,
  manyWrites,
  nothing,
  otherNamespace,
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

/** Writes records below the database, as another program or an earlier one might have. */
const writeBelow = (disk: Disk, changes: Iterable<Change>) =>
  Effect.scoped(Effect.map(disk.store, (store) => store.write(changes)))

/** Opening must fail; with what. */
const refusal = (options: Parameters<typeof NodeDatabase.layerLmdb>[0]) =>
  Effect.flip(Effect.scoped(Layer.build(NodeDatabase.layerLmdb(options))))

const digest = (directory: string) => readFileSync(join(directory, "data.mdb")).toString("latin1")

/** More than the 16 MiB after which a commit writes its pages early. */
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
          const empty = yield* inventoryOf({ ...disk, store: disk.store })
          expect(empty).toMatchObject({ ...clean, pages: 1 })
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
      const key = text("multipart")
      const record = yield* Effect.scoped(Effect.map(disk.store, (store) => Records.get(store, "meta", key)!))
      // Its first byte is the status: 0 inserting, 1 aborting.
      record[0] = 1
      yield* writeBelow(disk, [Records.put("meta", key, record)])
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
        expect(yield* reader.latestVersion).toEqual(Option.some(version))
        expect(yield* asReader(contentOf(next))).toEqual(yield* asWriter(contentOf(next)))
        expect(yield* reader.records.get("blocks", text("1"))).toEqual(Option.some(text(`${version}`)))
      }
      yield* writer.prune(1n)
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

describe("NodeDatabase in LMDB refuses", () => {
  it.scoped("DatabaseHeld: a second writer, until the first one has ended", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* directoryDisk(directory).open()
          const error = yield* refusal({ directory })
          expect(error).toMatchObject({ _tag: "DatabaseHeld", path: directory })
          expect(error.message).toContain(`process ${process.pid}`)
        })
      )
      yield* withDatabase(directoryDisk(directory), versions({ a: "1" }))
    })
  )

  it.scoped("UnknownFormatVersion: a database of a newer format, which is left as it is", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const disk = directoryDisk(directory)
      yield* withDatabase(disk, versions({ a: "1" }))
      const newer = new Records.FieldWriter().u32(2).raw(text("a layout nobody knows yet")).done()
      yield* writeBelow(disk, [Records.put("meta", text("state"), newer)])
      const before = digest(directory)
      for (const readOnly of [true, false]) {
        const error = yield* refusal({ directory, readOnly })
        expect(error).toMatchObject({ _tag: "UnknownFormatVersion", found: 2, supported: 1 })
        expect(error.message).toContain("newer version of Cairn")
      }
      expect(digest(directory)).toBe(before)
    })
  )

  it.scoped("BadNamespace: another namespace than the database's", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const disk = directoryDisk(directory)
      const own = new Uint8Array(32).fill(9)
      yield* Effect.scoped(disk.open({ namespace: own }))
      const before = digest(directory)
      const error = yield* refusal({ directory, namespace: otherNamespace })
      expect(error).toMatchObject({ _tag: "BadNamespace", expected: own, actual: otherNamespace })
      expect(digest(directory)).toBe(before)
      const adopted = yield* Effect.scoped(Effect.map(disk.open(), ({ namespace }) => namespace))
      expect(adopted).toEqual(own)
    })
  )

  it.scoped("DatabaseDamaged: its state is missing, or sealed for another place", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const disk = directoryDisk(directory)
      yield* withDatabase(disk, versions({ a: "1" }))
      const state = text("state")
      const sealed = yield* Effect.scoped(
        Effect.map(disk.store, (store) => store.get("meta", state)!.slice())
      )
      yield* writeBelow(disk, [
        { table: "meta", key: state, value: Records.seal("meta", text("other"), sealed) }
      ])
      const wrong = yield* refusal({ directory })
      expect(wrong).toMatchObject({ _tag: "DatabaseDamaged", reason: "its checksum is wrong" })
      expect(wrong.message).toContain("meta")
      yield* writeBelow(disk, [Records.remove("meta", state)])
      for (const readOnly of [true, false]) {
        expect(yield* refusal({ directory, readOnly })).toMatchObject({
          _tag: "DatabaseDamaged",
          record: "meta state",
          reason: "it is missing"
        })
      }
    })
  )

  it.scoped("StoreFailed or DatabaseDamaged: a directory with another program's LMDB in it", () =>
    Effect.gen(function* () {
      for (const options of [{}, { keyEncoding: "uint32" as const }, { name: "theirs" }]) {
        const directory = yield* temporaryDirectory
        yield* Effect.promise(async () => {
          const other = openLmdb<string, number>({ path: directory, noSubdir: false, ...options })
          await other.put(1, "value")
          await other.close()
        })
        const before = digest(directory)
        const error = yield* refusal({ directory })
        expect(["StoreFailed", "DatabaseDamaged", "UnknownFormatVersion"]).toContain(error._tag)
        expect(error.message).toContain("data.mdb")
        expect(digest(directory)).toBe(before)
      }
    })
  )
})

describe("NodeDatabase in LMDB", () => {
  it.scoped("verify names each damaged page, and other roots are none the worse", () =>
    Effect.gen(function* () {
      const disk = yield* lmdbDisk
      const roots = yield* withDatabase(disk, versions(manyWrites(3000), { "key/7919": "new" }, { a: "1" }))
      const damaged = yield* Effect.scoped(
        Effect.map(disk.store, (store) => {
          // Pages that one commit wrote all belong to its version.
          const ids = Array.from(store.range("pages"), ([key]) => key).slice(10, 13)
          for (const key of ids) {
            const record = store.get("pages", key)!.slice()
            record[20]! ^= 4
            store.write([{ table: "pages", key, value: record }])
          }
          return ids.map((key) => `page ${Buffer.from(key).readBigUInt64BE()}`)
        })
      )
      yield* withDatabase(
        disk,
        Effect.gen(function* () {
          const database = yield* NodeDatabase
          const heard: Array<string> = []
          const error = yield* fails(database.verify(roots[0]!), "DatabaseDamaged")
          expect(damaged).toContain(error.record)
          yield* database.verify(roots[0]!, ({ record }) => heard.push(record))
          expect(heard.sort()).toEqual([...damaged].sort())
          yield* fails(contentOf(roots[0]!), "DatabaseDamaged")
          expect(yield* database.latestVersion).toEqual(Option.some(3n))
        })
      )
    })
  )

  it.scoped("size is that of the file, sync and a closed scope leave no temporary file", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* withDatabase(
        directoryDisk(directory),
        Effect.gen(function* () {
          const database = yield* NodeDatabase
          const small = yield* database.size
          yield* versions(manyWrites(5000))
          yield* database.sync
          expect(yield* database.size).toBe(statSync(join(directory, "data.mdb")).size)
          expect(yield* database.size).toBeGreaterThan(small + 500_000)
        })
      )
      expect(readdirSync(directory).sort()).toEqual(["data.mdb", "lock.mdb", "writer.lock"])
      for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o077).toBe(0)
    })
  )

  it.scoped("a directory is made with its parents, for its owner only", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryDirectory, "a.b", "c")
      yield* withDatabase(directoryDisk(directory), versions({ a: "1" }))
      expect(existsSync(join(directory, "data.mdb"))).toBe(true)
      expect(statSync(directory).mode & 0o777).toBe(0o700)
    })
  )
})
