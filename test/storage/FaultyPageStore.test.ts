import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeMemoryPageStore } from "../../src/storage/MemoryPageStore.ts"
import type { Change } from "../../src/storage/PageStore.ts"
import { type FaultPlan, makeFaultyPageStore, SimulatedCrash } from "../../src/testing/FaultyPageStore.ts"
import { pageStoreSuite } from "./PageStoreSuite.ts"
import { bytes, listed, put, text } from "./records.ts"

pageStoreSuite(
  "faulty, without faults",
  Effect.succeed({ open: () => Effect.sync(() => makeFaultyPageStore(makeMemoryPageStore())) }),
  { lasting: false }
)

const prepared = (plan: FaultPlan) => {
  const base = makeMemoryPageStore()
  base.write([put("a", "k", "\x01\x02\x03"), put("a", "l", "\x01\x02\x03"), put("b", "k", "\x01\x02\x03")])
  return { base, store: makeFaultyPageStore(base, plan) }
}

describe("FaultyPageStore", () => {
  it("fails the chosen writes as a commit fails: nothing is kept, the next one succeeds", () => {
    const { store } = prepared({
      failWrites: new Map([
        [2, "full"],
        [3, "failed"]
      ])
    })
    const seen: Array<string> = []
    function* changes(): Iterable<Change> {
      seen.push("changes")
      yield put("a", "n", "3")
    }
    store.write([put("a", "m", "1")])
    const write = () => store.write(changes(), { guard: () => seen.push("guard") })
    expect(write).toThrow(expect.objectContaining({ _tag: "StoreFull" }))
    expect(write).toThrow(expect.objectContaining({ _tag: "StoreFailed" }))
    expect(seen).toEqual(["guard", "changes", "guard", "changes"])
    expect(listed(store, "a").map((pair) => pair[0])).toEqual(["k", "l", "m"])
    write()
    expect(listed(store, "a").map((pair) => pair[0])).toEqual(["k", "l", "m", "n"])
    expect(store.counts.writes).toBe(4)
  })

  it("flips a bit of one record, in look-ups and ranges, and leaves the medium as it is", () => {
    const { base, store } = prepared({ damage: [{ table: "a", key: bytes("k"), how: { flipBit: 17 } }] })
    expect(text(store.get("a", bytes("k")))).toBe("\x01\x02\x01")
    expect(text(store.get("a", bytes("l")))).toBe("\x01\x02\x03")
    expect(text(store.get("b", bytes("k")))).toBe("\x01\x02\x03")
    expect(listed(store, "a")).toEqual(["k=\x01\x02\x01", "l=\x01\x02\x03"])
    expect(listed(base, "a")).toEqual(["k=\x01\x02\x03", "l=\x01\x02\x03"])
  })

  it("refuses to flip a bit that is not there, lest a test damages nothing", () => {
    const { store } = prepared({ damage: [{ table: "a", key: bytes("k"), how: { flipBit: 24 } }] })
    expect(() => store.get("a", bytes("k"))).toThrow(RangeError)
  })

  it("cuts a record short", () => {
    const { store } = prepared({ damage: [{ table: "a", key: bytes("k"), how: { truncateTo: 1 } }] })
    expect(text(store.get("a", bytes("k")))).toBe("\x01")
  })

  it("lifts faults with the plan", () => {
    const { store } = prepared({ damage: [{ table: "a", key: bytes("k"), how: { truncateTo: 0 } }] })
    store.plan = {}
    expect(text(store.get("a", bytes("k")))).toBe("\x01\x02\x03")
  })

  it.each([false, true])("dies at a write (applied: %s) and stays dead; the medium lives", (applied) => {
    const { base, store } = prepared({ crash: { atWrite: 2, applied } })
    store.write([put("a", "m", "1")])
    const walk = store.range("a")
    walk.next()
    expect(() => store.write([put("a", "n", "1")])).toThrow(SimulatedCrash)
    const calls = [
      () => store.get("a", bytes("k")),
      () => store.range("a"),
      () => walk.next(),
      () => store.write([]),
      () => store.sync(),
      () => store.size(),
      () => store.refresh()
    ]
    for (const call of calls) expect(call).toThrow(SimulatedCrash)
    expect(listed(base, "a").map((pair) => pair[0])).toEqual(["k", "l", "m", ...(applied ? ["n"] : [])])
  })

  it("counts", () => {
    const { store } = prepared({})
    store.get("a", bytes("k"))
    store.get("a", bytes("absent"))
    listed(store, "a")
    store.write([put("a", "m", "1"), put("a", "n", "1")])
    store.sync()
    store.refresh()
    expect(store.counts).toEqual({ gets: 2, ranges: 1, writes: 1, changes: 2, syncs: 1, refreshes: 1 })
  })
})
