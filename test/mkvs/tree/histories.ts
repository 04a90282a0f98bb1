import { expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { compare, equal } from "../../../src/mkvs/Bytes.ts"
import type { Reader, Tree } from "../../../src/mkvs/Tree.ts"
import { applyWriteLog, type WriteLogEntry } from "../../../src/mkvs/WriteLog.ts"
import { dataEntry, dataSet } from "../dataset.ts"
import { holds } from "../holds.ts"
import { apply, type Change, changes, collidingKey, listing, Model, smallValue } from "../model.ts"
import { bulkRoots, histories } from "../vectors.ts"
import { logTexts, type Make, show } from "./support.ts"

/** Roots, logs and counts over many commits: against the reference's vectors, a Map, and another order. */
export const historyCases = (make: Make): void => {
  for (const { name, versions } of histories()) {
    it(`12 versions of the reference: ${name}`, () => {
      const tree = make()
      let keys = 0
      for (const { keys: expectedKeys, ops, root } of versions) {
        const before = new Model()
        applyAll(before, tree)
        for (const [key, value] of ops) apply(tree, [[key, value]])
        const committed = tree.commit()
        expect(show(committed.rootHash)).toBe(show(root))
        keys += committed.keysDelta
        expect(keys).toBe(expectedKeys)
        expect(listing(tree).length).toBe(expectedKeys)
        expect(logTexts(committed.writeLog)).toEqual(logTexts(difference(before, tree)))
      }
    })
  }

  for (const { n, profile, root, seed } of bulkRoots()) {
    it(`the first ${n} entries of ${profile}, at once and in blocks`, () => {
      const entries = dataSet(profile, seed, n)
      const tree = make()
      apply(tree, entries)
      expect(show(tree.commit().rootHash)).toBe(show(root))
      const blocks = make()
      for (let from = 0; from < n; from += Math.ceil(n / 4)) {
        apply(blocks, entries.slice(from, from + Math.ceil(n / 4)))
        blocks.commit()
      }
      expect(show(blocks.rootHash)).toBe(show(root))
    })
  }

  it("equals a Map over several commits", () => {
    holds(
      FastCheck.property(FastCheck.array(changes(), { maxLength: 6 }), (versions) => {
        const tree = make()
        const follower = make()
        let before = new Model()
        for (const list of versions) {
          const model = before.copy()
          apply(model, list)
          apply(tree, list)
          expectSame(tree, model, list)
          const { keysDelta, rootHash, writeLog } = tree.commit()
          expectSame(tree, model, list)
          expect(keysDelta).toBe(model.entries.size - before.entries.size)
          expect(logTexts(writeLog)).toEqual(logTexts(difference(before, model)))
          applyWriteLog(writeLog, follower)
          expect(follower.commit()).toEqual({ keysDelta, rootHash, writeLog })
          before = model
        }
      }),
      300
    )
  })

  it("the root depends on the content alone", () => {
    const content = FastCheck.uniqueArray(FastCheck.tuple(collidingKey, smallValue), {
      selector: ([key]) => show(key),
      maxLength: 25
    })
    const shuffled = content.chain((entries) =>
      FastCheck.tuple(
        FastCheck.constant(entries),
        FastCheck.shuffledSubarray(entries, { minLength: entries.length }),
        changes(),
        FastCheck.array(FastCheck.nat(30), { maxLength: 3 })
      )
    )
    holds(
      FastCheck.property(shuffled, ([entries, other, detour, commits]) => {
        const straight = make()
        apply(straight, entries)
        const { rootHash } = straight.commit()
        const winding = make()
        const steps: ReadonlyArray<Change> = [
          ...detour,
          ...detour.map(([key]): Change => [key, undefined]),
          ...other
        ]
        for (const [i, step] of steps.entries()) {
          apply(winding, [step])
          if (commits.includes(i)) winding.commit()
        }
        expect(winding.commit().rootHash).toEqual(rootHash)
      }),
      300
    )
  })

  it("a long history of blocks over thousands of keys", () => {
    const tree = make()
    const model = new Model()
    const seed = "tree suite"
    for (let block = 0; block < 30; block++) {
      const before = model.copy()
      const list = Array.from({ length: 200 }, (_, i): Change => {
        const number = 200 * block + i
        // Every third change is of a key that was there before; every ninth removes one.
        const [key] = dataEntry("prefix", seed, number % 3 === 0 ? number >>> 2 : number)
        const [, value] = dataEntry("prefix", seed, number + 1)
        return [key, number % 9 === 0 ? undefined : value]
      })
      apply(tree, list)
      apply(model, list)
      const { keysDelta, writeLog } = tree.commit()
      expect(keysDelta).toBe(model.entries.size - before.entries.size)
      expect(logTexts(writeLog)).toEqual(logTexts(difference(before, model)))
    }
    expect(listing(tree)).toEqual(listing(model))
    const fresh = make()
    applyAll(fresh, model)
    expect(fresh.commit().rootHash).toEqual(tree.rootHash)
    for (const [key] of model.iterate()) tree.remove(key)
    expect(tree.commit().keysDelta).toBe(-model.entries.size)
    expect(tree.root).toBeUndefined()
  })
}

const expectSame = (tree: Tree, model: Model, list: Iterable<Change>): void => {
  expect(listing(tree)).toEqual(listing(model))
  for (const [key] of list) {
    expect(tree.get(key)).toEqual(model.get(key))
    expect(tree.has(key)).toBe(model.has(key))
  }
}

const applyAll = (tree: { insert(key: Uint8Array, value: Uint8Array): void }, reader: Reader): void => {
  for (const [key, value] of reader.iterate()) tree.insert(key, value)
}

/** The write log between two contents, by the rule: keys whose value differs, and keys that are gone; in key order. */
const difference = (before: Model, after: Reader): ReadonlyArray<WriteLogEntry> => {
  const log: Array<WriteLogEntry> = []
  for (const [key, value] of after.iterate()) {
    const old = before.get(key)
    if (old === undefined || !equal(old, value)) log.push({ key, value })
  }
  for (const [key] of before.iterate()) if (!after.has(key)) log.push({ key, value: undefined })
  return log.sort((a, b) => compare(a.key, b.key))
}
