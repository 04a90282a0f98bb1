import { empty } from "../../src/mkvs/Bytes.ts"
import {
  ReferenceInternal,
  ReferenceLeaf,
  type ReferenceNode
} from "../../src/mkvs/reference/ReferenceNode.ts"
import type { Entry } from "../../src/mkvs/Tree.ts"
import { nodeHasher } from "./hasher.ts"

/** Key i of a deep tree of `depth` levels: i zero bits and a one, in as many bytes as the last key needs. */
export const deepKey = (depth: number, i: number): Uint8Array => {
  const key = new Uint8Array(1 + (depth >>> 3))
  key[i >>> 3] = 0x80 >>> (i & 7)
  return key
}

/**
 * A tree of `depth` + 1 keys, each parting from the rest one bit further. Made from the bottom, where each hash needs
 * only those of its children: no recursion here, however deep. Entries are by number of zero bits, not in key order.
 */
export const deepTree = (depth: number, valueOf: (i: number) => Uint8Array) => {
  const leaves = Array.from(
    { length: depth + 1 },
    (_, i) => new ReferenceLeaf(nodeHasher, deepKey(depth, i), valueOf(i))
  )
  let root: ReferenceNode = leaves[depth]!
  let rootHash = root.hash
  for (let i = depth - 1; i >= 0; i--) {
    const [label, bits] = i === 0 ? [empty, 0] : [new Uint8Array(1), 1]
    root = new ReferenceInternal(nodeHasher, label, bits, { left: root, right: leaves[i] })
    rootHash = root.hash
  }
  return { root, rootHash, entries: leaves.map(({ key, value }): Entry => [key, value]) }
}
