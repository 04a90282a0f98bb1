import { hashBytes } from "../Hasher.ts"
import { NotCovered } from "../MkvsError.ts"
import { tag } from "../Node.ts"
import type { InternalNode, LeafNode, TreeNode } from "../TreeNode.ts"

/**
 * Nodes of a proved subtree. They keep positions in the verified bytes and make views when asked: a proof may hold a
 * million nodes, and a byte array for each hash, key and value would take most of the memory.
 */
export type ProvedNode = ProvedLeaf | ProvedInternal

/** What fills a place of a proved subtree; `undefined` where the place is empty. */
export type ProvedChild = ProvedNode | LeftOut | undefined

/** A node of which the proof tells the hash only. */
export class LeftOut {
  private readonly bytes: Uint8Array
  private readonly at: number

  /** Its hash lies in `bytes` at `at`. */
  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes
    this.at = at
  }

  get hash(): Uint8Array {
    return hashIn(this.bytes, this.at)
  }
}

/** The node in a place. Throws `NotCovered` where it is left out. */
export const covered = <A extends TreeNode>(child: A | LeftOut | undefined): A | undefined => {
  if (child instanceof LeftOut) throw new NotCovered({ hash: child.hash })
  return child
}

export class ProvedLeaf implements LeafNode {
  readonly isLeaf = true
  private readonly bytes: Uint8Array
  private readonly at: number
  private readonly end: number
  private readonly hashes: Uint8Array
  private readonly hashAt: number

  /** Its storage form is `bytes[at, end)`; its hash lies in `hashes` at `hashAt`. */
  constructor(bytes: Uint8Array, at: number, end: number, hashes: Uint8Array, hashAt: number) {
    this.bytes = bytes
    this.at = at
    this.end = end
    this.hashes = hashes
    this.hashAt = hashAt
  }

  get hash(): Uint8Array {
    return hashIn(this.hashes, this.hashAt)
  }

  get key(): Uint8Array {
    return this.bytes.subarray(this.at + 3, this.keyEnd)
  }

  get value(): Uint8Array {
    return this.bytes.subarray(this.keyEnd + 4, this.end)
  }

  get compactSize(): number {
    return this.end - this.at
  }

  writeCompact(out: Uint8Array, at: number): number {
    return copyInto(out, at, this.bytes.subarray(this.at, this.end))
  }

  private get keyEnd(): number {
    return this.at + 3 + (this.bytes[this.at + 1]! | (this.bytes[this.at + 2]! << 8))
  }
}

export class ProvedInternal implements InternalNode {
  readonly isLeaf = false
  private readonly bytes: Uint8Array
  private readonly head: number
  private readonly headEnd: number
  private readonly hashes: Uint8Array
  private readonly hashAt: number
  private readonly leafChild: ProvedLeaf | LeftOut | undefined
  private readonly leftChild: ProvedChild
  private readonly rightChild: ProvedChild

  /** Tag, length of the label and label are `bytes[head, headEnd)`; its hash lies in `hashes` at `hashAt`. */
  constructor(
    bytes: Uint8Array,
    head: number,
    headEnd: number,
    hashes: Uint8Array,
    hashAt: number,
    children: {
      readonly leaf: ProvedLeaf | LeftOut | undefined
      readonly left: ProvedChild
      readonly right: ProvedChild
    }
  ) {
    this.bytes = bytes
    this.head = head
    this.headEnd = headEnd
    this.hashes = hashes
    this.hashAt = hashAt
    this.leafChild = children.leaf
    this.leftChild = children.left
    this.rightChild = children.right
  }

  get hash(): Uint8Array {
    return hashIn(this.hashes, this.hashAt)
  }

  get labelBits(): number {
    return this.bytes[this.head + 1]! | (this.bytes[this.head + 2]! << 8)
  }

  get label(): Uint8Array {
    return this.bytes.subarray(this.head + 3, this.headEnd)
  }

  get leaf(): ProvedLeaf | undefined {
    return covered(this.leafChild)
  }

  get left(): ProvedNode | undefined {
    return covered(this.leftChild)
  }

  get right(): ProvedNode | undefined {
    return covered(this.rightChild)
  }

  get leafHash(): Uint8Array | undefined {
    return this.leafChild?.hash
  }

  get leftHash(): Uint8Array | undefined {
    return this.leftChild?.hash
  }

  get rightHash(): Uint8Array | undefined {
    return this.rightChild?.hash
  }

  /** Throws `NotCovered` where its leaf is left out, as `writeCompact` does: the V0 form holds the leaf. */
  get compactSize(): number {
    return this.headEnd - this.head + (this.leaf?.compactSize ?? 1)
  }

  writeCompact(out: Uint8Array, at: number): number {
    const { leaf } = this
    return leaf === undefined ? this.writeCompactV1(out, at) : leaf.writeCompact(out, this.writeHead(out, at))
  }

  writeCompactV1(out: Uint8Array, at: number): number {
    const end = this.writeHead(out, at)
    out[end] = tag.none
    return end + 1
  }

  /** The children that the proof shows, in key order; never throws. */
  coveredChildren(): ReadonlyArray<ProvedNode> {
    const nodes: Array<ProvedNode> = []
    for (const child of [this.leafChild, this.leftChild, this.rightChild]) {
      if (child !== undefined && !(child instanceof LeftOut)) nodes.push(child)
    }
    return nodes
  }

  private writeHead(out: Uint8Array, at: number): number {
    return copyInto(out, at, this.bytes.subarray(this.head, this.headEnd))
  }
}

const copyInto = (out: Uint8Array, at: number, bytes: Uint8Array): number => {
  out.set(bytes, at)
  return at + bytes.length
}

const hashIn = (bytes: Uint8Array, at: number): Uint8Array => bytes.subarray(at, at + hashBytes)
