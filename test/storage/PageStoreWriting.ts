import { expect } from "@effect/vitest"
import type { Change } from "../../src/storage/PageStore.ts"
import type { Check } from "./PageStoreSuite.ts"
import { bytes, listed, numberKey, put, remove, text } from "./records.ts"

class Refusal extends Error {}

/** Writes: all or nothing, in order, and what may happen inside one. */
export const writing = (check: Check): void => {
  check("replaces and removes", (store) => {
    store.write([put("a", "k", "1"), put("a", "l", "1"), put("a", "m", "1")])
    store.write([put("a", "k", "longer than before"), remove("a", "l")])
    expect(listed(store, "a")).toEqual(["k=longer than before", "m=1"])
  })

  check("removes what is not there, from tables that are not there", (store) => {
    store.write([remove("a", "k"), put("b", "k", "v"), remove("b", "l")])
    expect(listed(store, "a")).toEqual([])
    expect(listed(store, "b")).toEqual(["k=v"])
  })

  check("applies changes of one batch in order", (store) => {
    store.write([
      put("a", "k", "1"),
      remove("a", "k"),
      put("a", "l", "1"),
      put("a", "l", "2"),
      remove("a", "m"),
      put("a", "m", "3")
    ])
    expect(listed(store, "a")).toEqual(["l=2", "m=3"])
  })

  check("takes an empty batch", (store) => {
    store.write([])
    expect(listed(store, "a")).toEqual([])
  })

  check("is done with the caller's buffers when it returns", (store) => {
    const key = bytes("k")
    const value = bytes("v")
    store.write([{ table: "a", key, value }])
    key.fill(0)
    value.fill(0)
    expect(listed(store, "a")).toEqual(["k=v"])
  })

  check("takes one change after the other, so that buffers can be reused between them", (store) => {
    function* changes(): Iterable<Change> {
      const key = new Uint8Array(1)
      const value = new Uint8Array(2_000)
      for (let i = 97; i < 123; i++) yield { table: "a", key: key.fill(i), value: value.fill(i) }
    }
    store.write(changes())
    const expected = Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i)).map(
      (c) => `${c}=${c.repeat(2_000)}`
    )
    expect(listed(store, "a")).toEqual(expected)
  })

  check("takes views into larger buffers", (store) => {
    const slab = bytes("xxkeyvaluexx")
    store.write([{ table: "a", key: slab.subarray(2, 5), value: slab.subarray(5, 10) }])
    expect(text(store.get("a", bytes("..key..").subarray(2, 5)))).toBe("value")
  })

  check("keeps nothing when the guard throws", (store) => {
    store.write([put("a", "k", "1")])
    const guard = () => {
      throw new Refusal()
    }
    expect(() => store.write([put("a", "k", "2"), put("new", "k", "2")], { guard })).toThrow(Refusal)
    expect(listed(store, "a")).toEqual(["k=1"])
    expect(listed(store, "new")).toEqual([])
  })

  check("keeps nothing when the changes throw, not even new tables", (store) => {
    store.write([put("a", "k", "1"), put("a", "l", "1"), put("pages", numberKey(1), "1")])
    function* changes(): Iterable<Change> {
      yield put("a", "k", "2")
      yield remove("a", "l")
      yield put("a", "m", "2")
      yield put("new", "k", "2")
      yield put("pages", numberKey(2), "2")
      throw new Refusal()
    }
    expect(() => store.write(changes())).toThrow(Refusal)
    expect(listed(store, "a")).toEqual(["k=1", "l=1"])
    expect(listed(store, "new")).toEqual([])
    expect([...store.range("pages")].length).toBe(1)
    store.write([put("new", "k", "3"), put("pages", numberKey(2), "3")])
    expect(listed(store, "new")).toEqual(["k=3"])
    expect([...store.range("pages")].length).toBe(2)
  })

  check("runs the guard before the changes, with the current state", (store) => {
    store.write([put("a", "k", "1")])
    const found: Array<string | undefined> = []
    store.write([put("a", "k", "2")], {
      guard: () => {
        found.push(
          text(store.get("a", bytes("k"))),
          text(store.get("new", bytes("k"))),
          ...listed(store, "a")
        )
      }
    })
    expect(found).toEqual(["1", undefined, "k=1"])
    expect(listed(store, "a")).toEqual(["k=2"])
  })

  check("lets the changes read what the guard and they themselves did", (store) => {
    store.write([put("a", "count", "7")])
    let next = 0
    function* changes(): Iterable<Change> {
      yield put("a", "count", String(next + 1))
      yield put("new", "copy", text(store.get("a", bytes("count")))!)
      yield put("new", "list", [...listed(store, "a"), ...listed(store, "new")].join())
      yield remove("new", "copy")
      yield put("new", "gone", String(store.get("new", bytes("copy"))))
    }
    const guard = () => {
      next = Number(text(store.get("a", bytes("count"))))
    }
    store.write(changes(), { guard })
    expect(listed(store, "a")).toEqual(["count=8"])
    expect(listed(store, "new")).toEqual(["gone=undefined", "list=count=8,copy=8"])
  })

  check("refuses a write within a write, and keeps nothing of either", (store) => {
    const inner = () => store.write([put("a", "inner", "1")])
    function* changes(): Iterable<Change> {
      yield put("a", "outer", "1")
      inner()
    }
    expect(() => store.write([put("a", "outer", "1")], { guard: inner })).toThrow(/within a write/)
    expect(() => store.write(changes())).toThrow(/within a write/)
    expect(listed(store, "a")).toEqual([])
    store.write([put("a", "k", "v")])
    expect(listed(store, "a")).toEqual(["k=v"])
  })

  check("stores pages whose keys grow, shrink and repeat", (store) => {
    const order = [5, 6, 7, 3, 8, 6, 2, 9, 9, 1, 10]
    store.write(order.map((n, i) => put("pages", numberKey(n), String(i))))
    store.write([
      put("pages", numberKey(4), "x"),
      put("pages", numberKey(11), "y"),
      put("pages", numberKey(10), "z")
    ])
    const found = [...store.range("pages")].map(
      ([key, value]) => `${Buffer.from(key).readUIntBE(0, 6)}=${text(value)}`
    )
    expect(found).toEqual(["1=9", "2=6", "3=3", "4=x", "5=0", "6=5", "7=2", "8=4", "9=8", "10=z", "11=y"])
  })

  check("writes lazily and syncs", (store) => {
    for (let i = 0; i < 20; i++) store.write([put("a", numberKey(i), "v")], { durable: i % 3 === 0 })
    store.sync()
    expect([...store.range("a")].length).toBe(20)
  })
}
