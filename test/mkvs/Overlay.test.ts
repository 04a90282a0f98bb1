import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Bytes from "../../src/mkvs/Bytes.ts"
import { KeyTooLong } from "../../src/mkvs/MkvsError.ts"
import { Overlay } from "../../src/mkvs/Overlay.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import type { Writer } from "../../src/mkvs/Tree.ts"
import { nodeHasher } from "./hasher.ts"
import { holds } from "./holds.ts"
import { apply, changes, collidingKey, iterateOptions, listing, Model } from "./model.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const modelOf = (...keys: ReadonlyArray<string>): Model => {
  const model = new Model()
  for (const key of keys) model.insert(bytes(key), bytes(`base ${key}`))
  return model
}

const texts = (overlay: Overlay): ReadonlyArray<string> =>
  [...overlay.iterate()].map(([key, value]) => `${Buffer.from(key)}=${Buffer.from(value)}`)

describe("Overlay", () => {
  it("shows its changes over what is below, and leaves that alone", () => {
    const base = modelOf("a", "b", "c")
    const overlay = new Overlay(base)
    overlay.insert(bytes("b"), bytes("new"))
    overlay.insert(bytes("bb"), Bytes.empty)
    overlay.remove(bytes("c"))
    overlay.remove(bytes("never there"))
    expect(texts(overlay)).toEqual(["a=base a", "b=new", "bb="])
    expect(overlay.get(bytes("b"))).toEqual(bytes("new"))
    expect(overlay.get(bytes("bb"))).toEqual(Bytes.empty)
    expect(overlay.get(bytes("c"))).toBeUndefined()
    expect(overlay.get(bytes("a"))).toEqual(bytes("base a"))
    expect([bytes("a"), bytes("bb"), bytes("c"), bytes("x")].map((key) => overlay.has(key))).toEqual([
      true,
      true,
      false,
      false
    ])
    expect(overlay.size).toBe(4)
    expect(listing(base)).toEqual(listing(modelOf("a", "b", "c")))
  })

  it("commit makes the changes below, in key order, and leaves the overlay empty", () => {
    const base = modelOf("a", "b")
    const calls: Array<string> = []
    const recording: Writer = {
      get: (key) => base.get(key),
      has: (key) => base.has(key),
      iterate: (options) => base.iterate(options),
      insert: (key, value) => {
        calls.push(`insert ${Buffer.from(key)}`)
        base.insert(key, value)
      },
      remove: (key) => {
        calls.push(`remove ${Buffer.from(key)}`)
        base.remove(key)
      }
    }
    const overlay = new Overlay(recording)
    overlay.insert(bytes("c"), bytes("3"))
    overlay.remove(bytes("b"))
    overlay.insert(bytes("a"), bytes("1"))
    overlay.insert(bytes(""), bytes("0"))
    overlay.commit()
    expect(calls).toEqual(["insert ", "insert a", "remove b", "insert c"])
    expect(overlay.size).toBe(0)
    expect([...overlay.changes()]).toEqual([])
    expect(texts(overlay)).toEqual(["=0", "a=1", "c=3"])
    overlay.commit()
    expect(calls).toHaveLength(4)
  })

  it("keeps its changes when commit fails below", () => {
    const base = modelOf()
    const failing: Writer = {
      get: (key) => base.get(key),
      has: (key) => base.has(key),
      iterate: (options) => base.iterate(options),
      insert: (key, value) => {
        if (key[0] === 0x62) throw new Error("no")
        base.insert(key, value)
      },
      remove: (key) => base.remove(key)
    }
    const overlay = new Overlay(failing)
    overlay.insert(bytes("a"), bytes("1"))
    overlay.insert(bytes("b"), bytes("2"))
    expect(() => overlay.commit()).toThrow("no")
    expect(overlay.size).toBe(2)
    expect(texts(overlay)).toEqual(["a=1", "b=2"])
  })

  it("drop forgets the changes", () => {
    const overlay = new Overlay(modelOf("a"))
    overlay.insert(bytes("b"), bytes("2"))
    overlay.remove(bytes("a"))
    overlay.drop()
    expect(texts(overlay)).toEqual(["a=base a"])
    expect(overlay.size).toBe(0)
    overlay.insert(bytes("c"), bytes("3"))
    expect(texts(overlay)).toEqual(["a=base a", "c=3"])
  })

  it("refuses a key of 8,192 bytes and takes one of 8,191", () => {
    const overlay = new Overlay(modelOf())
    expect(() => overlay.insert(new Uint8Array(8192), Bytes.empty)).toThrow(KeyTooLong)
    overlay.remove(new Uint8Array(8192))
    expect(overlay.size).toBe(0)
    overlay.insert(new Uint8Array(8191), bytes("long"))
    expect(overlay.get(new Uint8Array(8191))).toEqual(bytes("long"))
  })

  it("copies what it is given, and what it gave out stays as it was", () => {
    const overlay = new Overlay(modelOf())
    const key = bytes("key")
    const value = bytes("value 1")
    overlay.insert(key, value)
    key.fill(0)
    value.fill(0)
    const before = overlay.get(bytes("key"))
    const [first] = overlay.iterate()
    overlay.insert(bytes("key"), bytes("value 2"))
    expect(before).toEqual(bytes("value 1"))
    expect(first).toEqual([bytes("key"), bytes("value 1")])
    overlay.drop()
    overlay.insert(bytes("other"), bytes("something else"))
    expect(first).toEqual([bytes("key"), bytes("value 1")])
  })

  it("an iteration outlives changes: what was there and stays comes once; after a drop it ends", () => {
    const overlay = new Overlay(modelOf("b", "d"))
    for (const key of ["a", "c", "e"]) overlay.insert(bytes(key), bytes("x"))
    const seen: Array<string> = []
    for (const [key] of overlay.iterate()) {
      seen.push(Buffer.from(key).toString())
      overlay.insert(Bytes.concat(key, bytes("+")), bytes("added"))
      // A second walk takes the added keys in while the first one is under way.
      expect([...overlay.iterate()].length).toBe(5 + seen.filter((text) => !text.endsWith("+")).length)
    }
    expect(seen.filter((text) => !text.endsWith("+"))).toEqual(["a", "b", "c", "d", "e"])
    const walk = overlay.iterate()
    walk.next()
    overlay.drop()
    expect([...walk].map(([key]) => Buffer.from(key).toString())).toEqual(["b", "d"])
  })

  it("equals the model at any depth, through commits and drops", () => {
    const step = FastCheck.record({
      list: changes(8),
      outcome: FastCheck.constantFrom("open", "open", "commit", "drop", "stay"),
      options: iterateOptions,
      key: collidingKey
    })
    holds(
      FastCheck.property(changes(), FastCheck.array(step, { maxLength: 12 }), (initial, steps) => {
        const base = new ReferenceTree(nodeHasher)
        apply(base, initial)
        const bottom = new Model()
        apply(bottom, initial)
        // The models of the open overlays, each with all that is below it; the last is the top.
        const models = [bottom]
        const overlays: Array<Overlay<Writer>> = []
        const top = (): Writer => overlays.at(-1) ?? base
        for (const { key, list, options, outcome } of steps) {
          if (outcome === "open" || overlays.length === 0) {
            overlays.push(new Overlay(top()))
            models.push(models.at(-1)!.copy())
          }
          apply(top(), list)
          apply(models.at(-1)!, list)
          if (outcome === "commit") {
            overlays.pop()!.commit()
            models.splice(-2, 1)
          } else if (outcome === "drop") {
            overlays.pop()!.drop()
            models.pop()
          }
          const model = models.at(-1)!
          expect(listing(top(), options)).toEqual(listing(model, options))
          expect(top().get(key)).toEqual(model.get(key))
          expect(top().has(key)).toBe(model.has(key))
        }
      })
    )
  })

  it("changes lists every key once, in order, and makes one tree of another", () => {
    holds(
      FastCheck.property(changes(), changes(), (initial, list) => {
        const base = new Model()
        apply(base, initial)
        const overlay = new Overlay(base)
        apply(overlay, list)
        const told = [...overlay.changes()]
        expect(told.length).toBe(overlay.size)
        for (let i = 1; i < told.length; i++) {
          expect(Bytes.compare(told[i - 1]!.key, told[i]!.key)).toBeLessThan(0)
        }
        const other = base.copy()
        apply(
          other,
          told.map(({ key, value }) => [key, value])
        )
        expect(listing(other)).toEqual(listing(overlay))
      })
    )
  })
})
