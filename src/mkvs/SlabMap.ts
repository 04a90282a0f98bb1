import type { KeyRange } from "./KeyRange.ts"
import type { Seed } from "./slab/KeyHash.ts"
import { keyHash, randomSeed } from "./slab/KeyHash.ts"
import { KeyOrder } from "./slab/KeyOrder.ts"
import type { KeySource } from "./slab/KeySort.ts"
import { SlabCursor } from "./slab/SlabCursor.ts"
import { Slabs } from "./slab/Slabs.ts"

// A record in the slabs: u32 key length ‖ u32 value length or `removedMark` ‖ u32 room for the value ‖ key ‖ value.
const headerBytes = 12
const removedMark = 0xffffffff
const entriesMin = 8
const slotsKeptMax = 1024

/**
 * Pending writes: for each key a value or the fact that it is removed, without an object per entry: keys and values lie
 * in byte slabs, an entry costs them and about 30 bytes more. Entries are numbered from 0 in the order their
 * keys first came; a number stays with its key until `clear`. Keys are shorter than 2^28 bytes. Nothing is validated:
 * callers do that.
 *
 * The accessors by number allocate nothing. What they return is good until the next change of the map.
 */
export class SlabMap implements KeySource {
  readonly #seed: Seed
  readonly #slabs = new Slabs()
  readonly #order = new KeyOrder(this)
  #count = 0
  #addresses = new Uint32Array(entriesMin)
  #hashes = new Uint32Array(entriesMin)
  /** Open addressing: entry number + 1, or 0. While it has no slots, the few hashes are compared one by one. */
  #slots = new Uint32Array(0)
  #clears = 0

  /** `seed` decides where keys land in the index, and nothing that can be seen. */
  constructor(seed: Seed = randomSeed()) {
    this.#seed = seed
  }

  /** Number of entries, removals included. */
  get size(): number {
    return this.#count
  }

  /** How often the map was cleared: entry numbers from before mean nothing afterwards. */
  get clears(): number {
    return this.#clears
  }

  /** Bytes of slabs and index. */
  get allocatedBytes(): number {
    return (
      this.#slabs.allocatedBytes + 4 * (this.#addresses.length + this.#hashes.length + this.#slots.length)
    )
  }

  set(key: Uint8Array, value: Uint8Array): void {
    const hash = keyHash(this.#seed, key)
    const found = this.#find(key, hash)
    if (found < 0) {
      this.#addEntry(hash, this.#append(key, value, value.length))
      return
    }
    const address = this.#addresses[found]!
    const words = this.#slabs.words(address)
    const word = this.#slabs.offset(address) >>> 2
    const room = words[word + 2]!
    if (value.length <= room) {
      words[word + 1] = value.length
      copyInto(this.#slabs.bytes(address), this.valueOffset(found), value)
      return
    }
    // The old record is lost. A value that grew once may grow again: with room to spare, what is lost stays in
    // proportion to what is kept.
    const newRoom = room === 0 ? value.length : Math.max(value.length, Math.ceil(1.5 * room))
    this.#addresses[found] = this.#append(key, value, newRoom)
  }

  setRemoved(key: Uint8Array): void {
    const hash = keyHash(this.#seed, key)
    let entry = this.#find(key, hash)
    if (entry < 0) entry = this.#addEntry(hash, this.#append(key, none, 0))
    const address = this.#addresses[entry]!
    this.#slabs.words(address)[(this.#slabs.offset(address) >>> 2) + 1] = removedMark
  }

  /** The entry's number, or −1. */
  find(key: Uint8Array): number {
    return this.#count === 0 ? -1 : this.#find(key, keyHash(this.#seed, key))
  }

  /** A copy of the value; `null` where the key is set as removed, `undefined` where nothing is known about it. */
  get(key: Uint8Array): Uint8Array | null | undefined {
    const entry = this.find(key)
    if (entry < 0) return undefined
    return this.isRemoved(entry) ? null : this.copyValue(entry)
  }

  /** Forgets all entries. What a small map holds is kept for its next use. */
  clear(): void {
    if (this.#count === 0) return
    this.#count = 0
    this.#clears++
    this.#slabs.clear()
    this.#order.clear()
    if (this.#slots.length <= slotsKeptMax) {
      this.#slots.fill(0)
      return
    }
    this.#addresses = new Uint32Array(entriesMin)
    this.#hashes = new Uint32Array(entriesMin)
    this.#slots = new Uint32Array(0)
  }

  /** All entry numbers in key order. Must not be changed; good until an entry is added. */
  sortedIndexes(): Int32Array {
    this.#order.update(this.#count)
    return this.#order.all()
  }

  /** Begins a walk over the entries in a range of keys. */
  cursor(range: KeyRange): SlabCursor {
    return new SlabCursor(this, this.#order, range)
  }

  /** The buffer that holds key and value of an entry. */
  bufferOf(entry: number): Uint8Array {
    return this.#slabs.bytes(this.#addresses[entry]!)
  }

  keyOffset(entry: number): number {
    return this.#slabs.offset(this.#addresses[entry]!) + headerBytes
  }

  keyLength(entry: number): number {
    const address = this.#addresses[entry]!
    return this.#slabs.words(address)[this.#slabs.offset(address) >>> 2]!
  }

  valueOffset(entry: number): number {
    return this.keyOffset(entry) + this.keyLength(entry)
  }

  /** −1 where the key is removed. */
  valueLength(entry: number): number {
    const address = this.#addresses[entry]!
    const length = this.#slabs.words(address)[(this.#slabs.offset(address) >>> 2) + 1]!
    return length === removedMark ? -1 : length
  }

  isRemoved(entry: number): boolean {
    return this.valueLength(entry) < 0
  }

  copyKey(entry: number): Uint8Array {
    const at = this.keyOffset(entry)
    return this.bufferOf(entry).slice(at, at + this.keyLength(entry))
  }

  /** The entry must not be a removal. */
  copyValue(entry: number): Uint8Array {
    const at = this.valueOffset(entry)
    return this.bufferOf(entry).slice(at, at + this.valueLength(entry))
  }

  /** Order of an entry's key and `key`. */
  compareKey(entry: number, key: Uint8Array): number {
    const bytes = this.bufferOf(entry)
    const at = this.keyOffset(entry)
    const length = this.keyLength(entry)
    const shared = Math.min(length, key.length)
    for (let i = 0; i < shared; i++) {
      const difference = bytes[at + i]! - key[i]!
      if (difference !== 0) return difference
    }
    return length - key.length
  }

  #find(key: Uint8Array, hash: number): number {
    if (this.#slots.length === 0) {
      for (let entry = 0; entry < this.#count; entry++) {
        if (this.#hashes[entry] === hash && this.#hasKey(entry, key)) return entry
      }
      return -1
    }
    const mask = this.#slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot]! - 1
      if (entry < 0 || (this.#hashes[entry] === hash && this.#hasKey(entry, key))) return entry
    }
  }

  #hasKey(entry: number, key: Uint8Array): boolean {
    if (this.keyLength(entry) !== key.length) return false
    const bytes = this.bufferOf(entry)
    const at = this.keyOffset(entry)
    for (let i = 0; i < key.length; i++) if (bytes[at + i] !== key[i]) return false
    return true
  }

  #append(key: Uint8Array, value: Uint8Array, room: number): number {
    const address = this.#slabs.allocate(headerBytes + key.length + room)
    const bytes = this.#slabs.bytes(address)
    const words = this.#slabs.words(address)
    const at = this.#slabs.offset(address)
    words[at >>> 2] = key.length
    words[(at >>> 2) + 1] = value.length
    words[(at >>> 2) + 2] = room
    copyInto(bytes, at + headerBytes, key)
    copyInto(bytes, at + headerBytes + key.length, value)
    return address
  }

  #addEntry(hash: number, address: number): number {
    const entry = this.#count++
    if (entry === this.#hashes.length) {
      const entries = Math.ceil(entry * (entry < 100_000 ? 2 : 1.5))
      this.#addresses = grown(this.#addresses, entries)
      this.#hashes = grown(this.#hashes, entries)
    }
    this.#addresses[entry] = address
    this.#hashes[entry] = hash
    // At most three quarters of the slots are taken.
    if (this.#count > entriesMin && 4 * this.#count > 3 * this.#slots.length) this.#growSlots()
    else if (this.#slots.length > 0) this.#takeSlot(entry)
    return entry
  }

  #growSlots(): void {
    this.#slots = new Uint32Array(Math.max(4 * entriesMin, 2 * this.#slots.length))
    for (let entry = 0; entry < this.#count; entry++) this.#takeSlot(entry)
  }

  #takeSlot(entry: number): void {
    const mask = this.#slots.length - 1
    let slot = this.#hashes[entry]! & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = entry + 1
  }
}

const none = new Uint8Array(0)

const grown = (old: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> => {
  const array = new Uint32Array(length)
  array.set(old)
  return array
}

/** A loop beats the call of `set` where there is little to copy. */
const copyInto = (out: Uint8Array, at: number, bytes: Uint8Array): void => {
  if (bytes.length > 48) out.set(bytes, at)
  else for (let i = 0; i < bytes.length; i++) out[at + i] = bytes[i]!
}
