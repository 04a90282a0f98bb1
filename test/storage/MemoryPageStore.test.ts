import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { MemoryDisk, makeMemoryPageStore } from "../../src/storage/MemoryPageStore.ts"
import { pageStoreSuite } from "./PageStoreSuite.ts"
import { bytes, put, text } from "./records.ts"

pageStoreSuite(
  "memory",
  Effect.sync(() => {
    const disk = new MemoryDisk()
    return { open: (options) => Effect.sync(() => makeMemoryPageStore({ disk, ...options })) }
  }),
  { lasting: true }
)

it("lends one buffer again and again, so that whoever keeps a view finds out here", () => {
  const store = makeMemoryPageStore()
  store.write([put("a", "k", "first"), put("a", "l", "other")])
  const kept = store.get("a", bytes("k"))
  store.get("a", bytes("l"))
  expect(text(kept)).toBe("other")
})

it("counts the bytes it holds, also after removals and aborted writes", () => {
  const store = makeMemoryPageStore()
  store.write([put("a", "key", "value"), put("b", "k", "v")])
  expect(store.size()).toBe(10)
  store.write([put("a", "key", "v"), { table: "b", key: bytes("k"), value: undefined }])
  expect(store.size()).toBe(4)
  expect(() => store.write([put("a", "key", "longer"), put("a", "", "bad")])).toThrow(RangeError)
  expect(store.size()).toBe(4)
})
