import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { toHex } from "../../../src/mkvs/Bytes.ts"
import { lookup } from "../../../src/mkvs/Lookup.ts"
import { NotCovered } from "../../../src/mkvs/MkvsError.ts"
import type { ProofVersion } from "../../../src/mkvs/proof/Proof.ts"
import { verifyProof } from "../../../src/mkvs/proof/ProofVerifier.ts"
import type { ProvedTree } from "../../../src/mkvs/proof/ProvedTree.ts"
import { proveGet, proveIterate, provePrefixes } from "../../../src/mkvs/proof/Prover.ts"
import type { ReferenceTree } from "../../../src/mkvs/reference/ReferenceTree.ts"
import type { Entry, IterateOptions } from "../../../src/mkvs/Tree.ts"
import type { TreeNode } from "../../../src/mkvs/TreeNode.ts"
import { dataSet } from "../dataset.ts"
import { nodeHasher } from "../hasher.ts"
import { holds } from "../holds.ts"
import { someKey, someTree, treeOf } from "./trees.ts"

const versions: ReadonlyArray<ProofVersion> = [0, 1]
const someVersion = fc.constantFrom<ProofVersion>(0, 1)
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** What an iteration yields before the proof ends, and whether it came to an end of its own. */
const taken = (entries: Iterable<Entry>): { entries: Array<Entry>; complete: boolean } => {
  const list: Array<Entry> = []
  try {
    for (const entry of entries) list.push(entry)
    return { entries: list, complete: true }
  } catch (error) {
    if (error instanceof NotCovered) return { entries: list, complete: false }
    throw error
  }
}

const proofOfAll = (tree: ReferenceTree, version: ProofVersion): ProvedTree =>
  verifyProof(
    proveIterate(tree.root, new Uint8Array(0), Number.POSITIVE_INFINITY, { version }),
    tree.rootHash,
    nodeHasher
  )

const someOptions: fc.Arbitrary<IterateOptions> = fc.record({
  from: fc.option(someKey, { nil: undefined }),
  prefix: fc.option(someKey, { nil: undefined }),
  reverse: fc.option(fc.boolean(), { nil: undefined })
})

describe("iterate", () => {
  it("over the proof of a whole tree equals that over the tree, for all options", () => {
    holds(
      fc.property(someTree, someVersion, someOptions, (tree, version, options) => {
        const proved = proofOfAll(tree, version)
        expect(taken(proved.iterate(options))).toEqual({
          entries: [...tree.iterate(options)],
          complete: true
        })
      }),
      1_500
    )
  })

  it("over a part yields a beginning of what the tree yields, complete or NotCovered", () => {
    const count = { complete: 0, cut: 0 }
    holds(
      fc.property(
        someTree,
        someKey,
        fc.nat({ max: 5 }),
        someVersion,
        someOptions,
        (tree, key, prefetch, version, options) => {
          const proof = proveIterate(tree.root, key, prefetch, { version })
          const proved = verifyProof(proof, tree.rootHash, nodeHasher)
          const { entries, complete } = taken(proved.iterate(options))
          const expected = [...tree.iterate(options)]
          expect(entries).toEqual(complete ? expected : expected.slice(0, entries.length))
          count[complete ? "complete" : "cut"]++
        }
      )
    )
    expect(Math.min(count.complete, count.cut)).toBeGreaterThan(100)
  })

  it("an iterate proof tells the first key from the sought one on, and the prefetched ones", () => {
    holds(
      fc.property(someTree, someKey, fc.nat({ max: 5 }), someVersion, (tree, from, prefetch, version) => {
        const proof = proveIterate(tree.root, from, prefetch, { version })
        const { entries, complete } = taken(verifyProof(proof, tree.rootHash, nodeHasher).iterate({ from }))
        const expected = [...tree.iterate({ from })]
        expect(entries.length).toBeGreaterThanOrEqual(Math.min(prefetch + 1, expected.length))
        expect(entries).toEqual(expected.slice(0, entries.length))
        if (prefetch >= expected.length) expect(complete).toBe(true)
      })
    )
  })

  it("a prefixes proof with room tells all keys with each prefix, and that there are no more", () => {
    holds(
      fc.property(someTree, fc.array(someKey, { maxLength: 4 }), someVersion, (tree, prefixes, version) => {
        const proof = provePrefixes(tree.root, prefixes, 1_000, { version })
        const proved = verifyProof(proof, tree.rootHash, nodeHasher)
        for (const prefix of prefixes) {
          const expected = { entries: [...tree.iterate({ prefix })], complete: true }
          expect(taken(proved.iterate({ prefix }))).toEqual(expected)
          expect(taken(proved.iterate({ prefix, reverse: true })).complete).toBe(true)
        }
      })
    )
  })

  it("a prefixes proof ends after its limit", () => {
    const tree = treeOf(dataSet("decimal", "limit", 200))
    const prefixes = [text("1"), text("5"), text("7")]
    for (const version of versions) {
      for (const limit of [0, 1, 3, 8, 30, 100]) {
        const proof = provePrefixes(tree.root, prefixes, limit, { version })
        const proved = verifyProof(proof, tree.rootHash, nodeHasher)
        const all = prefixes.flatMap((prefix) => [...tree.iterate({ prefix })])
        const told = prefixes.flatMap((prefix) => taken(proved.iterate({ prefix })).entries)
        expect(told.length).toBeGreaterThanOrEqual(Math.min(limit, all.length))
        expect(told.length).toBeLessThanOrEqual(limit + 1 + prefixes.length)
      }
    }
  })

  it("asks for no node that lies outside the range by its branch bit alone", () => {
    const tree = treeOf(["a", "b"].map((key) => [text(key), text(key)]))
    for (const version of versions) {
      const ofA = verifyProof(proveGet(tree.root, text("a"), { version }), tree.rootHash, nodeHasher)
      const onlyA = { entries: [[text("a"), text("a")]], complete: true }
      expect(taken(ofA.iterate({ prefix: text("a") }))).toEqual(onlyA)
      expect(taken(ofA.iterate({ from: text("aa"), reverse: true }))).toEqual(onlyA)
      expect(taken(ofA.iterate())).toEqual({ ...onlyA, complete: false })
      const ofB = verifyProof(proveGet(tree.root, text("b"), { version }), tree.rootHash, nodeHasher)
      const onlyB = { entries: [[text("b"), text("b")]], complete: true }
      expect(taken(ofB.iterate({ from: text("b") }))).toEqual(onlyB)
      expect(taken(ofB.iterate({ reverse: true }))).toEqual({ ...onlyB, complete: false })
    }
  })

  it("keeps what it was asked, also when the caller reuses its buffers", () => {
    const tree = treeOf(dataSet("decimal", "reuse", 30))
    const from = text("2")
    const entries = proofOfAll(tree, 0).iterate({ from })
    from.fill(0)
    expect([...entries]).toEqual([...tree.iterate({ from: text("2") })])
  })
})

describe("writeLog", () => {
  it("tells the shown leaves in key order, once each", () => {
    holds(
      fc.property(someTree, someKey, fc.nat({ max: 5 }), someVersion, (tree, key, prefetch, version) => {
        const proof = proveIterate(tree.root, key, prefetch, { version })
        const log = verifyProof(proof, tree.rootHash, nodeHasher).writeLog()
        const keys = log.map((entry) => toHex(entry.key))
        expect(keys).toEqual([...new Set(keys)].sort())
        for (const entry of log) expect(entry.value).toEqual(tree.get(entry.key))
      })
    )
  })

  it("of the whole tree builds the tree", () => {
    holds(
      fc.property(someTree, someVersion, (tree, version) => {
        const log = proofOfAll(tree, version).writeLog()
        const again = treeOf(log.map((entry): Entry => [entry.key, entry.value ?? new Uint8Array(0)]))
        expect(again.rootHash).toEqual(tree.rootHash)
      }),
      300
    )
  })
})

describe("nodes of a proved tree", () => {
  it("are those of the tree: hashes, labels, sizes and both compact forms", () => {
    const bytesOf = (node: TreeNode, v1: boolean): string => {
      const out = new Uint8Array(node.compactSize + 2)
      const end = !node.isLeaf && v1 ? node.writeCompactV1(out, 1) : node.writeCompact(out, 1)
      return toHex(out.subarray(0, end))
    }
    const same = (a: TreeNode | undefined, b: TreeNode | undefined): void => {
      expect(a?.hash).toEqual(b?.hash)
      expect(a?.isLeaf).toBe(b?.isLeaf)
      if (a === undefined || b === undefined) return
      expect(a.compactSize).toBe(b.compactSize)
      for (const v1 of [false, true]) expect(bytesOf(a, v1)).toBe(bytesOf(b, v1))
      if (a.isLeaf || b.isLeaf) return
      expect([a.labelBits, a.label]).toEqual([b.labelBits, b.label])
      expect([a.leafHash, a.leftHash, a.rightHash]).toEqual([b.leafHash, b.leftHash, b.rightHash])
      same(a.leaf, b.leaf)
      same(a.left, b.left)
      same(a.right, b.right)
    }
    holds(
      fc.property(someTree, someVersion, (tree, version) => same(proofOfAll(tree, version).top, tree.root)),
      100
    )
  })

  it("that are left out throw NotCovered, but their hashes are known", () => {
    const tree = treeOf(["", "a", "b"].map((key) => [text(key), text(key)]))
    const { top } = verifyProof(proveGet(tree.root, text("a"), { version: 1 }), tree.rootHash, nodeHasher)
    if (top === undefined || top.isLeaf || tree.root === undefined || tree.root.isLeaf) {
      throw new Error("the tree has an internal node at the top")
    }
    expect(top.leafHash).toEqual(tree.root.leafHash)
    expect(() => top.leaf).toThrow(`not covered by this proof: node ${toHex(tree.root.leafHash!)}`)
    expect(() => top.compactSize).toThrow(NotCovered)
    expect(() => top.writeCompact(new Uint8Array(100), 0)).toThrow(NotCovered)
    expect(top.writeCompactV1(new Uint8Array(100), 0)).toBeGreaterThan(0)
    expect(top.right).toBeUndefined()
    expect(top.rightHash).toBeUndefined()
  })

  it("prove again what was proved", () => {
    holds(
      fc.property(someTree, someKey, someVersion, fc.boolean(), (tree, key, version, siblings) => {
        const proof = proveGet(tree.root, key, { version, siblings })
        const proved = verifyProof(proof, tree.rootHash, nodeHasher)
        expect(proveGet(proved.top, key, { version, siblings })).toEqual(proof)
      }),
      300
    )
  })
})

describe("lookup", () => {
  it("finds what is there and nothing else, and leaves the tree's engine out", () => {
    holds(
      fc.property(someTree, someKey, (tree, key) => {
        expect(lookup(tree.root, key)?.value).toEqual(tree.get(key))
      })
    )
  })

  it("goes on from a node inside the tree, with the bits above it", () => {
    const tree = treeOf(dataSet("decimal", "inside", 40))
    const { root } = tree
    if (root === undefined || root.isLeaf) throw new Error("the tree has an internal node at the top")
    for (const [key, value] of tree.iterate()) {
      const right = (key[root.labelBits >>> 3]! & (0x80 >>> (root.labelBits & 7))) !== 0
      expect(lookup(right ? root.right : root.left, key, root.labelBits)?.value).toEqual(value)
    }
  })

  it("throws where the way is left out", () => {
    const tree = treeOf(dataSet("decimal", "inside", 40))
    const { top } = verifyProof(proveGet(tree.root, text("1")), tree.rootHash, nodeHasher)
    expect(lookup(top, text("1"))?.value).toEqual(text("1"))
    expect(() => lookup(top, text("35"))).toThrow(NotCovered)
  })
})
