import { commonBits, getBit } from "../Bits.ts"
import { empty } from "../Bytes.ts"
import { inRange, type KeyRange } from "../KeyRange.ts"
import type { Entry } from "../Tree.ts"
import type { InternalNode, TreeNode } from "../TreeNode.ts"

/**
 * Entries below `top` within `range`, in its order. `path` are the first `pathBits` bits of all keys below `top`.
 *
 * Nodes outside the range are not asked for, the others only when their turn comes: in a proved subtree `NotCovered`
 * is thrown exactly where the next entry cannot be told. Iterative, and independent of the depth in memory per level.
 */
export function* nodeEntries(
  top: () => TreeNode | undefined,
  range: KeyRange,
  path: Uint8Array,
  pathBits: number
): IterableIterator<Entry> {
  const bounds = boundsOf(range)
  const start = narrow(bounds, { bits: 0, lower: true, upper: true }, path, pathBits)
  if (start === undefined) return
  const visits: Array<Visit> = []
  for (let node = top(), tight = start; ; ) {
    if (node?.isLeaf) {
      if (inRange(range, node.key)) yield [node.key, node.value]
    } else if (node !== undefined) {
      const narrowed = narrow(bounds, tight, node.label, node.labelBits)
      if (narrowed !== undefined) pushChildren(visits, bounds, node, narrowed)
    }
    const visit = visits.pop()
    if (visit === undefined) return
    node = visit.parent[visit.place]
    tight = visit.tight
  }
}

/** The bounds as bits: a path that agrees with one of them in that many bits needs no more comparing with it. */
interface Bounds {
  readonly reverse: boolean
  readonly lower: Uint8Array
  /** Keys that begin with this many bits of `lower` are at or above it. */
  readonly lowerBits: number
  readonly upper: Uint8Array
  /** Keys that begin with this many bits of `upper` are at or above it. No upper bound: more than any key has. */
  readonly upperBits: number
}

const boundsOf = ({ lower, upper, reverse }: KeyRange): Bounds => ({
  reverse,
  lower,
  lowerBits: decidingBits(lower),
  upper: upper ?? empty,
  upperBits: upper === undefined ? Number.POSITIVE_INFINITY : decidingBits(upper)
})

/** The zeros at the end of the last byte decide nothing, because a key that has one of its bits has the whole byte. */
const decidingBits = (bound: Uint8Array): number => {
  const last = bound.at(-1)
  if (last === undefined) return 0
  const zeros = last === 0 ? 7 : 31 - Math.clz32(last & -last)
  return 8 * bound.length - zeros
}

/**
 * How a path of `bits` bits lies to the bounds. `lower`: it is the beginning of the lower bound, without all of its
 * deciding bits; where this is false, all keys below are at or above the bound. `upper`: the same for the upper
 * bound; where this is false, all keys below are below the bound.
 */
interface Tight {
  readonly bits: number
  readonly lower: boolean
  readonly upper: boolean
}

/** The path extended by the first `count` bits of `source`; `undefined` when all keys below lie outside. */
const narrow = (bounds: Bounds, tight: Tight, source: Uint8Array, count: number): Tight | undefined => {
  const bits = tight.bits + count
  let lower = tight.lower
  if (lower) {
    const side = compare(source, count, bounds.lower, tight.bits, bounds.lowerBits)
    if (side < 0) return undefined
    lower = side === 0 && bits < bounds.lowerBits
  }
  let upper = tight.upper && bounds.upperBits !== Number.POSITIVE_INFINITY
  if (upper) {
    const side = compare(source, count, bounds.upper, tight.bits, bounds.upperBits)
    if (side > 0 || (side === 0 && bits >= bounds.upperBits)) return undefined
    upper = side === 0
  }
  return { bits, lower, upper }
}

/** Order of the bits of `source` and those of `bound` in [at, end); 0 where one of them ends without a difference. */
const compare = (source: Uint8Array, count: number, bound: Uint8Array, at: number, end: number): number => {
  const shared = Math.min(count, end - at)
  const common = commonBits(source, 0, 0, bound, 0, at, shared)
  return common === shared ? 0 : getBit(source, common) - getBit(bound, at + common)
}

interface Visit {
  readonly parent: InternalNode
  readonly place: Place
  readonly tight: Tight
}

type Place = "leaf" | "left" | "right"
const forward: ReadonlyArray<Place> = ["right", "left", "leaf"]
const backward: ReadonlyArray<Place> = ["leaf", "left", "right"]

/** Pushes the places of `node` that may hold keys of the range; the first in order ends up on top. */
const pushChildren = (visits: Array<Visit>, bounds: Bounds, parent: InternalNode, tight: Tight): void => {
  for (const place of bounds.reverse ? backward : forward) {
    // The key that ends here is a beginning of each tight bound, and shorter: below it.
    const child = place === "leaf" ? (tight.lower ? undefined : tight) : branch(bounds, tight, place)
    if (child !== undefined) visits.push({ parent, place, tight: child })
  }
}

/** What holds for the child, which begins with a branch bit of its own: judged by that bit, but not moved past it. */
const branch = (bounds: Bounds, tight: Tight, place: "left" | "right"): Tight | undefined => {
  const narrowed = narrow(bounds, tight, place === "left" ? zeroBit : oneBit, 1)
  return narrowed && { bits: tight.bits, lower: tight.lower && narrowed.lower, upper: narrowed.upper }
}

const zeroBit = Uint8Array.of(0x00)
const oneBit = Uint8Array.of(0x80)
