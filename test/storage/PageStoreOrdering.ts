import { expect } from "@effect/vitest"
import * as fc from "fast-check"
import type { PageStore } from "../../src/storage/PageStore.ts"
import type { Check } from "./PageStoreSuite.ts"
import { bytes, listed, numberKey, put, remove, text } from "./records.ts"

/** Ranges: order, bounds, direction, and what happens to them when the store changes meanwhile. */
export const ordering = (check: Check): void => {
  const three = (store: PageStore) =>
    store.write([put("a", "c", "3"), put("a", "a", "1"), put("a", "b", "2")])

  check("ranges in byte order, a key before its extensions", (store) => {
    store.write(["b", "ab", "a", "\xff", "\x00", "a\x00", "B"].map((key) => put("a", key, "")))
    const ascending = ["\x00=", "B=", "a=", "a\x00=", "ab=", "b=", "\xff="]
    expect(listed(store, "a")).toEqual(ascending)
    expect(listed(store, "a", { reverse: true })).toEqual([...ascending].reverse())
  })

  check("includes from and excludes to, in both directions, present or not", (store) => {
    three(store)
    const range = (from: string | undefined, to: string | undefined, reverse = false) =>
      listed(store, "a", {
        from: from === undefined ? undefined : bytes(from),
        to: to === undefined ? undefined : bytes(to),
        reverse
      })
    for (const [from, to, expected] of [
      ["a", "c", ["a=1", "b=2"]],
      ["a", "d", ["a=1", "b=2", "c=3"]],
      ["aa", "bb", ["b=2"]],
      ["b", undefined, ["b=2", "c=3"]],
      [undefined, "b", ["a=1"]],
      [undefined, undefined, ["a=1", "b=2", "c=3"]],
      ["", undefined, ["a=1", "b=2", "c=3"]],
      ["A", "a", []],
      ["d", undefined, []],
      [undefined, "", []],
      ["b", "b", []],
      ["c", "a", []]
    ] as const) {
      expect(range(from, to)).toEqual(expected)
      expect(range(from, to, true)).toEqual([...expected].reverse())
    }
  })

  check("ranges over thousands of records", (store) => {
    const count = 3_000
    const key = (i: number) => numberKey((i * 7_919) % count)
    store.write(Array.from({ length: count }, (_, i) => put("a", key(i), text(key(i))!)))
    const expected = Array.from({ length: count }, (_, i) => `${text(numberKey(i))}=${text(numberKey(i))}`)
    expect(listed(store, "a")).toEqual(expected)
    expect(listed(store, "a", { reverse: true })).toEqual([...expected].reverse())
    const [from, to] = [numberKey(1_000), numberKey(2_000)]
    expect(listed(store, "a", { from, to })).toEqual(expected.slice(1_000, 2_000))
    expect(listed(store, "a", { from, to, reverse: true })).toEqual(expected.slice(1_000, 2_000).reverse())
  })

  check("its pairs may be kept", (store) => {
    three(store)
    const pairs = [...store.range("a")]
    store.write([put("a", "a", "changed"), remove("a", "b")])
    store.get("a", bytes("a"))
    expect(pairs.map(([key, value]) => `${text(key)}${text(value)}`)).toEqual(["a1", "b2", "c3"])
  })

  check("a pair that is changed changes nothing in the store", (store) => {
    three(store)
    for (const [key, value] of store.range("a")) {
      key.fill(0)
      value.fill(0)
    }
    expect(listed(store, "a")).toEqual(["a=1", "b=2", "c=3"])
  })

  check("a range that is given up half-way leaves the store usable", (store) => {
    three(store)
    for (const _ of store.range("a")) break
    store.range("a").next()
    store.write([put("a", "d", "4")])
    store.refresh()
    expect(listed(store, "a")).toEqual(["a=1", "b=2", "c=3", "d=4"])
  })

  for (const reverse of [false, true]) {
    check(
      `${reverse ? "a reverse" : "a"} range goes on while the store is written and refreshed`,
      (store) => {
        const count = 400
        const number = (key: Uint8Array) => Buffer.from(key).readUIntBE(0, 6)
        store.write(Array.from({ length: count }, (_, i) => put("a", numberKey(4 * i), "old")))
        const seen: Array<number> = []
        for (const [key] of store.range("a", { reverse })) {
          const at = number(key)
          seen.push(at)
          if (at % 4 !== 0) continue
          // New records on both sides of the walk; the one just seen goes, and one that was added elsewhere.
          const elsewhere = (at + 2 * count) % (4 * count)
          store.write([
            put("a", numberKey(at + 1), "new"),
            put("a", numberKey(Math.max(0, at - 1)), "new"),
            remove("a", key),
            remove("a", numberKey(elsewhere + 1))
          ])
          store.refresh()
        }
        const ordered = [...seen].sort((a, b) => (reverse ? b - a : a - b))
        expect(seen).toEqual(ordered)
        expect(new Set(seen).size).toBe(seen.length)
        // What was there from the start until the walk came was seen.
        expect(seen.filter((at) => at % 4 === 0).length).toBe(count)
      }
    )
  }

  check("agrees with a sorted list on any history", (store) => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 })
    const batch = fc.array(fc.tuple(key, fc.option(fc.uint8Array({ maxLength: 4 }))), { maxLength: 12 })
    const bound = fc.option(fc.uint8Array({ maxLength: 3, max: 3 }), { nil: undefined })
    const range = fc.record({ from: bound, to: bound, reverse: fc.boolean() })
    let table = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(batch, range), { maxLength: 6 }), (steps) => {
        const name = `t${table++ % 40}`
        store.write([...store.range(name)].map(([old]) => remove(name, old)))
        const model = new Map<string, string>()
        for (const [changes, options] of steps) {
          store.write(
            changes.map(([k, v]) => (v === null ? remove(name, k) : put(name, k, v))),
            { durable: false }
          )
          for (const [k, v] of changes) {
            if (v === null) model.delete(text(k)!)
            else model.set(text(k)!, text(v)!)
          }
          const [from = "", to = "\xff"] = [text(options.from), text(options.to)]
          const kept = [...model].filter(([k]) => k >= from && k < to).sort(([a], [b]) => (a < b ? -1 : 1))
          if (options.reverse) kept.reverse()
          expect(listed(store, name, options)).toEqual(kept.map(([k, v]) => `${k}=${v}`))
        }
      }),
      { numRuns: 60 }
    )
  })
}
