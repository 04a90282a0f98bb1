import { FastCheck as fc } from "effect"
import {
  ReferenceInternal,
  ReferenceLeaf,
  type ReferenceNode
} from "../../../src/mkvs/reference/ReferenceNode.ts"
import { ReferenceTree } from "../../../src/mkvs/reference/ReferenceTree.ts"
import type { Entry } from "../../../src/mkvs/Tree.ts"
import { nodeHasher } from "../hasher.ts"

/** Trees for tests of proofs. */

export const treeOf = (entries: Iterable<Entry>): ReferenceTree => {
  const tree = new ReferenceTree(nodeHasher)
  for (const [key, value] of entries) tree.insert(key, value)
  tree.commit()
  return tree
}

/** Short keys over few bytes, so that they collide, extend one another, and differ late in a byte; also the empty key. */
export const someKey: fc.Arbitrary<Uint8Array> = fc
  .array(fc.constantFrom(0x00, 0x01, 0x60, 0x61, 0x7f, 0x80, 0xff), { maxLength: 4 })
  .map((bytes) => Uint8Array.from(bytes))

export const someValue: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 40 })

export const someTree: fc.Arbitrary<ReferenceTree> = fc
  .array(fc.tuple(someKey, someValue), { maxLength: 40 })
  .map(treeOf)

/**
 * A tree of `levels` internal nodes above one another, as crafted keys bring it about: each key has one bit set, one
 * further down than that of the key before; the first bit is set in none. Made bottom-up, because the plain tree's own
 * insert would overflow the stack.
 */
export const deepTree = (
  levels: number
): { readonly top: ReferenceNode; readonly deepestKey: Uint8Array } => {
  const deepestKey = new Uint8Array(Math.floor(levels / 8) + 1)
  let top: ReferenceNode = new ReferenceLeaf(nodeHasher, deepestKey, Uint8Array.of(1))
  for (let bit = levels; bit > 0; bit--) {
    const key = new Uint8Array(Math.floor(bit / 8) + 1)
    key[key.length - 1] = 0x80 >>> (bit % 8)
    const right = new ReferenceLeaf(nodeHasher, key, Uint8Array.of(2))
    top = new ReferenceInternal(nodeHasher, new Uint8Array(1), 1, { left: top, right })
    // Asked for now, the hash is kept, and no later question recurses.
    top.hash.at(0)
  }
  return { top, deepestKey }
}
