import { appendBits, bytesOf, compareBits } from "./Bits.ts"
import { equal } from "./Bytes.ts"
import type { InternalNode, TreeNode } from "./TreeNode.ts"
import type { WriteLogEntry } from "./WriteLog.ts"

/**
 * The write log that makes tree `b` of tree `a`, in key order. Its entries share memory with the nodes.
 *
 * Both trees are walked at once. Subtrees with the same hash hold the same keys and values and are passed over without
 * being looked up, so the work is the number of changes times the depth. Memory is one path of each tree. Throws
 * `NotCovered` where the trees differ in a part that cannot be had here.
 */
export function* difference(
  a: TreeNode | undefined,
  b: TreeNode | undefined
): IterableIterator<WriteLogEntry> {
  const before = new Walk(a)
  const after = new Walk(b)
  while (!before.done || !after.done) {
    if (!before.done && !after.done && equal(before.hash, after.hash)) {
      before.pass()
      after.pass()
      continue
    }
    const order = before.done ? 1 : after.done ? -1 : before.compare(after)
    // What sorts first has no counterpart on the other side, unless below it; equal paths go on together.
    const old = order <= 0 ? before.node : undefined
    const now = order >= 0 ? after.node : undefined
    const opensOld = old !== undefined && before.open(old)
    const opensNow = now !== undefined && after.open(now)
    if (opensOld || opensNow) continue
    if (old !== undefined) before.pass()
    if (now !== undefined) after.pass()
    if (now?.isLeaf === true) yield { key: now.key, value: now.value }
    else if (old?.isLeaf === true) yield { key: old.key, value: undefined }
  }
}

/** A subtree still to be walked. The root has no parent. */
interface Place {
  readonly parent: InternalNode | undefined
  readonly side: "leaf" | "left" | "right"
  readonly hash: Uint8Array
  /** Bits of the path above the subtree. */
  readonly bits: number
}

/** A walk over the subtrees of a tree in key order; each one is passed over or opened. */
class Walk {
  readonly #root: TreeNode | undefined
  readonly #places: Array<Place> = []
  /** The first place's node, once it has been looked up. */
  #node: TreeNode | undefined
  /**
   * The path of the last internal node looked up. Its first `bits` bits are those of every place: a place is beside
   * the path to that node, and what is written below a node lies behind the node's own path.
   */
  #path = new Uint8Array(64)

  constructor(root: TreeNode | undefined) {
    this.#root = root
    if (root !== undefined) this.#places.push({ parent: undefined, side: "leaf", hash: root.hash, bits: 0 })
  }

  get done(): boolean {
    return this.#places.length === 0
  }

  /** The hash of the first subtree. */
  get hash(): Uint8Array {
    return this.#first.hash
  }

  /** The top of the first subtree. */
  get node(): TreeNode {
    this.#node ??= this.#lookUp()
    return this.#node
  }

  /** Order of the first subtrees' paths: of a leaf its key, of an internal node the path to its end. */
  compare(other: Walk): number {
    const node = this.node
    const otherNode = other.node
    return compareBits(
      this.#pathOf(node),
      this.#bitsOf(node),
      other.#pathOf(otherNode),
      other.#bitsOf(otherNode)
    )
  }

  /** Goes on behind the first subtree. */
  pass(): void {
    this.#places.pop()
    this.#node = undefined
  }

  /** Replaces the first subtree by its parts. False, and nothing happens, when it is a leaf. */
  open(node: TreeNode): boolean {
    if (node.isLeaf) return false
    const bits = this.#bitsOf(node)
    this.pass()
    // The last one comes first: in key order the leaf, then left, then right.
    this.#push(node, "right", node.rightHash, bits)
    this.#push(node, "left", node.leftHash, bits)
    this.#push(node, "leaf", node.leafHash, bits)
    return true
  }

  get #first(): Place {
    return this.#places[this.#places.length - 1]!
  }

  #lookUp(): TreeNode {
    const { bits, parent, side } = this.#first
    const node = parent === undefined ? this.#root : parent[side]
    if (node === undefined) throw new Error(`a node has a hash for its ${side} child, but not the child`)
    if (!node.isLeaf) this.#writeLabel(node, bits)
    return node
  }

  #writeLabel(node: InternalNode, bits: number): void {
    const bytes = bytesOf(bits + node.labelBits)
    if (bytes > this.#path.length) {
      const path = new Uint8Array(2 * bytes)
      path.set(this.#path)
      this.#path = path
    }
    appendBits(node.label, 0, 0, node.labelBits, this.#path, 0, bits)
  }

  #pathOf(node: TreeNode): Uint8Array {
    return node.isLeaf ? node.key : this.#path
  }

  #bitsOf(node: TreeNode): number {
    return node.isLeaf ? 8 * node.key.length : this.#first.bits + node.labelBits
  }

  #push(parent: InternalNode, side: Place["side"], hash: Uint8Array | undefined, bits: number): void {
    if (hash !== undefined) this.#places.push({ parent, side, hash, bits })
  }
}
