import { equal } from "../Bytes.ts"
import { framedSize, nullByte, writeBytesHeader } from "../CborEntries.ts"
import { hashBytes } from "../Hasher.ts"
import { emptyHash, headSize } from "../Node.ts"
import type { InternalNode, TreeNode } from "../TreeNode.ts"
import { framedHashSize, type Proof, type ProofVersion, proofOfFramed } from "./Proof.ts"

export interface BuilderOptions {
  /** Default: 0. */
  readonly version?: ProofVersion | undefined
  /**
   * The hash of a node. Once that node is included, the proof starts at it, else at the top. The asker must know it
   * from a proof before.
   */
  readonly position?: Uint8Array | undefined
}

/** A node that is part of the proof, with those of its children that are, too. */
export class Included {
  readonly node: TreeNode
  leaf: Included | undefined = undefined
  left: Included | undefined = undefined
  right: Included | undefined = undefined

  constructor(node: TreeNode) {
    this.node = node
  }
}

/**
 * A proof under construction: what is included grows downwards from the top of the tree, each node below an included
 * parent. Including a node again gives the same one and changes nothing.
 *
 * The tree must stay as it is until the proof is built.
 */
export class ProofBuilder {
  readonly version: ProofVersion
  private readonly root: TreeNode | undefined
  private readonly position: Uint8Array | undefined
  private top: Included | undefined
  private positioned: Included | undefined
  private sizeSoFar = 0
  /** Bytes that hold the framed entries: exact but for absent children, which are counted as hashes. */
  private framedMax = framedHashSize

  constructor(root: TreeNode | undefined, options: BuilderOptions = {}) {
    this.root = root
    this.version = options.version ?? 0
    this.position = options.position
  }

  /**
   * Estimate of the proof's bytes: 1 + the compact node, over the included nodes. A leaf inside an internal node counts
   * there, and once more where it was included itself. (Source: spec "Proofs"; chunking depends on this arithmetic.)
   */
  get size(): number {
    return this.sizeSoFar
  }

  /** The top node; `undefined` for an empty tree. */
  includeTop(): Included | undefined {
    if (this.top === undefined && this.root !== undefined) this.top = this.include(this.root, true)
    return this.top
  }

  /** The leaf whose key ends at `parent`; `undefined` where there is none. In V0 it changes the size only. */
  includeLeaf(parent: Included): Included | undefined {
    const { node } = parent
    if (parent.leaf !== undefined || node.isLeaf) return parent.leaf
    if (node.leaf !== undefined) parent.leaf = this.include(node.leaf, this.version === 1)
    return parent.leaf
  }

  includeLeft(parent: Included): Included | undefined {
    const { node } = parent
    if (parent.left !== undefined || node.isLeaf) return parent.left
    const child = node.left
    if (child !== undefined) parent.left = this.include(child, true)
    return parent.left
  }

  includeRight(parent: Included): Included | undefined {
    const { node } = parent
    if (parent.right !== undefined || node.isLeaf) return parent.right
    const child = node.right
    if (child !== undefined) parent.right = this.include(child, true)
    return parent.right
  }

  /** The proof of what is included so far. Its entries are views of fresh memory. */
  build(): Proof {
    const top = this.positioned ?? this.top
    const root = top?.node.hash ?? this.root?.hash ?? emptyHash
    return proofOfFramed(this.version, Uint8Array.from(root), this.framedEntries())
  }

  /** The entries of that proof, each framed as CBOR: the content of a checkpoint chunk. */
  framedEntries(): Uint8Array {
    const out = new Uint8Array(this.framedMax)
    const top = this.positioned ?? this.top
    const end = top === undefined ? writeLeftOut(out, 0, this.root?.hash) : this.writeSubtree(out, top)
    return out.subarray(0, end)
  }

  private include(node: TreeNode, isEntry: boolean): Included {
    const entryBytes = 1 + this.compactSize(node)
    this.sizeSoFar += entryBytes
    if (isEntry) {
      const childPlaces = node.isLeaf ? 0 : this.version === 0 ? 2 : 3
      // The node takes the place of its own hash, and brings its children's.
      this.framedMax += framedSize(entryBytes) + (childPlaces - 1) * framedHashSize
    }
    const included = new Included(node)
    if (this.position !== undefined && equal(node.hash, this.position)) this.positioned = included
    return included
  }

  private compactSize(node: TreeNode): number {
    return node.isLeaf || this.version === 0 ? node.compactSize : headSize(node.labelBits) + 1
  }

  /** Writes what is included below `top` in pre-order; returns the position after it. */
  private writeSubtree(out: Uint8Array, top: Included): number {
    const first = this.version === 0 ? Place.left : Place.leaf
    const open: Array<Included> = [top]
    const next: Array<Place> = [first]
    let at = this.writeNode(out, 0, top.node)
    for (let parent = open.at(-1); parent !== undefined; parent = open.at(-1)) {
      const { node } = parent
      const place = next[open.length - 1]!
      if (node.isLeaf || place > Place.right) {
        open.pop()
        continue
      }
      next[open.length - 1] = place + 1
      const child = childAt(parent, place)
      if (child === undefined) {
        at = writeLeftOut(out, at, hashAt(node, place))
      } else {
        at = this.writeNode(out, at, child.node)
        open.push(child)
        next[open.length - 1] = first
      }
    }
    return at
  }

  private writeNode(out: Uint8Array, at: number, node: TreeNode): number {
    const tagAt = writeBytesHeader(out, at, 1 + this.compactSize(node))
    out[tagAt] = 1
    return node.isLeaf || this.version === 0
      ? node.writeCompact(out, tagAt + 1)
      : node.writeCompactV1(out, tagAt + 1)
  }
}

/** Children in the order of entries. */
const Place = { leaf: 0, left: 1, right: 2 } as const
type Place = number

const childAt = (parent: Included, place: Place): Included | undefined =>
  place === Place.left ? parent.left : place === Place.right ? parent.right : parent.leaf

const hashAt = (node: InternalNode, place: Place): Uint8Array | undefined =>
  place === Place.left ? node.leftHash : place === Place.right ? node.rightHash : node.leafHash

const writeLeftOut = (out: Uint8Array, at: number, hash: Uint8Array | undefined): number => {
  if (hash === undefined) {
    out[at] = nullByte
    return at + 1
  }
  const tagAt = writeBytesHeader(out, at, 1 + hashBytes)
  out[tagAt] = 2
  out.set(hash, tagAt + 1)
  return tagAt + 1 + hashBytes
}
