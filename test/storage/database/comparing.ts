import { expect } from "vitest"
import { equal, toHex } from "../../../src/mkvs/Bytes.ts"
import type { Proof } from "../../../src/mkvs/proof/Proof.ts"
import { proveGet, proveIterate, provePrefixes } from "../../../src/mkvs/proof/Prover.ts"
import type { IterateOptions, Reader } from "../../../src/mkvs/Tree.ts"
import type { InternalNode, TreeNode } from "../../../src/mkvs/TreeNode.ts"

/** Whether two engines hold the same tree, in whatever way one looks. Comparisons are by hand: `toEqual` is slow. */

/** Every node: hash, label, children's hashes, encodings and their sizes. Gives the number of nodes. */
export const expectSameNodes = (actual: TreeNode | undefined, expected: TreeNode | undefined): number => {
  const stack: Array<readonly [TreeNode | undefined, TreeNode | undefined]> = [[actual, expected]]
  let nodes = 0
  for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
    const [a, b] = pair
    expect(a?.isLeaf).toBe(b?.isLeaf)
    if (a === undefined || b === undefined) continue
    nodes++
    expectSameBytes("hash", a.hash, b.hash)
    expectSameBytes("compact V0", compact(a), compact(b))
    if (a.isLeaf && b.isLeaf) {
      expectSameBytes("key", a.key, b.key)
      expectSameBytes("value", a.value, b.value)
    }
    if (!a.isLeaf && !b.isLeaf) {
      expectSameInternal(a, b)
      stack.push([a.leaf, b.leaf], [a.left, b.left], [a.right, b.right])
    }
  }
  return nodes
}

const expectSameInternal = (a: InternalNode, b: InternalNode): void => {
  expect(a.labelBits).toBe(b.labelBits)
  expectSameBytes("label", a.label, b.label)
  expectSameBytes("leaf hash", a.leafHash, b.leafHash)
  expectSameBytes("left hash", a.leftHash, b.leftHash)
  expectSameBytes("right hash", a.rightHash, b.rightHash)
  const bytes = 4 + a.label.length
  const [first, second] = [a, b].map((node) => {
    const out = new Uint8Array(bytes)
    expect(node.writeCompactV1(out, 0)).toBe(bytes)
    return out
  })
  expectSameBytes("compact V1", first, second)
}

const compact = (node: TreeNode): Uint8Array => {
  const out = new Uint8Array(node.compactSize)
  expect(node.writeCompact(out, 0)).toBe(out.length)
  return out
}

const expectSameBytes = (
  what: string,
  actual: Uint8Array | undefined,
  expected: Uint8Array | undefined
): void => {
  const same = actual === undefined || expected === undefined ? actual === expected : equal(actual, expected)
  if (!same) expect(`${what} ${actual && toHex(actual)}`).toBe(`${what} ${expected && toHex(expected)}`)
}

export const expectSameEntries = (actual: Reader, expected: Reader, options?: IterateOptions): void => {
  const theirs = expected.iterate(options)
  for (const [key, value] of actual.iterate(options)) {
    const next = theirs.next()
    expectSameBytes("key", key, next.done ? undefined : next.value[0])
    expectSameBytes("value", value, next.done ? undefined : next.value[1])
  }
  expect(theirs.next().done).toBe(true)
}

export const expectSameValue = (actual: Reader, expected: Reader, key: Uint8Array): void => {
  expectSameBytes("value", actual.get(key), expected.get(key))
  expect(actual.has(key)).toBe(expected.has(key))
}

/** Proofs of all kinds and both versions, entry by entry. */
export const expectSameProofs = (
  actual: TreeNode | undefined,
  expected: TreeNode | undefined,
  keys: ReadonlyArray<Uint8Array>,
  count: number
): void => {
  for (const version of [0, 1] as const) {
    const both = (prove: (root: TreeNode | undefined) => Proof) =>
      expectSameProof(prove(actual), prove(expected))
    for (const key of keys) {
      both((root) => proveGet(root, key, { version }))
      both((root) => proveGet(root, key, { version, siblings: true }))
      both((root) => proveIterate(root, key, count, { version }))
    }
    both((root) => provePrefixes(root, keys, count, { version }))
  }
}

const expectSameProof = (actual: Proof, expected: Proof): void => {
  expect(actual.version).toBe(expected.version)
  expectSameBytes("untrusted root", actual.untrustedRoot, expected.untrustedRoot)
  expect(actual.entries.length).toBe(expected.entries.length)
  for (const [index, entry] of actual.entries.entries()) {
    expectSameBytes(`entry ${index}`, entry ?? undefined, expected.entries[index] ?? undefined)
  }
}
