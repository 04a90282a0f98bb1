import { getBit } from "./Bits.ts"
import { equal } from "./Bytes.ts"
import type { LeafNode, TreeNode } from "./TreeNode.ts"

/**
 * The leaf of `key` at or below `node`, or `undefined` where the key is absent. `depth` is the number of bits above
 * `node`: 0 at the top of a tree. Throws `NotCovered` where the way leads to a node that cannot be had here.
 *
 * Labels are not compared, because the leaf carries its full key: whatever the labels say, a wrong way ends at a leaf
 * of another key, or at none.
 */
export const lookup = (node: TreeNode | undefined, key: Uint8Array, depth = 0): LeafNode | undefined => {
  const keyBits = 8 * key.length
  let end = depth
  while (node !== undefined && !node.isLeaf) {
    end += node.labelBits
    if (keyBits < end) return undefined
    if (keyBits === end) node = node.leaf
    else node = getBit(key, end) === 0 ? node.left : node.right
  }
  return node !== undefined && equal(node.key, key) ? node : undefined
}
