import type { KeySource } from "./KeySort.ts"
import { compareFrom, sortByKey } from "./KeySort.ts"

const blockEntriesMax = 1024
/** Share of new entries from which sorting and merging all is cheaper than putting each in its place. */
const bulkShare = 1 / 8

/**
 * The key order of the entries 0 … n − 1 of a growing table, brought up to date when it is asked for. It is kept in
 * blocks, so that a few new entries among many cost a few searches and short moves, not a new sort.
 *
 * A position is `block * blockEntriesMax + index`; it holds until `generation` changes.
 */
export class KeyOrder {
  readonly #source: KeySource
  /** Entry numbers in key order. A block may have more room than entries; none is empty. */
  #blocks: Array<Int32Array> = []
  #counts: Array<number> = []
  /** The whole order in one piece, where it is known; never written to, also when blocks are views of it. */
  #flat: Int32Array | undefined
  #covered = 0
  #generation = 0

  constructor(source: KeySource) {
    this.#source = source
  }

  get generation(): number {
    return this.#generation
  }

  clear(): void {
    this.#blocks = []
    this.#counts = []
    this.#flat = undefined
    this.#covered = 0
    this.#generation++
  }

  /** Takes in the entries up to `count`. */
  update(count: number): void {
    const fresh = count - this.#covered
    if (fresh === 0) return
    if (fresh > count * bulkShare) {
      const added = new Int32Array(fresh)
      for (let i = 0; i < fresh; i++) added[i] = this.#covered + i
      sortByKey(this.#source, added)
      this.#replace(this.#covered === 0 ? added : this.#merge(this.all(), added))
    } else {
      for (let entry = this.#covered; entry < count; entry++) this.#insert(entry)
    }
    this.#covered = count
    this.#generation++
  }

  /** All entries in key order. The array must not be changed, and is good until the next `update` that adds some. */
  all(): Int32Array {
    if (this.#flat !== undefined) return this.#flat
    const flat = new Int32Array(this.#counts.reduce((sum, count) => sum + count, 0))
    let at = 0
    this.#blocks.forEach((block, i) => {
      flat.set(block.subarray(0, this.#counts[i]!), at)
      at += this.#counts[i]!
    })
    this.#flat = flat
    return flat
  }

  /** Position of the first entry for which `before` says false; it must say true for a first part and false after. */
  seek(before: (entry: number) => boolean): number {
    let low = 0
    let high = this.#blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (before(this.#blocks[middle]![this.#counts[middle]! - 1]!)) low = middle + 1
      else high = middle
    }
    if (low === this.#blocks.length) return low * blockEntriesMax
    return low * blockEntriesMax + searchBlock(this.#blocks[low]!, this.#counts[low]!, before)
  }

  /** The entry at a position, or −1 at either end. */
  entryAt(position: number): number {
    const block = Math.floor(position / blockEntriesMax)
    return block < 0 || block >= this.#blocks.length ? -1 : this.#blocks[block]![position % blockEntriesMax]!
  }

  following(position: number): number {
    const block = Math.floor(position / blockEntriesMax)
    return position % blockEntriesMax === this.#counts[block]! - 1
      ? (block + 1) * blockEntriesMax
      : position + 1
  }

  /** Before the first position comes −1. */
  preceding(position: number): number {
    if (position % blockEntriesMax > 0 || position === 0) return position - 1
    const block = position / blockEntriesMax - 1
    return block * blockEntriesMax + this.#counts[block]! - 1
  }

  #replace(flat: Int32Array): void {
    // Half of what a block may hold, so that blocks can take some more before they split.
    const size = blockEntriesMax / 2
    this.#blocks = []
    this.#counts = []
    for (let from = 0; from < flat.length; from += size) {
      const block = flat.subarray(from, from + size)
      this.#blocks.push(block)
      this.#counts.push(block.length)
    }
    this.#flat = flat
  }

  #merge(old: Int32Array, added: Int32Array): Int32Array {
    const merged = new Int32Array(old.length + added.length)
    let oldAt = 0
    let addedAt = 0
    for (let i = 0; i < merged.length; i++) {
      const takeOld =
        addedAt === added.length ||
        (oldAt < old.length && compareFrom(this.#source, old[oldAt]!, added[addedAt]!, 0) < 0)
      merged[i] = takeOld ? old[oldAt++]! : added[addedAt++]!
    }
    return merged
  }

  #insert(entry: number): void {
    this.#flat = undefined
    const position = this.seek((other) => compareFrom(this.#source, other, entry, 0) < 0)
    // What comes after all goes to the end of the last block.
    const number = Math.min(Math.floor(position / blockEntriesMax), this.#blocks.length - 1)
    const index =
      position === this.#blocks.length * blockEntriesMax ? this.#counts[number]! : position % blockEntriesMax
    const block = this.#blocks[number]!
    const count = this.#counts[number]!
    if (count < block.length) {
      block.copyWithin(index + 1, index, count)
      block[index] = entry
      this.#counts[number] = count + 1
      return
    }
    const grown = new Int32Array(count + 1)
    grown.set(block.subarray(0, index))
    grown[index] = entry
    grown.set(block.subarray(index), index + 1)
    this.#putBack(number, grown)
  }

  /** Puts a block that was full back with more room, or as two halves when it cannot have more. */
  #putBack(number: number, entries: Int32Array): void {
    const cut = entries.length < blockEntriesMax ? entries.length : entries.length >>> 1
    const parts = cut === entries.length ? [entries] : [entries.subarray(0, cut), entries.subarray(cut)]
    const blocks = parts.map((part) => {
      const block = new Int32Array(Math.min(Math.max(16, 2 * part.length), blockEntriesMax))
      block.set(part)
      return block
    })
    this.#blocks.splice(number, 1, ...blocks)
    this.#counts.splice(number, 1, ...parts.map((part) => part.length))
  }
}

const searchBlock = (block: Int32Array, count: number, before: (entry: number) => boolean): number => {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (before(block[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}
