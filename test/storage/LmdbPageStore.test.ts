import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { open as openLmdb } from "lmdb"
import * as LmdbPageStore from "../../src/storage/LmdbPageStore.ts"
import { pageStoreSuite } from "./PageStoreSuite.ts"
import { bytes, listed, numberKey, put, remove, text } from "./records.ts"
import { temporaryDirectory } from "./temporary.ts"

pageStoreSuite(
  "LMDB",
  Effect.map(temporaryDirectory, (path) => ({ open: (options) => LmdbPageStore.open({ path, ...options }) })),
  { lasting: true }
)

/** A directory with one record. */
const prepared = Effect.tap(temporaryDirectory, (path) =>
  Effect.scoped(Effect.map(LmdbPageStore.open({ path }), (store) => store.write([put("a", "k", "1")])))
)

describe("LmdbPageStore", () => {
  it.scoped("makes the directory and its parents, for the owner only, also with a dot in its name", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "a", "b.mdb")
      const store = yield* LmdbPageStore.open({ path })
      store.write([put("a", "k", "v")])
      for (const made of [path, join(path, "..")]) expect(statSync(made).mode & 0o777).toBe(0o700)
      expect(readdirSync(path).sort()).toEqual(["data.mdb", "lock.mdb"])
      for (const file of readdirSync(path)) expect(statSync(join(path, file)).mode & 0o777).toBe(0o600)
    })
  )

  it.scoped("read-only, finds no database where there is none, and makes nothing", () =>
    Effect.gen(function* () {
      const base = yield* temporaryDirectory
      const [absent, empty, unborn] = ["absent", "empty", "unborn"].map((name) => join(base, name)) as [
        string,
        string,
        string
      ]
      mkdirSync(empty)
      mkdirSync(unborn)
      writeFileSync(join(unborn, "data.mdb"), "")
      for (const path of [absent, empty, unborn]) {
        const error = yield* Effect.flip(LmdbPageStore.open({ path, readOnly: true }))
        expect(error).toMatchObject({ _tag: "StoreFailed", path, operation: "open" })
        expect(error.message).toMatch(/there is no database here|data.mdb is empty/)
      }
      expect(existsSync(absent)).toBe(false)
      expect(readdirSync(empty)).toEqual([])
      expect(readdirSync(unborn)).toEqual(["data.mdb"])
    })
  )

  it.scoped("refuses another program's LMDB data", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      const foreign = openLmdb({ path, noSubdir: false, overlappingSync: false })
      foreign.putSync("key", "value")
      yield* Effect.promise(() => foreign.close())
      for (const readOnly of [true, false]) {
        const error = yield* Effect.flip(LmdbPageStore.open({ path, readOnly }))
        expect(error).toMatchObject({ _tag: "StoreFailed", path, operation: "open" })
      }
    })
  )

  it.scoped("can be open many times in one process: readers first, then writers; each sees the others", () =>
    Effect.gen(function* () {
      const path = yield* prepared
      const early = yield* LmdbPageStore.open({ path, readOnly: true })
      const walk = early.range("a")
      expect(text(early.get("a", bytes("k")))).toBe("1")
      const writer = yield* LmdbPageStore.open({ path })
      writer.write([put("a", "k", "2"), put("a", "l", "2"), put("new", "k", "2")])
      const other = yield* LmdbPageStore.open({ path: `${path}/.` })
      const late = yield* LmdbPageStore.open({ path, readOnly: true })
      other.write([put("a", "m", "3")])
      for (const store of [early, writer, other, late]) {
        store.refresh()
        expect(listed(store, "a")).toEqual(["k=2", "l=2", "m=3"])
        expect(listed(store, "new")).toEqual(["k=2"])
      }
      expect([...walk].map(([key]) => text(key))).toEqual(["k", "l", "m"])
    })
  )

  it.scoped("stays open for the others when one is closed", () =>
    Effect.gen(function* () {
      const path = yield* prepared
      const store = yield* LmdbPageStore.open({ path })
      for (const readOnly of [true, false]) {
        yield* Effect.scoped(LmdbPageStore.open({ path, readOnly }))
        store.write([put("a", "k", `${readOnly}`)])
        expect(text(store.get("a", bytes("k")))).toBe(`${readOnly}`)
      }
    })
  )

  it.scoped("after its scope refuses everything", () =>
    Effect.gen(function* () {
      const path = yield* prepared
      const scope = yield* Scope.make()
      const store = yield* Scope.extend(LmdbPageStore.open({ path }), scope)
      const walk = store.range("a")
      yield* Scope.close(scope, Exit.void)
      const closed = /after it was closed/
      expect(() => store.get("a", bytes("k"))).toThrow(closed)
      expect(() => walk.next()).toThrow(closed)
      expect(() => store.write([put("a", "k", "2")])).toThrow(closed)
      store.refresh()
    })
  )

  it.scoped("refuses a write within the write of another handle instead of waiting for itself", () =>
    Effect.gen(function* () {
      const path = yield* prepared
      const [one, two] = [yield* LmdbPageStore.open({ path }), yield* LmdbPageStore.open({ path })]
      const inner = () => two.write([put("a", "l", "2")])
      expect(() => one.write([put("a", "k", "2")], { guard: inner })).toThrow(/within a write/)
      expect(listed(one, "a")).toEqual(["k=1"])
      two.write([put("a", "l", "2")])
      one.refresh()
      expect(listed(one, "a")).toEqual(["k=1", "l=2"])
    })
  )

  it.scoped("uses the space of removed records again", () =>
    Effect.gen(function* () {
      const store = yield* LmdbPageStore.open({ path: yield* temporaryDirectory })
      const round = (i: number) => {
        const ids = Array.from({ length: 200 }, (_, j) => 200 * i + j)
        store.write(ids.map((id) => put("pages", numberKey(id), new Uint8Array(1_400))))
        if (i > 0) store.write(ids.map((id) => remove("pages", numberKey(id - 200))))
      }
      for (let i = 0; i < 10; i++) round(i)
      const size = store.size()
      for (let i = 10; i < 40; i++) round(i)
      expect(store.size()).toBeLessThan(1.5 * size)
    })
  )

  it.scoped("fails where there are more tables than it has room for, and keeps what there is", () =>
    Effect.gen(function* () {
      const store = yield* LmdbPageStore.open({ path: yield* temporaryDirectory })
      const many = Array.from({ length: 100 }, (_, i) => put(`table ${i}`, "k", "v"))
      store.write([put("a", "k", "v")])
      expect(() => store.write(many)).toThrow(
        expect.objectContaining({ _tag: "StoreFailed", operation: "write" })
      )
      expect(listed(store, "table 0")).toEqual([])
      expect(listed(store, "a")).toEqual(["k=v"])
      store.write(many.slice(0, 40))
      expect(listed(store, "table 39")).toEqual(["k=v"])
    })
  )
})
