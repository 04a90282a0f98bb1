import { keyBytesMax } from "./Bits.ts"
import { keyRange } from "./KeyRange.ts"
import { KeyTooLong } from "./MkvsError.ts"
import { SlabMap } from "./SlabMap.ts"
import type { SlabCursor } from "./slab/SlabCursor.ts"
import type { Entry, IterateOptions, Reader, Writer } from "./Tree.ts"
import type { WriteLogEntry } from "./WriteLog.ts"

/**
 * Changes on top of something that can be read, which stays as it is until `commit`. Overlays can be laid on overlays
 * to any depth. After `commit` or `drop` the overlay is empty and can be used again; what it held in memory is reused
 * where it is small.
 *
 * Keys and values it returns are copies where they come from its own changes, so they outlive later changes.
 */
export class Overlay<Base extends Reader = Reader> implements Writer {
  readonly #base: Base
  readonly #pending: SlabMap

  /** `pending`: what holds the changes, for an engine that wants to read them in place. It must be empty. */
  constructor(base: Base, pending: SlabMap = new SlabMap()) {
    this.#base = base
    this.#pending = pending
  }

  /** Number of keys set or removed here, also those where that makes no difference to what is below. */
  get size(): number {
    return this.#pending.size
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const entry = this.#pending.find(key)
    if (entry < 0) return this.#base.get(key)
    return this.#pending.isRemoved(entry) ? undefined : this.#pending.copyValue(entry)
  }

  has(key: Uint8Array): boolean {
    const entry = this.#pending.find(key)
    return entry < 0 ? this.#base.has(key) : !this.#pending.isRemoved(entry)
  }

  iterate(options: IterateOptions = {}): IterableIterator<Entry> {
    const base = this.#base.iterate(options)
    if (this.#pending.size === 0) return base
    const range = keyRange(options)
    return merged(this.#pending, this.#pending.cursor(range), base, range.reverse ? -1 : 1)
  }

  insert(key: Uint8Array, value: Uint8Array): void {
    if (key.length > keyBytesMax) throw new KeyTooLong({ bytes: key.length })
    this.#pending.set(key, value)
  }

  remove(key: Uint8Array): void {
    // A longer key cannot be there.
    if (key.length <= keyBytesMax) this.#pending.setRemoved(key)
  }

  /** What was set and removed here, in key order, as copies; see `size`. */
  *changes(): IterableIterator<WriteLogEntry> {
    const cursor = this.#pending.cursor(keyRange())
    for (; cursor.entry >= 0; cursor.advance()) {
      const removed = this.#pending.isRemoved(cursor.entry)
      const value = removed ? undefined : this.#pending.copyValue(cursor.entry)
      yield { key: this.#pending.copyKey(cursor.entry), value }
    }
  }

  /** Makes the changes in what is below, in key order. When that throws, they are all still here too. */
  commit(this: Overlay<Writer>): void {
    const pending = this.#pending
    for (const entry of pending.sortedIndexes()) {
      const bytes = pending.bufferOf(entry)
      const valueAt = pending.valueOffset(entry)
      const key = bytes.subarray(pending.keyOffset(entry), valueAt)
      if (pending.isRemoved(entry)) this.#base.remove(key)
      else this.#base.insert(key, bytes.subarray(valueAt, valueAt + pending.valueLength(entry)))
    }
    pending.clear()
  }

  /** Forgets the changes. */
  drop(): void {
    this.#pending.clear()
  }
}

/** Entries below with the changes over them. `direction` is −1 for a walk from the last key to the first. */
function* merged(
  pending: SlabMap,
  cursor: SlabCursor,
  base: IterableIterator<Entry>,
  direction: 1 | -1
): IterableIterator<Entry> {
  try {
    let below = base.next()
    // Between two turns the caller may do anything, so the cursor is asked anew each time.
    for (let entry = cursor.entry; entry >= 0 || below.done !== true; entry = cursor.entry) {
      const order =
        below.done === true ? -1 : entry < 0 ? 1 : pending.compareKey(entry, below.value[0]) * direction
      if (order > 0) {
        yield below.value
        below = base.next()
        continue
      }
      if (order === 0) below = base.next()
      const value = pending.isRemoved(entry) ? undefined : pending.copyValue(entry)
      const key = pending.copyKey(entry)
      cursor.advance()
      if (value !== undefined) yield [key, value]
    }
  } finally {
    base.return?.()
  }
}
