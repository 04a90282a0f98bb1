import { expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type { IterateOptions, Tree } from "../../../src/mkvs/Tree.ts"
import { holds } from "../holds.ts"
import { apply, changes, iterateOptions, listing, Model } from "../model.ts"
import { hex, type Make, text, treeOf } from "./support.ts"

const keys = [
  "",
  "00",
  "0000",
  "0001",
  "00ff",
  "40",
  "61",
  "6161",
  "616161",
  "6162",
  "62",
  "80",
  "ff",
  "ffff",
  "ffff00"
]

/** Starting points and prefixes: the keys, and places before, between and behind them. */
const places = [...keys, "000000", "01", "60ff", "6160", "61616100", "63", "fffe", "ffff0000", "ffffff"]

const everyOption = (): ReadonlyArray<IterateOptions> => {
  const optional = [undefined, ...places.map(hex)]
  return optional.flatMap((from) =>
    optional.flatMap((prefix) => [false, true].map((reverse) => ({ from, prefix, reverse })))
  )
}

/** `from`, `prefix`, `reverse` in every combination, over committed and pending keys. */
export const iterationCases = (make: Make): void => {
  const states: ReadonlyArray<readonly [state: string, tree: () => Tree]> = [
    ["all committed", () => treeOf(make, keys)],
    [
      "all pending",
      () => {
        const tree = make()
        for (const key of keys) tree.insert(hex(key), hex(key))
        return tree
      }
    ],
    [
      "some pending over others, and removals",
      () => {
        const tree = treeOf(make, [...keys.filter((_, i) => i % 2 === 0), "0002", "6163", "fe"])
        for (const [i, key] of keys.entries()) if (i % 2 === 1 || i % 4 === 0) tree.insert(hex(key), hex(key))
        for (const key of ["0002", "6163", "fe", "77"]) tree.remove(hex(key))
        return tree
      }
    ]
  ]
  for (const [state, makeState] of states) {
    it(`every combination of from, prefix and reverse: ${state}`, () => {
      const tree = makeState()
      const model = new Model()
      for (const key of keys) model.insert(hex(key), hex(key))
      for (const options of everyOption()) expect(listing(tree, options)).toEqual(listing(model, options))
    })
  }

  it("equals the model with any keys, committed and pending", () => {
    holds(
      FastCheck.property(
        changes(),
        changes(),
        FastCheck.array(iterateOptions, { minLength: 5, maxLength: 10 }),
        (committed, pending, options) => {
          const tree = make()
          const model = new Model()
          apply(tree, committed)
          tree.commit()
          apply(tree, pending)
          apply(model, [...committed, ...pending])
          for (const each of options) expect(listing(tree, each)).toEqual(listing(model, each))
        }
      ),
      300
    )
  })

  it("options may be used again once iterate has been called", () => {
    const tree = treeOf(make, keys)
    for (const reverse of [false, true]) {
      const from = hex("6161")
      const prefix = hex("61")
      const walk = tree.iterate({ from, prefix, reverse })
      from.fill(0)
      prefix.fill(0)
      expect(Array.from(walk, ([key]) => Buffer.from(key).toString("hex"))).toEqual(
        reverse ? ["6161", "61"] : ["6161", "616161", "6162"]
      )
    }
  })

  it("can be left early and begun anew", () => {
    const tree = treeOf(make, keys)
    for (const [key] of tree.iterate()) if (key.length === 1) break
    const walk = tree.iterate({ prefix: hex("61") })
    expect(walk.next().done).toBe(false)
    walk.return?.()
    expect(walk.next().done).toBe(true)
    expect(listing(tree).length).toBe(keys.length)
  })

  it("all keys can be removed one after the other, each found by a walk of its own", () => {
    const tree = treeOf(make, keys)
    let steps = 0
    for (let first = tree.iterate().next(); first.done !== true; first = tree.iterate().next()) {
      tree.remove(first.value[0])
      steps++
    }
    expect(steps).toBe(keys.length)
    expect(tree.commit().keysDelta).toBe(-keys.length)
    expect(listing(tree)).toEqual([])
    tree.insert(text("again"), text("!"))
    expect(listing(tree).length).toBe(1)
  })
}
