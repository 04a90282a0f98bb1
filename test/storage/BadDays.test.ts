import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, type Scope } from "effect"
import { emptyRoot, rootType } from "../../src/mkvs/Root.ts"
import { makeMemoryPageStore } from "../../src/storage/MemoryPageStore.ts"
import { makeDatabase } from "../../src/storage/makeDatabase.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import type { Change, PageStore } from "../../src/storage/PageStore.ts"
import {
  clean,
  type Disk,
  directoryDisk,
  inventoryOf,
  lmdbDisk,
  memoryDisk,
  refusal,
  withDatabase
} from "./database/disks.ts"
import { databaseProcesses } from "./database/processes.ts"
import { contentOf, dies, fails, nothing, text, versions } from "./database/support.ts"
import { temporaryDirectory } from "./temporary.ts"

const start = databaseProcesses()

const mount = (directory: string, options: string): void => {
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory], { stdio: "pipe" })
}

/** A file system of a few mebibytes of its own, where this process may mount one; else it has no say here. */
const smallDisk = (mebibytes: number): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    yield* Effect.acquireRelease(
      Effect.sync(() => mount(directory, `size=${mebibytes}m,mode=700`)),
      () => Effect.sync(() => execFileSync("umount", ["-l", directory]))
    )
    return directory
  })

const canMount = (() => {
  const directory = execFileSync("mktemp", ["-d"]).toString().trim()
  try {
    mount(directory, "size=1m")
    execFileSync("umount", [directory])
    return true
  } catch {
    return false
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})()

describe("a disk that is full", () => {
  /** Where room ends, and how it comes back. */
  interface Tight {
    readonly directory: string
    readonly under: ReadonlyArray<string>
    readonly makeRoom: Effect.Effect<void>
  }
  const limited: Effect.Effect<Tight, never, Scope.Scope> = Effect.map(temporaryDirectory, (directory) => ({
    directory,
    // 4 or 8 MiB, as the shell counts. The limit is the process's own: the next one is without it.
    under: ["sh", "-c", 'ulimit -f 8192; exec "$@"', "sh"],
    makeRoom: Effect.void
  }))
  const small: Effect.Effect<Tight, never, Scope.Scope> = Effect.map(smallDisk(10), (directory) => {
    const ballast = join(directory, "ballast")
    writeFileSync(ballast, new Uint8Array(4 * 1_048_576))
    return { directory: join(directory, "data"), under: [], makeRoom: Effect.sync(() => rmSync(ballast)) }
  })
  const places: ReadonlyArray<readonly [string, Effect.Effect<Tight, never, Scope.Scope>]> = [
    ["a process with a limit for its files", limited],
    ...(canMount ? [["a small disk", small] as const] : [])
  ]

  it.scoped.each(places)("on %s: StoreFull, nothing is lost, and it goes on with room", ([, place]) =>
    Effect.gen(function* () {
      const { directory, makeRoom, under } = yield* place
      const writer = yield* start(directory, { under })
      yield* writer.ask({ do: "advance", writes: { first: "1" } })
      let last: unknown = { version: 1 }
      let refused: unknown
      for (let i = 0; refused === undefined && i < 200; i++) {
        const answer = yield* writer.ask({ do: "advance", writes: { i: `${i}` }, bytes: 300_000 })
        if ("error" in answer) refused = answer
        else last = answer
      }
      expect(refused).toMatchObject({ error: "StoreFull" })
      expect(JSON.stringify(refused)).toContain("no space left")
      // The same process still answers, from what it has.
      const seen = yield* writer.ask({ do: "look" })
      expect(seen).toMatchObject({ ...(last as object), content: { first: "1" } })
      expect(yield* writer.ask({ do: "records", bytes: 30_000_000 })).toMatchObject({ error: "StoreFull" })
      // A commit so large that its pages are written early meets the end of the disk on the way.
      const huge = yield* writer.ask({ do: "advance", writes: {}, bytes: 24_000_000 })
      expect(huge).toMatchObject({ error: "StoreFull" })
      expect(yield* writer.ask({ do: "look" })).toEqual(seen)
      yield* makeRoom
      const next = under.length === 0 ? writer : yield* Effect.zipRight(writer.kill, start(directory))
      expect(yield* next.ask({ do: "look" })).toEqual(seen)
      const went = yield* next.ask({ do: "advance", writes: { last: "2" }, bytes: 300_000 })
      expect(went).toEqual({ version: Number(seen["version"]) + 1 })
      expect(yield* next.ask({ do: "look" })).toMatchObject({ content: { first: "1", last: "2" } })
      yield* next.kill
      expect(yield* inventoryOf(directoryDisk(directory))).toMatchObject(clean)
    })
  )

  it.scoped.each(canMount ? [0, 8, 64, 200, 400] : [])(
    "a database is not begun where there are %i KiB",
    (kibibytes) =>
      Effect.gen(function* () {
        const disk = yield* smallDisk(1)
        writeFileSync(join(disk, "ballast"), new Uint8Array(1_048_576 - 1024 * kibibytes - 4096))
        const directory = join(disk, "data")
        const process = yield* start(directory)
        const answer =
          "error" in process.hello
            ? process.hello
            : yield* process.ask({ do: "advance", writes: {}, bytes: 600_000 })
        expect(answer).toMatchObject({ error: "StoreFull" })
        rmSync(join(disk, "ballast"))
        yield* process.kill
        const again = yield* start(directory)
        expect(yield* again.ask({ do: "advance", writes: { a: "1" } })).toEqual({ version: 1 })
      })
  )
})

describe("a disk that cannot be written", () => {
  /** Runs as somebody who has no rights, where this process has them all. */
  const withoutRights = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    process.getuid?.() === 0
      ? Effect.acquireUseRelease(
          Effect.sync(() => process.seteuid?.(65_534)),
          () => effect,
          () => Effect.sync(() => process.seteuid?.(0))
        )
      : effect

  it.scoped("StoreReadOnly: a directory of somebody else's; reading works", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [root] = yield* withDatabase(directoryDisk(directory), versions({ a: "1" }))
      for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o444)
      chmodSync(directory, 0o555)
      const before = readFileSync(join(directory, "data.mdb"))
      const error = yield* withoutRights(refusal({ directory }))
      expect(error).toMatchObject({ _tag: "StoreReadOnly", path: directory })
      expect(yield* withoutRights(refusal({ directory: join(directory, "new") }))).toMatchObject({
        _tag: "StoreReadOnly"
      })
      const content = Effect.provide(contentOf(root!), NodeDatabase.layerLmdb({ directory, readOnly: true }))
      expect(yield* withoutRights(content)).toEqual({ a: "1" })
      chmodSync(directory, 0o755)
      expect(readFileSync(join(directory, "data.mdb")).equals(before)).toBe(true)
      expect(readdirSync(directory).sort()).toEqual(["data.mdb", "lock.mdb", "writer.lock"])
    })
  )

  it.scoped.each(canMount ? ["tmpfs"] : [])(
    "StoreReadOnly: a read-only file system (%s); reading and pinning work",
    () =>
      Effect.gen(function* () {
        const directory = yield* smallDisk(8)
        const writer = yield* start(directory)
        yield* writer.ask({ do: "advance", writes: { a: "1" } })
        yield* writer.kill
        execFileSync("mount", ["-o", "remount,ro", directory])
        expect((yield* start(directory)).hello).toMatchObject({ error: "StoreReadOnly" })
        const reader = yield* start(directory, { readOnly: true })
        expect(yield* reader.ask({ do: "look" })).toEqual({ version: 1, keys: 1, content: { a: "1" } })
        // Where nobody can write, nobody prunes either.
        expect(yield* reader.ask({ do: "pin", version: 1 })).toEqual({ pinned: 1 })
      })
  )
})

describe("what is no database", () => {
  const content: ReadonlyArray<readonly [string, (directory: string) => void]> = [
    [
      "a text in its place",
      (directory) => writeFileSync(join(directory, "data.mdb"), "hello\n".repeat(5_000))
    ],
    [
      "zeros in its place",
      (directory) => writeFileSync(join(directory, "data.mdb"), new Uint8Array(100_000))
    ],
    ["nothing in its place", (directory) => writeFileSync(join(directory, "data.mdb"), "")],
    ["a directory in its place", (directory) => mkdirSync(join(directory, "data.mdb"))],
    ["a link to nowhere that can be", (directory) => symlinkSync("data.mdb", join(directory, "data.mdb"))],
    ["a directory in place of the lock", (directory) => mkdirSync(join(directory, "lock.mdb"))],
    ["a directory in place of the writer's lock", (directory) => mkdirSync(join(directory, "writer.lock"))]
  ]
  it.scoped.each(content)("StoreFailed: %s", ([, fill]) =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      fill(directory)
      const before = readdirSync(directory)
      const error = yield* refusal({ directory })
      expect(error._tag).toBe("StoreFailed")
      expect(error.message).toContain(directory)
      expect(readdirSync(directory)).toEqual(expect.arrayContaining(before))
    })
  )

  it.scoped("StoreFailed: the path is a file, or leads through one", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryDirectory, "file")
      writeFileSync(file, "hello")
      for (const directory of [file, join(file, "below")]) {
        for (const readOnly of [true, false]) {
          expect((yield* refusal({ directory, readOnly }))._tag).toBe("StoreFailed")
        }
      }
      expect(readFileSync(file, "utf8")).toBe("hello")
    })
  )
})

describe("keys that are too long", () => {
  const disks: ReadonlyArray<readonly [string, Effect.Effect<Disk, never, Scope.Scope>]> = [
    ["memory", memoryDisk],
    ["LMDB", lmdbDisk]
  ]
  it.scoped.each(disks)(
    "KeyTooLong in %s: nothing of it is kept; the longest that may be is",
    ([, newDisk]) =>
      Effect.gen(function* () {
        const disk = yield* newDisk
        const longest = (last: number) => new Uint8Array(8_191).fill(7).fill(last, 8_190)
        const root = yield* withDatabase(
          disk,
          Effect.gen(function* () {
            const database = yield* NodeDatabase
            const batch = yield* database.newBatch(yield* nothing(0n), 1n)
            for (const bytes of [8_192, 70_000, 3_000_000]) {
              const insert = database.attempt(() => batch.insert(new Uint8Array(bytes), text("x")))
              expect(yield* fails(insert, "KeyTooLong")).toMatchObject({ bytes })
              expect(batch.get(new Uint8Array(bytes))).toBeUndefined()
              batch.remove(new Uint8Array(bytes))
            }
            for (const last of [0, 7, 8, 255]) batch.insert(longest(last), text(`${last}`))
            batch.insert(longest(0).slice(0, 8_190), text("shorter"))
            const { keys, root } = yield* batch.commit
            expect(keys).toBe(5)
            yield* database.finalize([root])
            return root
          })
        )
        yield* withDatabase(
          disk,
          Effect.gen(function* () {
            const database = yield* NodeDatabase
            const found = yield* database.read(root, (snapshot) => ({
              longest: [0, 7, 8, 255].map((last) => snapshot.has(longest(last))),
              beyond: snapshot.get(new Uint8Array(8_192).fill(7)),
              from: Array.from(snapshot.iterate({ from: new Uint8Array(70_000).fill(7) }), ([key]) =>
                key.at(-1)
              )
            }))
            expect(found).toEqual({ longest: [true, true, true, true], beyond: undefined, from: [8, 255] })
            expect(yield* database.verify(root)).toMatchObject({ keys: 5 })
          })
        )
      })
  )

  it.scoped.each(disks)(
    "a record's key that the medium cannot hold is a program's mistake, in %s",
    ([, newDisk]) =>
      Effect.gen(function* () {
        const disk = yield* newDisk
        yield* withDatabase(
          disk,
          Effect.gen(function* () {
            const { records } = yield* NodeDatabase
            const good = { table: "blocks", key: text("1"), value: text("1") }
            for (const bytes of [0, 512, 100_000]) {
              const key = new Uint8Array(bytes)
              yield* dies(records.write([good, { ...good, key }]))
              yield* dies(records.get("blocks", key))
            }
            expect(yield* records.get("blocks", text("1"))).toEqual(Option.none())
            yield* records.write([{ ...good, key: new Uint8Array(511).fill(1) }])
          })
        )
      })
  )
})

describe("a commit of any size", () => {
  /** Notes how many bytes each write had. */
  const weighed = (store: PageStore) => {
    const writes: Array<number> = []
    function* weigh(changes: Iterable<Change>): IterableIterator<Change> {
      writes.push(0)
      for (const change of changes) {
        writes[writes.length - 1]! += change.key.length + (change.value?.length ?? 0)
        yield change
      }
    }
    const weighing: PageStore = {
      name: store.name,
      readOnly: store.readOnly,
      get: (table, key) => store.get(table, key),
      range: (table, options) => store.range(table, options),
      write: (changes, options) => store.write(weigh(changes), options),
      sync: () => store.sync(),
      size: () => store.size(),
      refresh: () => store.refresh()
    }
    return { store: weighing, writes }
  }

  it.scoped("a million keys wait for their version a few mebibytes at a time", () =>
    Effect.gen(function* () {
      const { store, writes } = weighed(makeMemoryPageStore())
      const medium = { store, path: Option.none(), pinStore: Effect.succeed(store), owner: "test" }
      const database = yield* makeDatabase(medium)
      const batch = yield* database.newBatch(emptyRoot(database.namespace, 0n, rootType.state), 1n)
      const key = new Uint8Array(8)
      const view = new DataView(key.buffer)
      for (let i = 0; i < 1_000_000; i++) {
        view.setUint32(0, Math.imul(i, 0x9e3779b1))
        view.setUint32(4, i)
        batch.insert(key, key)
      }
      const { keys, root } = yield* batch.commit
      expect(keys).toBe(1_000_000)
      const early = writes.length
      expect(early).toBeGreaterThan(5)
      yield* database.finalize([root])
      expect(Math.max(...writes)).toBeLessThan(17 * 1_048_576)
      expect(writes.length).toBe(early + 1)
    })
  )
})
