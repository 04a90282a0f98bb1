import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { open as openLmdb } from "lmdb"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import * as Records from "../../src/storage/Records.ts"
import { directoryDisk, lmdbDisk, refusal, withDatabase, writeBelow } from "./database/disks.ts"
import { contentOf, fails, manyWrites, otherNamespace, text, versions } from "./database/support.ts"
import { temporaryDirectory } from "./temporary.ts"

const digest = (directory: string) => readFileSync(join(directory, "data.mdb")).toString("latin1")

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
        Effect.map(disk.store({ readOnly: false }), (store) => store.get("meta", state)!.slice())
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
        Effect.map(disk.store({ readOnly: false }), (store) => {
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
