import { describe, expect, it } from "@effect/vitest"
import { ReferenceTree } from "../../../src/mkvs/reference/ReferenceTree.ts"
import { dataSet } from "../dataset.ts"
import { nodeHasher } from "../hasher.ts"
import { bulkRoots, histories, proofs, proofsMore, checkpoints, snappyFramings, primitives } from "../vectors.ts"
describe("x", () => {
  it("loads", () => {
    expect([histories(), bulkRoots(), proofs(), proofsMore(), checkpoints(), snappyFramings()].map((x) => x.length)).toEqual([4,28,80,262,52,5])
    primitives()
  })
  for (const { profile, seed, n, root } of bulkRoots()) it(`${profile} ${n}`, () => {
    const t = new ReferenceTree(nodeHasher)
    for (const [k, v] of dataSet(profile, seed, n)) t.insert(k, v)
    expect(t.commit().rootHash).toEqual(root)
  })
  for (const h of histories()) it(h.name, () => {
    const t = new ReferenceTree(nodeHasher)
    let keys = 0
    for (const v of h.versions) {
      for (const [k, x] of v.ops) x === undefined ? t.remove(k) : t.insert(k, x)
      const c = t.commit()
      keys += c.keysDelta
      expect(c.rootHash).toEqual(v.root)
      expect(keys).toBe(v.keys)
      expect([...t.iterate()].length).toBe(keys)
    }
  })
})
