import { describe, expect, it } from "@effect/vitest"
import type { Tree } from "../../src/mkvs/Tree.ts"
import { deepTree } from "./deep.ts"
import { historyCases } from "./tree/histories.ts"
import { iterationCases } from "./tree/iteration.ts"
import { operationCases } from "./tree/operations.ts"
import { shapeCases } from "./tree/shapes.ts"
import { emptyHash, text } from "./tree/support.ts"

export interface TreeSuiteOptions {
  /** Trees of thousands of levels too: not for engines that recurse. */
  readonly deep?: boolean
}

/** What every implementation of `Tree` must do. `make` gives a new, empty tree each time. */
export const treeSuite = (name: string, make: () => Tree, { deep = false }: TreeSuiteOptions = {}): void => {
  describe(`Tree / ${name}`, () => {
    describe("operations", () => operationCases(make))
    describe("shapes", () => shapeCases(make))
    describe("iteration", () => iterationCases(make))
    describe("histories", () => historyCases(make))
    if (deep) describe("deep trees", () => deepCases(make))
  })
}

const deepCases = (make: () => Tree): void => {
  const depth = 5000

  it("of 5,000 keys, each parting one bit further, has the right root, and is empty again in the end", () => {
    const { entries, rootHash } = deepTree(depth, (i) => text(`${i}`))
    const tree = make()
    for (const [key, value] of entries) tree.insert(key, value)
    expect(tree.commit().rootHash).toEqual(rootHash)
    expect(tree.get(entries[depth]![0])).toEqual(text(`${depth}`))
    // In key order the one with most zeros comes first.
    expect(tree.iterate().next().value).toEqual(entries[depth])
    expect([...tree.iterate()].length).toBe(depth + 1)
    expect([...tree.iterate({ reverse: true, from: entries[10]![0] })].length).toBe(depth + 1 - 10)
    for (const [key] of entries) tree.remove(key)
    const { keysDelta, rootHash: after } = tree.commit()
    expect(after).toEqual(emptyHash)
    expect(keysDelta).toBe(-(depth + 1))
  })

  it("of 5,000 keys changes at the bottom, and loses every other key", () => {
    const { entries } = deepTree(depth, () => text("old"))
    const tree = make()
    for (const [key, value] of entries) tree.insert(key, value)
    tree.commit()
    tree.insert(entries[depth]![0], text("new"))
    expect(tree.commit().writeLog).toEqual([{ key: entries[depth]![0], value: text("new") }])
    const other = make()
    for (const [i, [key]] of entries.entries()) {
      if (i % 2 === 1) tree.remove(key)
      else other.insert(key, text(i === depth ? "new" : "old"))
    }
    expect(tree.commit().rootHash).toEqual(other.commit().rootHash)
  })
}
