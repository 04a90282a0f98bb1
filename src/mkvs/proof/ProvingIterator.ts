import { bytesOf, commonBits, getBit } from "../Bits.ts"
import { compare } from "../Bytes.ts"
import type { LeafNode } from "../TreeNode.ts"
import type { Included, ProofBuilder } from "./ProofBuilder.ts"

/**
 * Goes through keys in order and includes every node it visits in a proof. It visits what the rule of the spec
 * ("What a proving iterator visits") says, which is more than needed: a subtree whose keys all lie before the sought
 * one is not skipped, but followed along the sought key's bits, and once the sought key ends, visited as a whole.
 *
 * Elsewhere the rule comes down to this: from a node whose keys all lie at or behind the sought one, go to its first
 * key (its leaf, else the first key of left, else of right). So only the passed subtrees need the rule word by word.
 */
export class ProvingIterator {
  private readonly builder: ProofBuilder
  /** The internal nodes above the current leaf, and which child was taken at each. */
  private readonly path: Array<Included> = []
  private readonly taken: Array<Child> = []
  private found: LeafNode | undefined

  constructor(builder: ProofBuilder) {
    this.builder = builder
  }

  /** The leaf it stands at; `undefined` before the first `seek` and behind the last key. */
  get current(): LeafNode | undefined {
    return this.found
  }

  /** Moves to the first key ≥ `key`; `undefined` where there is none. */
  seek(key: Uint8Array): LeafNode | undefined {
    this.path.length = 0
    this.taken.length = 0
    this.found = undefined
    const keyBits = 8 * key.length
    let at = this.builder.includeTop()
    let begin = 0
    // Invariant: the first `begin` bits of the key are the path so far, and the key has more of them, or is at the top.
    while (at !== undefined) {
      const { node } = at
      if (node.isLeaf) return compare(node.key, key) >= 0 ? this.stopAt(node) : this.climb()
      const end = begin + node.labelBits
      const shared = Math.min(end, keyBits) - begin
      const common = commonBits(node.label, 0, 0, key, 0, begin, shared)
      if (common < shared && getBit(node.label, common) === 0) {
        visitPassed(this.builder, at, begin, key)
        return this.climb()
      }
      if (common < shared || keyBits <= end) return this.first(at)
      const child = getBit(key, end) === 0 ? Child.left : Child.right
      at = this.enter(at, child)
      begin = end
    }
    return this.climb()
  }

  /** Moves to the next key. Stays at the end once it is there. */
  next(): LeafNode | undefined {
    if (this.found === undefined) return undefined
    this.found = undefined
    return this.climb()
  }

  /** The first key below `at`, which is on the path so far but not yet part of it. */
  private first(at: Included): LeafNode | undefined {
    let child: Included | undefined = at
    while (child !== undefined) {
      const { node }: Included = child
      if (node.isLeaf) return this.stopAt(node)
      const parent: Included = child
      child =
        this.enter(parent, Child.leaf) ?? this.turn(parent, Child.left) ?? this.turn(parent, Child.right)
    }
    return this.climb()
  }

  /** The first key behind everything below the children taken. */
  private climb(): LeafNode | undefined {
    for (let parent = this.path.at(-1); parent !== undefined; parent = this.path.at(-1)) {
      const taken = this.taken[this.path.length - 1]!
      const child =
        (taken < Child.left ? this.turn(parent, Child.left) : undefined) ??
        (taken < Child.right ? this.turn(parent, Child.right) : undefined)
      if (child !== undefined) return this.first(child)
      this.path.pop()
      this.taken.pop()
    }
    return undefined
  }

  private stopAt(leaf: LeafNode): LeafNode {
    this.found = leaf
    return leaf
  }

  private enter(parent: Included, child: Child): Included | undefined {
    this.path.push(parent)
    this.taken.push(child)
    return include(this.builder, parent, child)
  }

  /** As `enter`, for the node at the end of the path. */
  private turn(parent: Included, child: Child): Included | undefined {
    this.taken[this.path.length - 1] = child
    return include(this.builder, parent, child)
  }
}

/** Children in key order. */
const Child = { leaf: 0, left: 1, right: 2 } as const
type Child = (typeof Child)[keyof typeof Child]

const include = (builder: ProofBuilder, parent: Included, child: Child): Included | undefined =>
  child === Child.left
    ? builder.includeLeft(parent)
    : child === Child.right
      ? builder.includeRight(parent)
      : builder.includeLeaf(parent)

/**
 * Visits a subtree, beginning at bit `begin`, all of whose keys lie before `key`: nothing is found, but what the rule
 * visits is included. The rule changes the key on the way, and only ever behind the end of the node where it does; so
 * one buffer serves all levels, because a node's own change for `right` comes after everything below its left.
 */
const visitPassed = (builder: ProofBuilder, top: Included, begin: number, key: Uint8Array): void => {
  const sought = new SoughtKey(key)
  const visits: Array<Visit> = [{ at: top, bits: begin, afterLeft: false }]
  for (let visit = visits.pop(); visit !== undefined; visit = visits.pop()) {
    const { node } = visit.at
    if (node.isLeaf) continue
    if (visit.afterLeft) {
      sought.turnRight(visit.bits)
      pushVisit(visits, builder.includeRight(visit.at), visit.bits)
      continue
    }
    const end = visit.bits + node.labelBits
    if (sought.bits <= end) {
      builder.includeLeaf(visit.at)
      sought.extendLeft(end)
    }
    if (sought.bit(end) === 0) {
      visits.push({ at: visit.at, bits: end, afterLeft: true })
      pushVisit(visits, builder.includeLeft(visit.at), end)
    } else {
      pushVisit(visits, builder.includeRight(visit.at), end)
    }
  }
}

/** A node to visit, that begins at `bits`; or one, that ends there, whose left has been visited. */
interface Visit {
  readonly at: Included
  readonly bits: number
  readonly afterLeft: boolean
}

const pushVisit = (visits: Array<Visit>, at: Included | undefined, bits: number): void => {
  if (at !== undefined) visits.push({ at, bits, afterLeft: false })
}

/** The key as the rule changes it: always whole bytes, the bits behind the last one set by the rule zero. */
class SoughtKey {
  private buffer: Uint8Array
  private length: number

  constructor(key: Uint8Array) {
    this.buffer = new Uint8Array(key.length + 64)
    this.buffer.set(key)
    this.length = key.length
  }

  get bits(): number {
    return 8 * this.length
  }

  bit(at: number): 0 | 1 {
    return getBit(this.buffer, at)
  }

  /** The key, which has at most `end` bits, extended with zeros to `end` bits and one more 0. */
  extendLeft(end: number): void {
    const length = bytesOf(end + 1)
    this.reserve(length)
    this.buffer.fill(0, this.length, length)
    this.length = length
  }

  /** The key's first `end` bits and a 1. */
  turnRight(end: number): void {
    const byte = end >>> 3
    this.buffer[byte] = (this.buffer[byte]! & (0xff00 >>> (end & 7))) | (0x80 >>> (end & 7))
    this.length = byte + 1
  }

  private reserve(length: number): void {
    if (length <= this.buffer.length) return
    const grown = new Uint8Array(2 * length)
    grown.set(this.buffer)
    this.buffer = grown
  }
}
