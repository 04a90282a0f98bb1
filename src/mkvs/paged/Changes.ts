import type { SlabMap } from "../SlabMap.ts"
import type { WriteLog, WriteLogEntry } from "../WriteLog.ts"

/**
 * Changes in key order, each key once, read through a cursor: `select(i)` points the fields at change i. A record per
 * change would cost more than the hash of its leaf.
 */
export interface Changes {
  readonly count: number
  select(index: number): void
  key: Uint8Array
  keyAt: number
  keyLength: number
  value: Uint8Array
  valueAt: number
  /** -1 where the key is removed. */
  valueLength: number
}

/** The pending writes of a slab map, which must not change meanwhile. */
export class SlabChanges implements Changes {
  readonly count: number
  key: Uint8Array = none
  keyAt = 0
  keyLength = 0
  value: Uint8Array = none
  valueAt = 0
  valueLength = 0
  private readonly order: Int32Array

  constructor(private readonly pending: SlabMap) {
    this.order = pending.sortedIndexes()
    this.count = pending.size
  }

  select(index: number): void {
    const { pending } = this
    const entry = this.order[index]!
    this.key = this.value = pending.bufferOf(entry)
    this.keyAt = pending.keyOffset(entry)
    this.keyLength = pending.keyLength(entry)
    this.valueAt = this.keyAt + this.keyLength
    this.valueLength = pending.valueLength(entry)
  }
}

const none = new Uint8Array(0)

/** The changes that made a difference, as the write log of the commit. Copies. */
export const effectiveChanges = (changes: Changes, effective: Uint8Array): WriteLog => {
  const log: Array<WriteLogEntry> = []
  for (let i = 0; i < changes.count; i++) {
    if (effective[i] === 0) continue
    changes.select(i)
    const { key, keyAt, keyLength, value, valueAt, valueLength } = changes
    log.push({
      key: key.slice(keyAt, keyAt + keyLength),
      value: valueLength < 0 ? undefined : value.slice(valueAt, valueAt + valueLength)
    })
  }
  return log
}
