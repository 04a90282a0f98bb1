import { expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { getBit } from "../../../src/mkvs/Bits.ts"
import * as Node from "../../../src/mkvs/Node.ts"
import type { TreeNode } from "../../../src/mkvs/TreeNode.ts"
import { nodeHasher } from "../hasher.ts"
import { holds } from "../holds.ts"
import { apply, changes, listing } from "../model.ts"
import { hex, type Make, show, treeOf } from "./support.ts"

/** Which nodes a tree is made of: labels, splits, collapses, and what a node says of itself. */
export const shapeCases = (make: Make): void => {
  for (const [what, keys, added, before, after] of insertions) {
    it(`insert: ${what}`, () => {
      const tree = treeOf(make, keys)
      expect(shape(tree.root)).toBe(before)
      tree.insert(hex(added), hex(added))
      tree.commit()
      expect(shape(tree.root)).toBe(after)
    })
  }

  for (const [what, keys, removed, before, after] of removals) {
    it(`remove: ${what}`, () => {
      const tree = treeOf(make, keys)
      expect(shape(tree.root)).toBe(before)
      tree.remove(hex(removed))
      tree.commit()
      expect(shape(tree.root)).toBe(after)
      const rest = keys.filter((key) => key !== removed)
      expect(tree.rootHash).toEqual(treeOf(make, rest).rootHash)
    })
  }

  it("several removals in one commit collapse as one after the other", () => {
    const keys = ["", "00", "40", "60", "61", "6100", "6180", "80", "c0", "c001"]
    for (let kept = 0; kept < keys.length; kept++) {
      const tree = treeOf(make, keys)
      for (const [i, key] of keys.entries()) if (i !== kept) tree.remove(hex(key))
      tree.commit()
      expect(shape(tree.root)).toBe(keys[kept] === "" ? "''" : keys[kept])
    }
  })

  it("each node tells its hash, its children's hashes and its encodings", () => {
    holds(
      FastCheck.property(changes(), (list) => {
        const tree = make()
        apply(tree, list)
        tree.commit()
        if (tree.root === undefined) return
        expect(tree.root.hash).toEqual(tree.rootHash)
        const leaves: Array<string> = []
        checkNode(tree.root, leaves)
        expect(leaves).toEqual(listing(tree))
      }),
      200
    )
  })
}

type Case = readonly [what: string, keys: ReadonlyArray<string>, key: string, before: string, after: string]

// A leaf is written as its key, an internal node as [label | leaf | left | right].
const insertions: ReadonlyArray<Case> = [
  ["into an empty tree", [], "61", "-", "61"],
  ["the empty key into an empty tree", [], "", "-", "''"],
  ["beside a leaf, parting at the first bit", ["00"], "80", "00", "[ | - | 00 | 80]"],
  ["beside a leaf, parting at the last bit", ["60"], "61", "60", "[0110000 | - | 60 | 61]"],
  ["a prefix of a leaf that goes on with 0", ["6100"], "61", "6100", "[01100001 | 61 | 6100 | -]"],
  ["a prefix of a leaf that goes on with 1", ["6180"], "61", "6180", "[01100001 | 61 | - | 6180]"],
  ["an extension of a leaf, with 0", ["61"], "6100", "61", "[01100001 | 61 | 6100 | -]"],
  ["an extension of a leaf, with 1", ["61"], "6180", "61", "[01100001 | 61 | - | 6180]"],
  ["the empty key beside a leaf", ["00"], "", "00", "[ | '' | 00 | -]"],
  [
    "parting within a label, to the left",
    ["c0", "c1"],
    "80",
    "[1100000 | - | c0 | c1]",
    "[1 | - | 80 | [100000 | - | c0 | c1]]"
  ],
  [
    "parting within a label, to the right",
    ["80", "81"],
    "c0",
    "[1000000 | - | 80 | 81]",
    "[1 | - | [000000 | - | 80 | 81] | c0]"
  ],
  [
    "ending within a label that goes on with 0",
    ["6100", "6101"],
    "61",
    "[011000010000000 | - | 6100 | 6101]",
    "[01100001 | 61 | [0000000 | - | 6100 | 6101] | -]"
  ],
  [
    "ending within a label that goes on with 1",
    ["6180", "6181"],
    "61",
    "[011000011000000 | - | 6180 | 6181]",
    "[01100001 | 61 | - | [1000000 | - | 6180 | 6181]]"
  ],
  [
    "ending at a node",
    ["6100", "6180"],
    "61",
    "[01100001 | - | 6100 | 6180]",
    "[01100001 | 61 | 6100 | 6180]"
  ],
  [
    "to the free side of a node",
    ["61", "6100"],
    "6180",
    "[01100001 | 61 | 6100 | -]",
    "[01100001 | 61 | 6100 | 6180]"
  ],
  ["below a node", ["00", "80"], "8000", "[ | - | 00 | 80]", "[ | - | 00 | [10000000 | 80 | 8000 | -]]"]
]

const removals: ReadonlyArray<Case> = [
  ["the only key", ["61"], "61", "61", "-"],
  ["the left of two leaves", ["00", "80"], "00", "[ | - | 00 | 80]", "80"],
  ["the right of two leaves", ["00", "80"], "80", "[ | - | 00 | 80]", "00"],
  ["the leaf inside, a leaf on the left stays", ["61", "6100"], "61", "[01100001 | 61 | 6100 | -]", "6100"],
  ["the leaf inside, a leaf on the right stays", ["61", "6180"], "61", "[01100001 | 61 | - | 6180]", "6180"],
  ["the left child, the leaf inside stays", ["61", "6100"], "6100", "[01100001 | 61 | 6100 | -]", "61"],
  ["the right child, the leaf inside stays", ["61", "6180"], "6180", "[01100001 | 61 | - | 6180]", "61"],
  ["the empty key", ["", "00"], "", "[ | '' | 00 | -]", "00"],
  ["the other key than the empty one", ["", "00"], "00", "[ | '' | 00 | -]", "''"],
  [
    "a leaf, an internal node on the right stays and takes the label",
    ["00", "80", "c0"],
    "00",
    "[ | - | 00 | [1 | - | 80 | c0]]",
    "[1 | - | 80 | c0]"
  ],
  [
    "a leaf, an internal node on the left stays and takes the label",
    ["00", "40", "80"],
    "80",
    "[ | - | [0 | - | 00 | 40] | 80]",
    "[0 | - | 00 | 40]"
  ],
  [
    "the leaf inside, an internal node on the left stays",
    ["61", "6100", "6140"],
    "61",
    "[01100001 | 61 | [0 | - | 6100 | 6140] | -]",
    "[011000010 | - | 6100 | 6140]"
  ],
  [
    "the leaf inside, an internal node on the right stays",
    ["61", "6180", "61c0"],
    "61",
    "[01100001 | 61 | - | [1 | - | 6180 | 61c0]]",
    "[011000011 | - | 6180 | 61c0]"
  ],
  [
    "in the middle: labels of odd lengths are joined",
    ["0000", "0040", "0080", "80"],
    "0080",
    "[ | - | [00000000 | - | [0 | - | 0000 | 0040] | 0080] | 80]",
    "[ | - | [000000000 | - | 0000 | 0040] | 80]"
  ],
  [
    "at the bottom: a leaf takes its parent's place",
    ["0000", "0040", "0080", "80"],
    "0040",
    "[ | - | [00000000 | - | [0 | - | 0000 | 0040] | 0080] | 80]",
    "[ | - | [00000000 | - | 0000 | 0080] | 80]"
  ],
  [
    "one of three children: the leaf inside",
    ["61", "6100", "6180"],
    "61",
    "[01100001 | 61 | 6100 | 6180]",
    "[01100001 | - | 6100 | 6180]"
  ],
  [
    "one of three children: the left",
    ["61", "6100", "6180"],
    "6100",
    "[01100001 | 61 | 6100 | 6180]",
    "[01100001 | 61 | - | 6180]"
  ],
  [
    "one of three children: the right",
    ["61", "6100", "6180"],
    "6180",
    "[01100001 | 61 | 6100 | 6180]",
    "[01100001 | 61 | 6100 | -]"
  ]
]

const shape = (node: TreeNode | undefined): string => {
  if (node === undefined) return "-"
  if (node.isLeaf) return node.key.length === 0 ? "''" : show(node.key)
  const label = Array.from({ length: node.labelBits }, (_, i) => getBit(node.label, i)).join("")
  return `[${[label, shape(node.leaf), shape(node.left), shape(node.right)].join(" | ")}]`
}

const written = (size: number, write: (out: Uint8Array, at: number) => number): Uint8Array => {
  const out = new Uint8Array(size + 2)
  expect(write(out, 1)).toBe(size + 1)
  expect([out[0], out[size + 1]]).toEqual([0, 0])
  return out.slice(1, size + 1)
}

/** Compares a node with what its values say, below it too, and collects its leaves in key order. */
const checkNode = (node: TreeNode, leaves: Array<string>): void => {
  const compact = written(node.compactSize, (out, at) => node.writeCompact(out, at))
  if (node.isLeaf) {
    const { key, value } = node
    expect(node.hash).toEqual(Node.hashLeaf(nodeHasher, key, value))
    expect(compact).toEqual(Node.encodeCompact({ kind: "leaf", key, value }, 0))
    leaves.push(`${show(key)}=${show(value)}`)
    return
  }
  const { label, labelBits, leaf } = node
  const inner: Node.Leaf | undefined = leaf && { kind: "leaf", key: leaf.key, value: leaf.value }
  const plain: Node.CompactInternal = { kind: "internal", label, labelBits, leaf: inner }
  expect(compact).toEqual(Node.encodeCompact(plain, 0))
  const v1 = Node.encodeCompact(plain, 1)
  expect(written(v1.length, (out, at) => node.writeCompactV1(out, at))).toEqual(v1)
  const { leafHash, leftHash, rightHash } = node
  expect([leafHash, leftHash, rightHash]).toEqual([leaf?.hash, node.left?.hash, node.right?.hash])
  expect(node.hash).toEqual(Node.hashInternal(nodeHasher, labelBits, label, leafHash, leftHash, rightHash))
  for (const child of [leaf, node.left, node.right]) if (child !== undefined) checkNode(child, leaves)
}
