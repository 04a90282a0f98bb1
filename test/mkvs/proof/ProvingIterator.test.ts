import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import * as Bits from "../../../src/mkvs/Bits.ts"
import { compare, toHex } from "../../../src/mkvs/Bytes.ts"
import { headSize } from "../../../src/mkvs/Node.ts"
import type { ProofVersion } from "../../../src/mkvs/proof/Proof.ts"
import { ProofBuilder } from "../../../src/mkvs/proof/ProofBuilder.ts"
import { ProvingIterator } from "../../../src/mkvs/proof/ProvingIterator.ts"
import type { LeafNode, TreeNode } from "../../../src/mkvs/TreeNode.ts"
import { dataSet } from "../dataset.ts"
import { holds } from "../holds.ts"
import { deepTree, someKey, someTree, treeOf } from "./trees.ts"

/** The rule of the spec, word by word: recursive, with a fresh copy of the key wherever it changes. */
function* walkByRule(
  node: TreeNode | undefined,
  parentEnd: number,
  parentPath: Uint8Array,
  key: Uint8Array,
  visited: Map<string, TreeNode>
): Generator<LeafNode> {
  if (node === undefined) return
  visited.set(toHex(node.hash), node)
  if (node.isLeaf) {
    if (compare(node.key, key) >= 0) yield node
    return
  }
  const e = parentEnd + node.labelBits
  const path = Bits.concat(parentPath, parentEnd, node.label, node.labelBits)
  const whole = e > 0 && 8 * key.length >= e && compare(key, path) < 0
  const short = 8 * key.length <= e
  let sought = key
  if (whole || short) yield* walkByRule(node.leaf, e, path, sought, visited)
  if (short) {
    sought = new Uint8Array(Bits.bytesOf(e + 1))
    sought.set(key)
  }
  if (Bits.getBit(sought, e) === 0 || whole) {
    yield* walkByRule(node.left, e, path, sought, visited)
    sought = Bits.concat(sought, e, Uint8Array.of(0x80), 1)
  }
  yield* walkByRule(node.right, e, path, sought, visited)
}

const sizeOf = (visited: Map<string, TreeNode>, version: ProofVersion): number => {
  let size = 0
  for (const node of visited.values()) {
    size += 1 + (node.isLeaf || version === 0 ? node.compactSize : headSize(node.labelBits) + 1)
  }
  return size
}

const entriesOf = (
  top: TreeNode | undefined,
  visited: Map<string, TreeNode>,
  version: ProofVersion
): Array<string | null> => {
  const entries: Array<string | null> = []
  const add = (node: TreeNode | undefined): void => {
    if (node === undefined) {
      entries.push(null)
    } else if (!visited.has(toHex(node.hash))) {
      entries.push(`02${toHex(node.hash)}`)
    } else {
      const inline = node.isLeaf || version === 0
      const bytes = new Uint8Array(inline ? node.compactSize : headSize(node.labelBits) + 1)
      if (inline) node.writeCompact(bytes, 0)
      else node.writeCompactV1(bytes, 0)
      entries.push(`01${toHex(bytes)}`)
      if (node.isLeaf) return
      if (version === 1) add(node.leaf)
      add(node.left)
      add(node.right)
    }
  }
  add(top)
  return entries
}

/** Compares an iteration with the rule after the seek and after each of `moves` moves. */
const checkAgainstRule = (
  top: TreeNode | undefined,
  key: Uint8Array,
  moves: number,
  version: ProofVersion
): void => {
  const builder = new ProofBuilder(top, { version })
  const iterator = new ProvingIterator(builder)
  const visited = new Map<string, TreeNode>()
  const rule = walkByRule(top, 0, new Uint8Array(0), key, visited)
  for (let move = 0; move <= moves; move++) {
    const found = move === 0 ? iterator.seek(key) : iterator.next()
    const expected = rule.next()
    expect(found && toHex(found.key)).toBe(expected.done === true ? undefined : toHex(expected.value.key))
    expect(iterator.current).toBe(found)
    expect(builder.size).toBe(sizeOf(visited, version))
  }
  const entries = builder.build().entries.map((entry) => (entry === null ? null : toHex(entry)))
  expect(entries).toEqual(entriesOf(top, visited, version))
}

describe("ProvingIterator", () => {
  it("visits exactly what the rule of the spec visits, whatever the keys", () => {
    const moves = fc.integer({ min: 0, max: 12 })
    const version = fc.constantFrom<ProofVersion>(0, 1)
    holds(
      fc.property(someTree, someKey, moves, version, (tree, key, moves, version) => {
        checkAgainstRule(tree.root, key, moves, version)
      }),
      1_500
    )
  })

  it("visits what the rule visits in larger trees, from keys before, between and behind theirs", () => {
    for (const profile of ["short", "hash", "prefix", "decimal"] as const) {
      const { root } = treeOf(dataSet(profile, "rule", 300))
      for (const [key] of dataSet("short", "sought", 40)) checkAgainstRule(root, key, 3, 0)
      for (const [key] of dataSet(profile, "sought", 40)) checkAgainstRule(root, key, 3, 1)
    }
  })

  it("goes through all keys in order and stays at the end", () => {
    const tree = treeOf(dataSet("prefix", "all", 500))
    const iterator = new ProvingIterator(new ProofBuilder(tree.root))
    const keys: Array<string> = []
    for (let leaf = iterator.seek(new Uint8Array(0)); leaf !== undefined; leaf = iterator.next()) {
      keys.push(toHex(leaf.key))
    }
    expect(keys).toEqual([...tree.iterate()].map(([key]) => toHex(key)))
    expect(iterator.next()).toBeUndefined()
    expect(iterator.current).toBeUndefined()
  })

  it("may seek again: what both walks visit is in the proof", () => {
    const tree = treeOf(dataSet("decimal", "again", 50))
    const builder = new ProofBuilder(tree.root)
    const iterator = new ProvingIterator(builder)
    const visited = new Map<string, TreeNode>()
    for (const text of ["45", "1", "90"]) {
      const key = new TextEncoder().encode(text)
      const first = walkByRule(tree.root, 0, new Uint8Array(0), key, visited).next()
      const found = iterator.seek(key)
      expect(found && toHex(found.key)).toBe(first.done === true ? undefined : toHex(first.value.key))
      expect(builder.size).toBe(sizeOf(visited, 0))
    }
  })

  it("finds nothing in an empty tree, and nothing before the first seek", () => {
    const iterator = new ProvingIterator(new ProofBuilder(undefined))
    expect(iterator.current).toBeUndefined()
    expect(iterator.next()).toBeUndefined()
    expect(iterator.seek(new Uint8Array(0))).toBeUndefined()
  })

  it("does not recurse: 20,000 levels, sought at the bottom, and passed as a whole", () => {
    const { top, deepestKey } = deepTree(20_000)
    const deepest = new ProvingIterator(new ProofBuilder(top)).seek(deepestKey)
    expect(deepest && toHex(deepest.key)).toBe(toHex(deepestKey))
    // All keys lie before this one, and nearly all paths go on behind its end: the rule visits every node.
    const builder = new ProofBuilder(top)
    expect(new ProvingIterator(builder).seek(Uint8Array.of(0x80))).toBeUndefined()
    const { entries } = builder.build()
    expect(entries.length).toBe(40_001)
    expect(entries.every((entry) => entry?.[0] === 1)).toBe(true)
  })
})
