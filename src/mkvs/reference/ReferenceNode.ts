import * as Bits from "../Bits.ts"
import type { Hasher } from "../Hasher.ts"
import * as Node from "../Node.ts"
import type { InternalNode, LeafNode } from "../TreeNode.ts"

/** Nodes of the plain tree: objects that never change, so that versions share them. A hash is computed when asked for. */
export type ReferenceNode = ReferenceLeaf | ReferenceInternal

export interface Children {
  readonly leaf?: ReferenceLeaf | undefined
  readonly left?: ReferenceNode | undefined
  readonly right?: ReferenceNode | undefined
}

export class ReferenceLeaf implements LeafNode {
  readonly isLeaf = true
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly #hasher: Hasher
  #hash: Uint8Array | undefined

  constructor(hasher: Hasher, key: Uint8Array, value: Uint8Array) {
    this.#hasher = hasher
    this.key = key
    this.value = value
  }

  get hash(): Uint8Array {
    this.#hash ??= Node.hashLeaf(this.#hasher, this.key, this.value)
    return this.#hash
  }

  get compactSize(): number {
    return Node.leafSize(this.key.length, this.value.length)
  }

  writeCompact(out: Uint8Array, at: number): number {
    return Node.writeLeaf(out, at, this.key, this.value)
  }
}

export class ReferenceInternal implements InternalNode {
  readonly isLeaf = false
  readonly label: Uint8Array
  readonly labelBits: number
  readonly leaf: ReferenceLeaf | undefined
  readonly left: ReferenceNode | undefined
  readonly right: ReferenceNode | undefined
  readonly #hasher: Hasher
  #hash: Uint8Array | undefined

  constructor(hasher: Hasher, label: Uint8Array, labelBits: number, children: Children) {
    this.#hasher = hasher
    this.label = label
    this.labelBits = labelBits
    this.leaf = children.leaf
    this.left = children.left
    this.right = children.right
  }

  get hash(): Uint8Array {
    this.#hash ??= Node.hashInternal(
      this.#hasher,
      this.labelBits,
      this.label,
      this.leafHash,
      this.leftHash,
      this.rightHash
    )
    return this.#hash
  }

  get leafHash(): Uint8Array | undefined {
    return this.leaf?.hash
  }

  get leftHash(): Uint8Array | undefined {
    return this.left?.hash
  }

  get rightHash(): Uint8Array | undefined {
    return this.right?.hash
  }

  get compactSize(): number {
    return Node.headSize(this.labelBits) + (this.leaf?.compactSize ?? 1)
  }

  writeCompact(out: Uint8Array, at: number): number {
    const leafAt = Node.writeHead(out, at, this.labelBits, this.label)
    return this.leaf?.writeCompact(out, leafAt) ?? writeNone(out, leafAt)
  }

  writeCompactV1(out: Uint8Array, at: number): number {
    return writeNone(out, Node.writeHead(out, at, this.labelBits, this.label))
  }

  /** The same node with other children. */
  withChildren(children: Children): ReferenceInternal {
    const { leaf, left, right } = this
    return new ReferenceInternal(this.#hasher, this.label, this.labelBits, { leaf, left, right, ...children })
  }

  /** The same node without the first `bits` bits of its label. */
  withoutLabelHead(bits: number): ReferenceInternal {
    const label = Bits.extract(this.label, bits, this.labelBits)
    return new ReferenceInternal(this.#hasher, label, this.labelBits - bits, this)
  }

  /** The same node with `bits` bits before its label. */
  withLabelHead(head: Uint8Array, bits: number): ReferenceInternal {
    const label = Bits.concat(head, bits, this.label, this.labelBits)
    return new ReferenceInternal(this.#hasher, label, bits + this.labelBits, this)
  }
}

const writeNone = (out: Uint8Array, at: number): number => {
  out[at] = Node.tag.none
  return at + 1
}
