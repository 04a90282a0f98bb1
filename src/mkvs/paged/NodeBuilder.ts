import { appendBits, bytesOf } from "../Bits.ts"
import type { Kernel } from "../kernel/Kernel.ts"
import {
  internalHashAt,
  nodeHashAt,
  pageBytesMax,
  readU16,
  readU32,
  readU48,
  referenceBytes,
  slotAt,
  tagEmpty,
  tagInternal,
  tagLeaf,
  tagReference,
  writeU16,
  writeU32,
  writeU48
} from "./Page.ts"
import type { PageSink, PageSource } from "./PageSource.ts"

/** A child of at least this size becomes a page of its own when its parent is too large. */
const pageBytesMin = pageBytesMax >>> 2

/**
 * Writes nodes, in pre-order, into the kernel's memory, and turns pieces that have grown too large into pages. What
 * it holds at any time is one unfinished path with finished siblings to its left, each smaller than a page.
 *
 * A node is begun by writing its head, slot, 36 empty bytes (hash, length of left) and both children after each other;
 * `finishInternal` then fills in hash and length, or replaces the node by its only child.
 */
export class NodeBuilder {
  /** The memory written into. Read it again after anything that writes: it may have grown. */
  memory: Uint8Array
  /** Where the next byte goes. */
  end: number

  constructor(
    readonly kernel: Kernel,
    private readonly source: PageSource,
    private readonly sink: PageSink
  ) {
    this.memory = kernel.memory
    this.end = kernel.base
  }

  /** Forgets everything written so far. */
  reset(): void {
    this.end = this.kernel.base
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    if (this.end + bytes > this.memory.length) {
      this.kernel.reserve(this.end + bytes)
      this.memory = this.kernel.memory
    }
  }

  empty(): void {
    this.reserve(1)
    this.memory[this.end++] = tagEmpty
  }

  copy(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from
    this.reserve(length)
    copyInto(this.memory, this.end, bytes, from, to)
    this.end += length
  }

  leaf(
    key: Uint8Array,
    keyAt: number,
    keyLength: number,
    value: Uint8Array,
    valueAt: number,
    valueLength: number
  ): void {
    this.reserve(39 + keyLength + valueLength)
    const start = this.end
    const memory = this.memory
    memory[start] = tagLeaf
    writeU16(memory, start + 1, keyLength)
    copyInto(memory, start + 3, key, keyAt, keyAt + keyLength)
    const valueLengthAt = start + 3 + keyLength
    writeU32(memory, valueLengthAt, valueLength)
    copyInto(memory, valueLengthAt + 4, value, valueAt, valueAt + valueLength)
    const hashAt = valueLengthAt + 4 + valueLength
    this.kernel.hashLeaf(start, hashAt)
    this.end = hashAt + 32
  }

  reference(id: number, hash: Uint8Array, hashAt: number): void {
    this.reserve(referenceBytes)
    this.memory[this.end] = tagReference
    writeU48(this.memory, this.end + 1, id)
    copyInto(this.memory, this.end + 7, hash, hashAt, hashAt + 32)
    this.end += referenceBytes
  }

  /** Tag and label: `bits` bits of `source` from `bit` on. The slot comes next. */
  head(source: Uint8Array, byte: number, bit: number, bits: number): void {
    this.reserve(3 + bytesOf(bits))
    const start = this.end
    this.memory[start] = tagInternal
    writeU16(this.memory, start + 1, bits)
    appendBits(source, byte, bit, bits, this.memory, start + 3, 0)
    this.end = start + 3 + bytesOf(bits)
  }

  /** Room for hash and length of left, after the slot. */
  gap(): void {
    this.reserve(36)
    this.end += 36
  }

  /**
   * Completes the internal node whose parts lie at these positions and end at `end`: hashes it, moves large children
   * out; a node with one child is replaced by it, one without by an empty node (`spec/mkvs.md`, remove).
   */
  finishInternal(start: number, slot: number, left: number, right: number): void {
    const memory = this.memory
    const hasLeft = memory[left] !== tagEmpty
    const hasRight = memory[right] !== tagEmpty
    const hasLeaf = memory[slot] !== tagEmpty
    if (+hasLeaf + +hasLeft + +hasRight < 2) {
      if (hasLeft) this.collapse(start, left, right)
      else if (hasRight) this.collapse(start, right, this.end)
      else this.moveTo(start, slot, left - 36)
      return
    }
    this.seal(start, slot, left, right)
    if (this.end - slot > pageBytesMax) this.moveOut(slot, left, right)
  }

  /** The node that was written as the only one, as the root of a tree: its page (0 for an empty tree) and hash. */
  root(): { readonly page: number; readonly hash: Uint8Array } {
    const { memory } = this
    const at = this.kernel.base
    if (memory[at] === tagEmpty)
      return { page: 0, hash: memory.slice(this.kernel.emptyHash, this.kernel.emptyHash + 32) }
    const page = memory[at] === tagReference ? readU48(memory, at + 1) : this.sink.write(memory, at, this.end)
    const hashAt = nodeHashAt(memory, at)
    return { page, hash: memory.slice(hashAt, hashAt + 32) }
  }

  private seal(start: number, slot: number, left: number, right: number): void {
    const memory = this.memory
    const hashAt = left - 36
    const none = this.kernel.emptyHash
    this.kernel.hashInternal(
      start,
      slot - start,
      memory[slot] === tagEmpty ? none : nodeHashAt(memory, slot),
      memory[left] === tagEmpty ? none : nodeHashAt(memory, left),
      memory[right] === tagEmpty ? none : nodeHashAt(memory, right),
      hashAt
    )
    writeU32(memory, hashAt + 32, right - left)
  }

  /** The split rule: children of at least a quarter of a page become pages; from the last to the first, to move little. */
  private moveOut(slot: number, left: number, right: number): void {
    this.moveOutOne(right, this.end)
    if (this.moveOutOne(left, right)) writeU32(this.memory, left - 4, referenceBytes)
    this.moveOutOne(slot, left - 36)
  }

  private moveOutOne(at: number, end: number): boolean {
    if (end - at < pageBytesMin) return false
    const id = this.sink.write(this.memory, at, end)
    const memory = this.memory
    const hashAt = nodeHashAt(memory, at)
    if (hashAt !== at + 7) memory.copyWithin(at + 7, hashAt, hashAt + 32)
    memory[at] = tagReference
    writeU48(memory, at + 1, id)
    memory.copyWithin(at + referenceBytes, end, this.end)
    this.end -= end - at - referenceBytes
    return true
  }

  /** The only child [at, end) takes the place of its parent at `start`. */
  private collapse(start: number, at: number, end: number): void {
    const memory = this.memory
    if (memory[at] === tagInternal) return this.join(start, at, end, memory)
    if (memory[at] === tagReference) {
      const id = readU48(memory, at + 1)
      const page = this.source.page(id)
      if (page[0] === tagInternal) {
        this.sink.replaced(id)
        return this.join(start, 0, page.length, page)
      }
    }
    this.moveTo(start, at, end)
  }

  /** The internal child at `bytes[at, end)` (a page, or further on in memory) takes over its parent's label. */
  private join(start: number, at: number, end: number, bytes: Uint8Array): void {
    const ownBits = readU16(this.memory, start + 1)
    const childBits = readU16(bytes, at + 1)
    const childSlot = slotAt(bytes, at)
    const tail = bytes === this.memory ? bytes.slice(childSlot, end) : bytes.subarray(childSlot, end)
    const childLabel =
      bytes === this.memory ? bytes.slice(at + 3, childSlot) : bytes.subarray(at + 3, childSlot)
    const slot = start + 3 + bytesOf(ownBits + childBits)
    this.end = start
    this.reserve(slot - start + tail.length)
    const memory = this.memory
    appendBits(childLabel, 0, 0, childBits, memory, start + 3, ownBits)
    writeU16(memory, start + 1, ownBits + childBits)
    memory.set(tail, slot)
    this.end = slot + tail.length
    const hashAt = internalHashAt(memory, slot)
    const left = hashAt + 36
    this.seal(start, slot, left, left + readU32(memory, hashAt + 32))
  }

  private moveTo(start: number, at: number, end: number): void {
    this.memory.copyWithin(start, at, end)
    this.end = start + end - at
  }
}

/** For a few bytes a loop beats `set`, which needs a view first. */
const copyInto = (out: Uint8Array, at: number, bytes: Uint8Array, from: number, to: number): void => {
  if (to - from > 48) {
    out.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), at)
    return
  }
  for (let i = from, o = at; i < to; i++, o++) out[o] = bytes[i]!
}
