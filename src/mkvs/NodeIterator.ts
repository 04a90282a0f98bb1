import { commonBits, getBit } from "./Bits.ts"
import * as Bytes from "./Bytes.ts"
import { type KeyRange, keyRange } from "./KeyRange.ts"
import type { Entry, IterateOptions } from "./Tree.ts"
import type { InternalNode, TreeNode } from "./TreeNode.ts"

/**
 * Entries below `top` in key order (or reverse), over any kind of node. A child is looked up when its turn comes, and
 * subtrees outside the range are never looked up. Iterative: memory is one path.
 */
export const iterateNode = (top: TreeNode | undefined, options?: IterateOptions): IterableIterator<Entry> =>
  walk(top, keyRange(options))

function* walk(top: TreeNode | undefined, range: KeyRange): IterableIterator<Entry> {
  if (top === undefined) return
  const stack: Array<Place> = [{ node: top, bits: 0, onBound: true }]
  for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
    const node = place.node ?? lookUp(place)
    if (!node.isLeaf) {
      if (range.reverse) descendReverse(stack, node, place, range.upper)
      else descend(stack, node, place, range.lower)
      continue
    }
    const key = node.key
    if (range.reverse) {
      if (range.upper !== undefined && Bytes.compare(key, range.upper) >= 0) continue
      if (Bytes.compare(key, range.lower) < 0) return
    } else {
      if (Bytes.compare(key, range.lower) < 0) continue
      if (range.upper !== undefined && Bytes.compare(key, range.upper) >= 0) return
    }
    yield [key, node.value]
  }
}

/** A node still to be visited, or where to find it. */
interface Place {
  readonly node?: TreeNode
  readonly parent?: InternalNode
  readonly side?: "leaf" | "left" | "right"
  /** Bits of the path above the node. */
  readonly bits: number
  /** Whether that path equals the beginning of the bound the iteration starts at, so that labels must be compared. */
  readonly onBound: boolean
}

const lookUp = (place: Place): TreeNode => place.parent![place.side!]!

const push = (
  stack: Array<Place>,
  parent: InternalNode,
  side: "leaf" | "left" | "right",
  bits: number,
  onBound: boolean
) => {
  const hash = side === "leaf" ? parent.leafHash : side === "left" ? parent.leftHash : parent.rightHash
  if (hash !== undefined) stack.push({ parent, side, bits, onBound })
}

/** Forward: the last pushed comes first, so right, left, leaf. */
const descend = (stack: Array<Place>, node: InternalNode, place: Place, lower: Uint8Array): void => {
  const end = place.bits + node.labelBits
  const order = place.onBound ? compareLabel(node, place.bits, lower) : 1
  if (order < 0) return
  if (order > 0) {
    push(stack, node, "right", end, false)
    push(stack, node, "left", end, false)
    push(stack, node, "leaf", end, false)
    return
  }
  const boundGoesRight = getBit(lower, end) === 1
  push(stack, node, "right", end, boundGoesRight)
  if (!boundGoesRight) push(stack, node, "left", end, true)
}

const descendReverse = (
  stack: Array<Place>,
  node: InternalNode,
  place: Place,
  upper: Uint8Array | undefined
): void => {
  const end = place.bits + node.labelBits
  const order = place.onBound && upper !== undefined ? compareLabel(node, place.bits, upper) : -1
  if (order > 0) return
  push(stack, node, "leaf", end, false)
  if (order < 0) {
    push(stack, node, "left", end, false)
    push(stack, node, "right", end, false)
    return
  }
  const boundGoesRight = getBit(upper!, end) === 1
  push(stack, node, "left", end, !boundGoesRight)
  if (boundGoesRight) push(stack, node, "right", end, true)
}

/**
 * Where the keys below a node lie, whose path above equals the bound's first `bits` bits: before the bound (negative),
 * at or after it (positive), or on both sides (0: the bound goes on beyond the node's end).
 */
const compareLabel = (node: InternalNode, bits: number, bound: Uint8Array): number => {
  const rest = bound.length * 8 - bits
  const limit = Math.min(node.labelBits, rest)
  const common = commonBits(node.label, 0, 0, bound, 0, bits, limit)
  if (common < limit) return getBit(node.label, common) === 1 ? 1 : -1
  return rest > node.labelBits ? 0 : 1
}
