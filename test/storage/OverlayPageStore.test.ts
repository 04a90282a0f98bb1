import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as fc from "fast-check"
import * as LmdbPageStore from "../../src/storage/LmdbPageStore.ts"
import { makeMemoryPageStore } from "../../src/storage/MemoryPageStore.ts"
import { makeOverlayPageStore } from "../../src/storage/OverlayPageStore.ts"
import type { PageStore } from "../../src/storage/PageStore.ts"
import { makeFaultyPageStore } from "../../src/testing/FaultyPageStore.ts"
import { pageStoreSuite } from "./PageStoreSuite.ts"
import { bytes, listed, put, remove, text } from "./records.ts"
import { temporaryDirectory } from "./temporary.ts"

const bases: Record<string, Effect.Effect<PageStore, unknown, Scope.Scope>> = {
  memory: Effect.sync(() => makeMemoryPageStore()),
  LMDB: Effect.flatMap(temporaryDirectory, (path) => LmdbPageStore.open({ path })),
  overlay: Effect.sync(() => makeOverlayPageStore(makeMemoryPageStore()))
}

for (const [name, base] of Object.entries(bases)) {
  pageStoreSuite(
    `overlay on ${name}`,
    Effect.succeed({ open: () => Effect.map(base, makeOverlayPageStore) }),
    { lasting: false }
  )

  describe(`overlay on ${name}`, () => {
    const check = (title: string, body: (overlay: PageStore, base: PageStore) => void): void =>
      void it.scoped(title, () =>
        Effect.map(base, (below) => {
          below.write(["a", "c", "e"].map((key) => put("t", key, "base")))
          body(makeOverlayPageStore(below), below)
        })
      )

    check("reads through, shows its own changes, and leaves the base alone", (overlay, below) => {
      overlay.write([put("t", "b", "own"), put("t", "c", "own"), remove("t", "e"), put("new", "k", "own")])
      overlay.sync()
      expect(listed(overlay, "t")).toEqual(["a=base", "b=own", "c=own"])
      expect(listed(overlay, "t", { reverse: true })).toEqual(["c=own", "b=own", "a=base"])
      expect(text(overlay.get("t", bytes("a")))).toBe("base")
      expect(text(overlay.get("t", bytes("c")))).toBe("own")
      expect(overlay.get("t", bytes("e"))).toBeUndefined()
      expect(listed(overlay, "new")).toEqual(["k=own"])
      expect(listed(below, "t")).toEqual(["a=base", "c=base", "e=base"])
      expect(listed(below, "new")).toEqual([])
    })

    check("takes back an aborted write to what it was, here or below", (overlay) => {
      overlay.write([put("t", "a", "own"), remove("t", "c")])
      const changes = [
        put("t", "a", "x"),
        put("t", "c", "x"),
        remove("t", "e"),
        put("t", "f", "x"),
        put("t", "", "")
      ]
      expect(() => overlay.write(changes)).toThrow(RangeError)
      expect(listed(overlay, "t")).toEqual(["a=own", "e=base"])
    })

    check("shows a record removed and put again", (overlay) => {
      overlay.write([remove("t", "c")])
      overlay.write([put("t", "c", "again")])
      expect(listed(overlay, "t")).toEqual(["a=base", "c=again", "e=base"])
    })

    check(
      "goes on with a range over the base while records of it are replaced and removed here",
      (overlay) => {
        const walk = overlay.range("t")
        expect(text(walk.next().value?.[1])).toBe("base")
        overlay.write([put("t", "c", "own"), remove("t", "e")])
        expect([...walk].map(([key, value]) => `${text(key)}=${text(value)}`)).toEqual(["c=own"])
      }
    )

    check("lets the base be written below it", (overlay, below) => {
      overlay.write([put("t", "c", "own")])
      below.write([put("t", "a", "later"), put("t", "c", "later"), put("t", "d", "later")])
      overlay.refresh()
      expect(listed(overlay, "t")).toEqual(["a=later", "c=own", "d=later", "e=base"])
    })
  })
}

it("asks nothing of its base to be set up, and never writes or syncs it", () => {
  const base = makeFaultyPageStore(makeMemoryPageStore())
  const overlay = makeOverlayPageStore(base)
  expect(Object.values(base.counts).every((count) => count === 0)).toBe(true)
  overlay.write([put("t", "k", "v")], { guard: () => void overlay.get("t", bytes("other")) })
  overlay.sync()
  expect(base.counts).toMatchObject({ gets: 1, writes: 0, syncs: 0 })
})

it("can be written on a base that is read-only", () => {
  const overlay = makeOverlayPageStore(makeMemoryPageStore({ readOnly: true }))
  overlay.write([put("t", "k", "v")])
  expect(overlay.readOnly).toBe(false)
  expect(listed(overlay, "t")).toEqual(["k=v"])
})

it("merges like two maps, whatever lies above and below", () => {
  const key = fc.uint8Array({ minLength: 1, maxLength: 2, max: 3 })
  const bound = fc.option(fc.uint8Array({ maxLength: 2, max: 3 }), { nil: undefined })
  const range = fc.record({ from: bound, to: bound, reverse: fc.boolean() })
  const own = fc.array(fc.tuple(key, fc.boolean()), { maxLength: 10 })
  fc.assert(
    fc.property(fc.array(key, { maxLength: 10 }), own, range, (below, above, options) => {
      const base = makeMemoryPageStore()
      base.write(below.map((k) => put("t", k, "base")))
      const overlay = makeOverlayPageStore(base)
      overlay.write(above.map(([k, kept]) => (kept ? put("t", k, "own") : remove("t", k))))
      const flat = makeMemoryPageStore()
      flat.write([...below.map((k) => put("t", k, "base"))])
      flat.write(above.map(([k, kept]) => (kept ? put("t", k, "own") : remove("t", k))))
      expect(listed(overlay, "t", options)).toEqual(listed(flat, "t", options))
    })
  )
})
