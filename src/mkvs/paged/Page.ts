import { bytesOf } from "../Bits.ts"

/**
 * A page is a whole piece of the tree, position-independent, in pre-order. It is one node:
 *
 * | node | bytes |
 * |---|---|
 * | leaf | `00 ‖ u16le keyLen ‖ key ‖ u32le valueLen ‖ value ‖ hash(32)` |
 * | internal | `01 ‖ u16le labelBits ‖ label ‖ slot ‖ hash(32) ‖ u32le length of left ‖ left ‖ right` |
 * | empty | `02` |
 * | reference | `03 ‖ u48le page id ‖ hash(32)` |
 *
 * `slot` (the leaf child) is empty, a leaf, or a reference to a page that is a leaf; `left` and `right` are any node.
 * Without hashes and length, a leaf and an internal node are their compact V0 encodings, so proofs and chunks are
 * made by copying slices.
 *
 * All functions take `(bytes, at)`: the node that begins at `at`. Pages come from our own medium and have passed
 * their checksum, so nothing here checks bounds.
 */

export const tagLeaf = 0
export const tagInternal = 1
export const tagEmpty = 2
export const tagReference = 3

/** Tag, page id, hash. */
export const referenceBytes = 39

/**
 * Target size of a page's content; only a single large leaf, or a long label, makes a larger one. Three such records
 * fill a 4 KiB page of LMDB: against two of 1,990 bytes the database is 11 % smaller at a million keys (21 % with the
 * history of 100,000), at the same speed; smaller ones make builds and checkpoints slower.
 */
export const pageBytesMax = 1330

export const readU16 = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8)

export const readU32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0

export const readU48 = (bytes: Uint8Array, at: number): number =>
  readU32(bytes, at) + readU16(bytes, at + 4) * 0x1_0000_0000

export const writeU16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
}

export const writeU32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

export const writeU48 = (bytes: Uint8Array, at: number, value: number): void => {
  writeU32(bytes, at, value % 0x1_0000_0000)
  writeU16(bytes, at + 4, Math.floor(value / 0x1_0000_0000))
}

/** Length of a leaf with its hash. */
export const leafBytes = (bytes: Uint8Array, at: number): number => leafHashAt(bytes, at) + 32 - at

export const leafHashAt = (bytes: Uint8Array, at: number): number => {
  const valueLengthAt = at + 3 + readU16(bytes, at + 1)
  return valueLengthAt + 4 + readU32(bytes, valueLengthAt)
}

/** Where an internal node's leaf slot begins, and so how long its head (tag, label) is. */
export const slotAt = (bytes: Uint8Array, at: number): number => at + 3 + bytesOf(readU16(bytes, at + 1))

/** Where the slot (or any node that is not internal) that begins at `slot` ends. */
export const slotEnd = (bytes: Uint8Array, slot: number): number => {
  const tag = bytes[slot]
  return tag === tagEmpty
    ? slot + 1
    : tag === tagReference
      ? slot + referenceBytes
      : slot + leafBytes(bytes, slot)
}

/** An internal node's hash, given its slot; the length of left follows it, then left. */
export const internalHashAt = (bytes: Uint8Array, slot: number): number => slotEnd(bytes, slot)

/** Where a node's hash lies; an empty node has none. */
export const nodeHashAt = (bytes: Uint8Array, at: number): number => {
  switch (bytes[at]) {
    case tagLeaf:
      return leafHashAt(bytes, at)
    case tagInternal:
      return internalHashAt(bytes, slotAt(bytes, at))
    default:
      return at + 7
  }
}
