import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { PageStore } from "../../src/storage/PageStore.ts"
import { ordering } from "./PageStoreOrdering.ts"
import { writing } from "./PageStoreWriting.ts"
import { bytes, copied, put, remove, text } from "./records.ts"

/** Something records can be kept on, empty at first. */
export interface Medium {
  /** Each call gives one more store on it. */
  readonly open: (options?: { readonly readOnly: boolean }) => Effect.Effect<PageStore, unknown, Scope.Scope>
}

export interface SuiteOptions {
  /** The medium keeps its records between two stores, and lets them be opened read-only. */
  readonly lasting: boolean
}

export type Check = (title: string, body: (store: PageStore) => void) => void

/** What every page store does. */
export const pageStoreSuite = (
  name: string,
  medium: Effect.Effect<Medium, unknown, Scope.Scope>,
  { lasting }: SuiteOptions
): void => {
  describe(`PageStore / ${name}`, () => {
    /** Runs `body` on a store on a new medium. */
    const check: Check = (title, body) =>
      it.scoped(title, () =>
        Effect.gen(function* () {
          body(yield* (yield* medium).open())
        })
      )
    reading(check)
    ordering(check)
    writing(check)
    if (lasting) keeping(medium)
  })
}

const reading = (check: Check): void => {
  check("has nothing at first", (store) => {
    expect(store.get("a", bytes("k"))).toBeUndefined()
    expect([...store.range("a")]).toEqual([])
    expect(store.readOnly).toBe(false)
  })

  check("gives what was put", (store) => {
    store.write([put("a", "k", "v"), put("a", "l", "")])
    expect(text(store.get("a", bytes("k")))).toBe("v")
    expect(store.get("a", bytes("l"))).toEqual(new Uint8Array(0))
    expect(store.get("a", bytes("kl"))).toBeUndefined()
    expect(store.get("a", bytes("j"))).toBeUndefined()
  })

  check("gives plain arrays, not buffers", (store) => {
    store.write([put("a", "k", "v")])
    const [[key, value]] = [...store.range("a")] as const
    for (const array of [store.get("a", bytes("k")), key, value]) {
      expect(Object.getPrototypeOf(array)).toBe(Uint8Array.prototype)
    }
  })

  check("takes keys of 1 and of 511 bytes, with any content", (store) => {
    const keys = [Uint8Array.of(0), Uint8Array.of(255), new Uint8Array(511), new Uint8Array(511).fill(255)]
    store.write(keys.map((key, i) => ({ table: "a", key, value: Uint8Array.of(i) })))
    keys.forEach((key, i) => void expect(store.get("a", key)).toEqual(Uint8Array.of(i)))
    expect([...store.range("a")].length).toBe(4)
    expect([...store.range("a", { reverse: true })].length).toBe(4)
  })

  check("refuses keys of other lengths wherever they come", (store) => {
    store.write([put("a", "k", "v")])
    for (const key of [new Uint8Array(0), new Uint8Array(512)]) {
      expect(() => store.get("a", key)).toThrow(RangeError)
      expect(() => store.get("never written", key)).toThrow(RangeError)
      const value = bytes("w")
      expect(() => store.write([put("a", "k", "w"), { table: "a", key, value }])).toThrow(RangeError)
      expect(() => store.write([put("a", "k", "w"), { table: "a", key, value: undefined }])).toThrow(
        RangeError
      )
    }
    expect(() => store.range("a", { from: new Uint8Array(512) })).toThrow(RangeError)
    expect(() => store.range("a", { to: new Uint8Array(512) })).toThrow(RangeError)
    expect(text(store.get("a", bytes("k")))).toBe("v")
  })

  check("keeps many tables apart", (store) => {
    const tables = Array.from({ length: 20 }, (_, i) => `table/${i}`)
    store.write(tables.map((table) => put(table, "k", table)))
    for (const table of tables) {
      expect(text(store.get(table, bytes("k")))).toBe(table)
      expect([...store.range(table)].length).toBe(1)
    }
  })

  check("lends views: a copy stays, what is done to a view does not reach the store", (store) => {
    store.write([put("a", "k", "first"), put("a", "l", "other")])
    const copy = copied(store.get("a", bytes("k")))
    store.get("a", bytes("k"))!.fill(0)
    store.get("a", bytes("l"))
    expect(text(copy)).toBe("first")
    expect(text(store.get("a", bytes("k")))).toBe("first")
  })

  check("holds values of 5 MiB and of 20 MiB", (store) => {
    const values = [5, 20].map(
      (mebibytes) => new Uint8Array(Buffer.alloc(mebibytes * 1_048_576, "a pattern of 23 bytes.."))
    )
    store.write(values.map((value, i) => ({ table: "a", key: Uint8Array.of(i + 1), value })))
    const found = [...store.range("a")]
    values.forEach((value, i) => {
      // Compared by Buffer: the assertion library takes seconds for so many elements.
      expect(Buffer.compare(store.get("a", Uint8Array.of(i + 1))!, value)).toBe(0)
      expect(Buffer.compare(found[i]![1], value)).toBe(0)
    })
    store.write([remove("a", Uint8Array.of(2)), put("a", Uint8Array.of(1), "small")])
    expect(text(store.get("a", Uint8Array.of(1)))).toBe("small")
    expect([...store.range("a")].length).toBe(1)
  })

  check("says how much it holds", (store) => {
    store.write([put("a", "k", new Uint8Array(100_000))])
    expect(store.size()).toBeGreaterThanOrEqual(100_000)
    expect(store.size()).toBeLessThan(1_000_000)
  })
}

const keeping = (medium: Effect.Effect<Medium, unknown, Scope.Scope>): void => {
  it.scoped("keeps its records from one store to the next", () =>
    Effect.gen(function* () {
      const { open } = yield* medium
      yield* Effect.scoped(
        Effect.map(open(), (store) => {
          store.write([put("a", "k", "v"), put("b", "k", "w")])
          store.write([put("a", "l", "lazy")], { durable: false })
          store.sync()
        })
      )
      const store = yield* open()
      expect(text(store.get("a", bytes("k")))).toBe("v")
      expect(text(store.get("a", bytes("l")))).toBe("lazy")
      expect(text(store.get("b", bytes("k")))).toBe("w")
    })
  )

  it.scoped("read-only, reads and refuses to write", () =>
    Effect.gen(function* () {
      const { open } = yield* medium
      yield* Effect.scoped(Effect.map(open(), (store) => store.write([put("a", "k", "v")])))
      const store = yield* open({ readOnly: true })
      expect(store.readOnly).toBe(true)
      const guard = () => expect.unreachable("a refused write runs no guard")
      expect(() => store.write([put("a", "k", "w")], { guard })).toThrow(
        expect.objectContaining({ _tag: "StoreReadOnly" })
      )
      expect(text(store.get("a", bytes("k")))).toBe("v")
      expect(store.get("b", bytes("k"))).toBeUndefined()
      store.sync()
      expect(store.size()).toBeGreaterThan(0)
    })
  )

  it.scoped("shows what another store on it wrote, after a refresh at the latest", () =>
    Effect.gen(function* () {
      const { open } = yield* medium
      const writer = yield* open()
      writer.write([put("a", "k", "1")])
      const reader = yield* open({ readOnly: true })
      expect(text(reader.get("a", bytes("k")))).toBe("1")
      writer.write([put("a", "k", "2"), put("new table", "k", "3")])
      reader.refresh()
      expect(text(reader.get("a", bytes("k")))).toBe("2")
      expect(text(reader.get("new table", bytes("k")))).toBe("3")
    })
  )
}
