import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { frameEntries } from "../../../src/mkvs/CborEntries.ts"
import { emptyHash } from "../../../src/mkvs/Node.ts"
import type { ProofVersion } from "../../../src/mkvs/proof/Proof.ts"
import { ProofBuilder } from "../../../src/mkvs/proof/ProofBuilder.ts"
import { ProvingIterator } from "../../../src/mkvs/proof/ProvingIterator.ts"
import { dataSet } from "../dataset.ts"
import { holds } from "../holds.ts"
import { someKey, someTree, treeOf } from "./trees.ts"

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const versions: ReadonlyArray<ProofVersion> = [0, 1]

describe("ProofBuilder", () => {
  it("framed entries are those of the proof, whatever is included", () => {
    holds(
      fc.property(
        someTree,
        someKey,
        fc.nat({ max: 6 }),
        fc.constantFrom(...versions),
        (tree, key, moves, version) => {
          const builder = new ProofBuilder(tree.root, { version })
          const iterator = new ProvingIterator(builder)
          iterator.seek(key)
          for (let move = 0; move < moves; move++) iterator.next()
          expect(builder.framedEntries()).toEqual(frameEntries(builder.build().entries))
        }
      )
    )
  })

  it("without anything included, leaves out the whole tree; its size is 0", () => {
    const tree = treeOf(dataSet("decimal", "none", 5))
    for (const version of versions) {
      const builder = new ProofBuilder(tree.root, { version })
      const entries = [Uint8Array.of(2, ...tree.rootHash)]
      expect(builder.build()).toEqual({ version, untrustedRoot: tree.rootHash, entries })
      expect(builder.size).toBe(0)
      const ofEmpty = new ProofBuilder(undefined, { version })
      expect(ofEmpty.includeTop()).toBeUndefined()
      expect(ofEmpty.build()).toEqual({ version, untrustedRoot: emptyHash, entries: [null] })
      expect(ofEmpty.size).toBe(0)
    }
  })

  it("counts an included node once, and a leaf inside a node once more when it is included itself", () => {
    const tree = treeOf(["a", "ab", "ac"].map((key) => [text(key), text("value")]))
    for (const version of versions) {
      const builder = new ProofBuilder(tree.root, { version })
      const top = builder.includeTop()!
      // Label of 8 bits, and in V0 the leaf of key `a`.
      const topSize = 1 + 4 + (version === 0 ? 13 : 1)
      expect(builder.size).toBe(topSize)
      expect(builder.includeTop()).toBe(top)
      expect(builder.size).toBe(topSize)
      const leaf = builder.includeLeaf(top)!
      expect(builder.size).toBe(topSize + 1 + 13)
      expect(builder.includeLeaf(top)).toBe(leaf)
      expect(builder.includeRight(top)).toBeUndefined()
      expect(builder.includeLeft(leaf)).toBeUndefined()
      expect(builder.includeRight(leaf)).toBeUndefined()
      expect(builder.includeLeaf(leaf)).toBeUndefined()
      expect(builder.size).toBe(topSize + 1 + 13)
      const inner = builder.includeLeft(top)!
      expect(builder.size).toBe(topSize + 1 + 13 + 1 + 5)
      builder.includeLeft(inner)
      builder.includeRight(inner)
      expect(builder.size).toBe(topSize + 1 + 13 + 1 + 5 + 2 * (1 + 14))
      // In V0 the leaf's own inclusion shows in the size only.
      expect(builder.build().entries.length).toBe(version === 0 ? 5 : 7)
    }
  })

  it("shares no memory with the tree", () => {
    const tree = treeOf(dataSet("decimal", "memory", 9))
    const builder = new ProofBuilder(tree.root)
    new ProvingIterator(builder).seek(text("4"))
    const proof = builder.build()
    proof.untrustedRoot.fill(0)
    for (const entry of proof.entries) entry?.fill(0)
    expect(builder.build().untrustedRoot).toEqual(tree.rootHash)
    expect(tree.get(text("4"))).toEqual(text("4"))
  })
})
