import * as Bits from "../Bits.ts"
import * as Bytes from "../Bytes.ts"
import type { Hasher } from "../Hasher.ts"
import type { KeyRange } from "../KeyRange.ts"
import { inRange, keyRange } from "../KeyRange.ts"
import { lookup } from "../Lookup.ts"
import { KeyTooLong } from "../MkvsError.ts"
import { emptyHash } from "../Node.ts"
import type { Committed, Entry, IterateOptions, Tree } from "../Tree.ts"
import type { LeafNode } from "../TreeNode.ts"
import type { WriteLogEntry } from "../WriteLog.ts"
import { ReferenceInternal, ReferenceLeaf, type ReferenceNode } from "./ReferenceNode.ts"

type Root = ReferenceNode | undefined

/**
 * The plain tree: objects and recursion, made to be read beside the spec and to check the fast engine. Nodes never
 * change, so that a change copies the path to it and versions share the rest. A tree as deep as the call stack
 * overflows it: crafted keys can bring that about, so this is no tree for keys from strangers.
 */
export class ReferenceTree implements Tree {
  readonly #hasher: Hasher
  #committed: Root
  #pending: Root
  /** Keys inserted or removed since the last commit, by their hex. */
  readonly #touched = new Map<string, Uint8Array>()

  constructor(hasher: Hasher, committed?: ReferenceNode) {
    this.#hasher = hasher
    this.#committed = committed
    this.#pending = committed
  }

  get root(): Root {
    return this.#committed
  }

  get rootHash(): Uint8Array {
    return Bytes.copy(this.#committed?.hash ?? emptyHash)
  }

  /** An independent tree that begins at the last commit; pending changes stay here. */
  fork(): ReferenceTree {
    return new ReferenceTree(this.#hasher, this.#committed)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return lookup(this.#pending, key)?.value
  }

  has(key: Uint8Array): boolean {
    return lookup(this.#pending, key) !== undefined
  }

  /** Shows the tree of the moment of the call: later changes are not seen. */
  iterate(options?: IterateOptions): IterableIterator<Entry> {
    return entries(this.#pending, keyRange(options))
  }

  insert(key: Uint8Array, value: Uint8Array): void {
    if (key.length > Bits.keyBytesMax) throw new KeyTooLong({ bytes: key.length })
    const leaf = new ReferenceLeaf(this.#hasher, Bytes.copy(key), Bytes.copy(value))
    this.#touched.set(Bytes.toHex(key), leaf.key)
    this.#pending = insert(this.#hasher, this.#pending, 0, leaf)
  }

  remove(key: Uint8Array): void {
    this.#touched.set(Bytes.toHex(key), Bytes.copy(key))
    this.#pending = remove(this.#pending, 0, key)
  }

  commit(): Committed {
    const writeLog: Array<WriteLogEntry> = []
    let keysDelta = 0
    for (const key of [...this.#touched.values()].sort(Bytes.compare)) {
      const before = lookup(this.#committed, key)
      const after = lookup(this.#pending, key)
      keysDelta += Number(after !== undefined) - Number(before !== undefined)
      if (!sameValue(before, after)) writeLog.push({ key, value: after?.value })
    }
    this.#committed = this.#pending
    this.#touched.clear()
    return { rootHash: this.rootHash, writeLog, keysDelta }
  }
}

type Place = "leaf" | "left" | "right"

/** Where the key goes below a node whose path has `end` bits: it ends there, or continues with its next bit. */
const placeOf = (key: Uint8Array, end: number): Place =>
  8 * key.length === end ? "leaf" : Bits.getBit(key, end) === 0 ? "left" : "right"

const insert = (hasher: Hasher, node: Root, depth: number, leaf: ReferenceLeaf): ReferenceNode => {
  if (node === undefined) return leaf
  if (node.isLeaf) {
    if (!Bytes.equal(node.key, leaf.key)) return split(hasher, node, node.key, depth, depth, leaf)
    return Bytes.equal(node.value, leaf.value) ? node : leaf
  }
  const shared = Math.min(node.labelBits, 8 * leaf.key.length - depth)
  const common = Bits.commonBits(node.label, 0, 0, leaf.key, 0, depth, shared)
  if (common < node.labelBits) return split(hasher, node, node.label, 0, depth, leaf)
  const end = depth + node.labelBits
  const place = placeOf(leaf.key, end)
  // The leaf's place holds only ever a leaf with this key, or nothing.
  const child = insert(hasher, node[place], end, leaf)
  return child === node[place] ? node : node.withChildren({ [place]: child })
}

/**
 * Puts a new internal node where the old one's bits (those of `path` from `from` on) and the key part. Its label is
 * what they share; the old node and the new leaf become its children.
 */
const split = (
  hasher: Hasher,
  old: ReferenceNode,
  path: Uint8Array,
  from: number,
  depth: number,
  leaf: ReferenceLeaf
): ReferenceNode => {
  const oldBits = old.isLeaf ? 8 * path.length - from : old.labelBits
  const newBits = 8 * leaf.key.length - depth
  const common = Bits.commonBits(path, 0, from, leaf.key, 0, depth, Math.min(oldBits, newBits))
  const oldPlace = common === oldBits ? "leaf" : Bits.getBit(path, from + common) === 0 ? "left" : "right"
  return new ReferenceInternal(hasher, Bits.extract(leaf.key, depth, depth + common), common, {
    [oldPlace]: old.isLeaf ? old : old.withoutLabelHead(common),
    [placeOf(leaf.key, depth + common)]: leaf
  })
}

const remove = (node: Root, depth: number, key: Uint8Array): Root => {
  if (node === undefined) return undefined
  if (node.isLeaf) return Bytes.equal(node.key, key) ? undefined : node
  const end = depth + node.labelBits
  if (8 * key.length < end) return node
  const place = placeOf(key, end)
  const child = remove(node[place], end, key)
  return child === node[place] ? node : collapse(node.withChildren({ [place]: child }))
}

/** An internal node with a single child is replaced by that child. */
const collapse = (node: ReferenceInternal): ReferenceNode => {
  const [only, ...others] = [node.leaf, node.left, node.right].filter((child) => child !== undefined)
  if (only === undefined || others.length > 0) return node
  return only.isLeaf ? only : only.withLabelHead(node.label, node.labelBits)
}

/** A subtree still to be visited; its path without its own label: `bits` bits of `path`. */
interface Visit {
  readonly node: ReferenceNode
  readonly path: Uint8Array
  readonly bits: number
}

function* entries(root: Root, range: KeyRange): IterableIterator<Entry> {
  const visits: Array<Visit> = root === undefined ? [] : [{ node: root, path: Bytes.empty, bits: 0 }]
  for (let visit = visits.pop(); visit !== undefined; visit = visits.pop()) {
    const { node } = visit
    if (node.isLeaf) {
      if (inRange(range, node.key)) yield [node.key, node.value]
      continue
    }
    const path = Bits.concat(visit.path, visit.bits, node.label, node.labelBits)
    const bits = visit.bits + node.labelBits
    if (isOutside(range, path, bits)) continue
    // In key order: the key that ends here, those that continue with 0, those that continue with 1.
    const children = [node.leaf, node.left, node.right]
    if (!range.reverse) children.reverse()
    for (const child of children) if (child !== undefined) visits.push({ node: child, path, bits })
  }
}

/** True when every key with this path lies outside the range. */
const isOutside = (range: KeyRange, path: Uint8Array, bits: number): boolean =>
  comparePath(path, bits, range.lower) < 0 ||
  (range.upper !== undefined && comparePath(path, bits, range.upper) > 0)

/** Order of a path and the same number of bits of a key (fewer where the key is shorter). */
const comparePath = (path: Uint8Array, bits: number, key: Uint8Array): number =>
  Bits.compareBits(path, bits, key, Math.min(bits, 8 * key.length))

const sameValue = (a: LeafNode | undefined, b: LeafNode | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && Bytes.equal(a.value, b.value))
