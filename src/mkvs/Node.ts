import * as Bits from "./Bits.ts"
import { keyBytesMax } from "./Bits.ts"
import { fromHex } from "./Bytes.ts"
import type { Hasher } from "./Hasher.ts"
import { hashBytes } from "./Hasher.ts"
import { MalformedNode } from "./MkvsError.ts"

/**
 * Nodes as plain values, and their three serialized forms (source: spec "Nodes").
 *
 * | form | leaf | internal |
 * |---|---|---|
 * | full | `00 ‖ u16le len(key) ‖ key ‖ u32le len(value) ‖ value` | `01 ‖ u16le labelBits ‖ label ‖ (leaf \| 02) ‖ hash(left) ‖ hash(right)` |
 * | compact V0 | as full | without the two hashes |
 * | compact V1 | as full | `01 ‖ u16le labelBits ‖ label ‖ 02` |
 */

export interface Leaf {
  readonly kind: "leaf"
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** What a compact form tells about an internal node. In V1 `leaf` is never there: it is an entry of its own. */
export interface CompactInternal {
  readonly kind: "internal"
  readonly label: Uint8Array
  readonly labelBits: number
  readonly leaf?: Leaf | undefined
}

/** An absent child has no hash here; in bytes it is the empty hash. At least two of the three children are there. */
export interface Internal extends CompactInternal {
  readonly leftHash: Uint8Array | undefined
  readonly rightHash: Uint8Array | undefined
}

export type Node = Leaf | Internal
export type CompactNode = Leaf | CompactInternal
export type CompactVersion = 0 | 1

/** First byte of a leaf, of an internal node, and what stands for an absent leaf inside an internal node. */
export const tag = { leaf: 0x00, internal: 0x01, none: 0x02 } as const

/** H(""): the root of the empty tree, and what stands for an absent child. Must not be changed. */
export const emptyHash: Uint8Array = fromHex(
  "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
)!

export const isEmptyHash = (bytes: Uint8Array, at = 0): boolean => {
  for (let i = 0; i < hashBytes; i++) if (bytes[at + i] !== emptyHash[i]) return false
  return true
}

// Sizes and writers: shared by every engine's `writeCompact`.

export const leafSize = (keyBytes: number, valueBytes: number): number => 7 + keyBytes + valueBytes

/** Bytes of an internal node's tag, label length and label. */
export const headSize = (labelBits: number): number => 3 + Bits.bytesOf(labelBits)

/** Writes a leaf (the same in all forms) at `at`, and returns the position after it. */
export const writeLeaf = (out: Uint8Array, at: number, key: Uint8Array, value: Uint8Array): number => {
  out[at] = tag.leaf
  const keyAt = writeU16(out, at + 1, key.length)
  out.set(key, keyAt)
  const valueAt = writeU32(out, keyAt + key.length, value.length)
  out.set(value, valueAt)
  return valueAt + value.length
}

/** Writes an internal node's tag, label length and label at `at`, and returns the position after them. */
export const writeHead = (out: Uint8Array, at: number, labelBits: number, label: Uint8Array): number => {
  out[at] = tag.internal
  const labelAt = writeU16(out, at + 1, labelBits)
  out.set(label, labelAt)
  return labelAt + label.length
}

/** The full (storage) form. */
export const encode = (node: Node): Uint8Array => {
  const compactBytes = compactSize(node, 0)
  if (node.kind === "leaf") return encodeCompact(node, 0)
  const out = new Uint8Array(compactBytes + 2 * hashBytes)
  writeCompact(out, 0, node, 0)
  out.set(node.leftHash ?? emptyHash, compactBytes)
  out.set(node.rightHash ?? emptyHash, compactBytes + hashBytes)
  return out
}

export const encodeCompact = (node: CompactNode, version: CompactVersion): Uint8Array => {
  const out = new Uint8Array(compactSize(node, version))
  writeCompact(out, 0, node, version)
  return out
}

/**
 * Reads the full form. The node's byte strings are views of `bytes`. Anything but exactly one node throws
 * `MalformedNode`.
 */
export const decode = (bytes: Uint8Array): Node => {
  const reader = new Reader(bytes)
  const head = reader.node(0)
  if (head.kind === "leaf") return reader.end(head)
  const leftHash = reader.childHash("left")
  const rightHash = reader.childHash("right")
  const children = [head.leaf, leftHash, rightHash].filter((child) => child !== undefined).length
  if (children < 2) throw reader.malformed(`internal node with ${children} of at least 2 children`, 0)
  return reader.end({ ...head, leftHash, rightHash })
}

/** Reads a compact form; otherwise like `decode`. How many children an internal node has cannot be seen there. */
export const decodeCompact = (bytes: Uint8Array, version: CompactVersion): CompactNode => {
  const reader = new Reader(bytes)
  return reader.end(reader.node(version))
}

/** H(00 ‖ u32le len(key) ‖ key ‖ u32le len(value) ‖ value): unlike the serialized forms, with 32 bits for the key. */
export const hashLeaf = (hasher: Hasher, key: Uint8Array, value: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(9 + key.length + value.length)
  bytes[0] = tag.leaf
  const keyAt = writeU32(bytes, 1, key.length)
  bytes.set(key, keyAt)
  const valueAt = writeU32(bytes, keyAt + key.length, value.length)
  bytes.set(value, valueAt)
  return hasher.hash(bytes)
}

/** H(01 ‖ u16le labelBits ‖ label ‖ hash(leaf) ‖ hash(left) ‖ hash(right)); an absent child counts as the empty hash. */
export const hashInternal = (
  hasher: Hasher,
  labelBits: number,
  label: Uint8Array,
  leaf: Uint8Array | undefined,
  left: Uint8Array | undefined,
  right: Uint8Array | undefined
): Uint8Array => {
  const bytes = new Uint8Array(headSize(labelBits) + 3 * hashBytes)
  const at = writeHead(bytes, 0, labelBits, label)
  bytes.set(leaf ?? emptyHash, at)
  bytes.set(left ?? emptyHash, at + hashBytes)
  bytes.set(right ?? emptyHash, at + 2 * hashBytes)
  return hasher.hash(bytes)
}

const compactSize = (node: CompactNode, version: CompactVersion): number => {
  if (node.kind === "leaf") return leafSize(node.key.length, node.value.length)
  const leafBytes = version === 0 && node.leaf ? leafSize(node.leaf.key.length, node.leaf.value.length) : 1
  return headSize(node.labelBits) + leafBytes
}

const writeCompact = (out: Uint8Array, at: number, node: CompactNode, version: CompactVersion): void => {
  if (node.kind === "leaf") {
    writeLeaf(out, at, node.key, node.value)
    return
  }
  const leafAt = writeHead(out, at, node.labelBits, node.label)
  if (version === 0 && node.leaf) writeLeaf(out, leafAt, node.leaf.key, node.leaf.value)
  else out[leafAt] = tag.none
}

const writeU16 = (out: Uint8Array, at: number, value: number): number => {
  out[at] = value
  out[at + 1] = value >>> 8
  return at + 2
}

const writeU32 = (out: Uint8Array, at: number, value: number): number => {
  writeU16(out, at, value)
  writeU16(out, at + 2, value >>> 16)
  return at + 4
}

/** Reads from left to right; every length is checked against what is there before it is used. */
class Reader {
  readonly bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  node(version: CompactVersion): CompactNode {
    const kind = this.number(1, "tag")
    if (kind === tag.leaf) return this.leafBody()
    if (kind !== tag.internal) throw this.malformed(`unknown tag ${kind}`, this.at - 1)
    const labelBits = this.number(2, "label length")
    const label = this.take(Bits.bytesOf(labelBits), "label")
    if ((labelBits & 7) !== 0 && (label[label.length - 1]! & (0xff >>> (labelBits & 7))) !== 0) {
      throw this.malformed("unused label bits are not zero", this.at - 1)
    }
    return { kind: "internal", label, labelBits, leaf: this.innerLeaf(version) }
  }

  childHash(side: string): Uint8Array | undefined {
    const hash = this.take(hashBytes, `hash of the ${side} child`)
    return isEmptyHash(hash) ? undefined : hash
  }

  end<A>(node: A): A {
    if (this.at !== this.bytes.length) throw this.malformed("bytes after the end", this.at)
    return node
  }

  malformed(reason: string, offset: number): MalformedNode {
    return new MalformedNode({ reason, offset })
  }

  private innerLeaf(version: CompactVersion): Leaf | undefined {
    const kind = this.number(1, "tag of the leaf inside")
    if (kind === tag.none) return undefined
    if (kind === tag.leaf && version === 0) return this.leafBody()
    throw this.malformed(`tag ${kind} in the place of the leaf`, this.at - 1)
  }

  private leafBody(): Leaf {
    const keyBytes = this.number(2, "key length")
    if (keyBytes > keyBytesMax) {
      throw this.malformed(`key of ${keyBytes} bytes, more than ${keyBytesMax}`, this.at - 2)
    }
    const key = this.take(keyBytes, "key")
    return { kind: "leaf", key, value: this.take(this.number(4, "value length"), "value") }
  }

  private number(count: 1 | 2 | 4, what: string): number {
    const bytes = this.take(count, what)
    let value = 0
    for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[i]!
    return value
  }

  private take(count: number, what: string): Uint8Array {
    const left = this.bytes.length - this.at
    if (count > left) throw this.malformed(`${what} needs ${count} bytes, ${left} are left`, this.at)
    const view = new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + this.at, count)
    this.at += count
    return view
  }
}
