import { type Change, checkKey, type WriteOptions } from "./PageStore.ts"
import { SortedTable, toText } from "./SortedTable.ts"

type Entry<Value> = readonly [table: string, key: string, before: Value | undefined]

/** Stands for the absence of a record that a lower store may have. */
export const deleted = Symbol("deleted")

export type Stored = Uint8Array | typeof deleted

/**
 * What the media in memory share: named tables, changed in atomic batches. `Deletion` says what a deletion leaves: a
 * mark, where there is a store below that may hold the key, or nothing.
 */
export class MemoryTables {
  private readonly tables = new Map<string, SortedTable<Stored>>()
  private readonly keepDeletions: boolean
  private writing = false
  /** Bytes of keys and values. */
  bytes = 0

  constructor(options: { readonly keepDeletions: boolean }) {
    this.keepDeletions = options.keepDeletions
  }

  table(name: string): SortedTable<Stored> | undefined {
    return this.tables.get(name)
  }

  write(
    changes: Iterable<Change>,
    options: (WriteOptions & { readonly guard?: () => void }) | undefined
  ): void {
    if (this.writing) throw new Error("a write within a write: finish the first one before")
    this.writing = true
    const undo: Array<Entry<Stored>> = []
    try {
      options?.guard?.()
      for (const { table, key, value } of changes) {
        checkKey(key)
        const text = toText(key)
        undo.push([table, text, this.tables.get(table)?.get(text)])
        this.put(table, text, value === undefined ? this.deletion : new Uint8Array(value))
      }
    } catch (error) {
      for (const [table, key, before] of undo.reverse()) this.put(table, key, before)
      throw error
    } finally {
      this.writing = false
    }
  }

  private get deletion(): Stored | undefined {
    return this.keepDeletions ? deleted : undefined
  }

  private put(name: string, key: string, value: Stored | undefined): void {
    let table = this.tables.get(name)
    if (table === undefined) {
      if (value === undefined) return
      table = new SortedTable()
      this.tables.set(name, table)
    }
    this.bytes += weight(key, value) - weight(key, table.get(key))
    if (value === undefined) table.delete(key)
    else table.set(key, value)
  }
}

const weight = (key: string, value: Stored | undefined): number =>
  value === undefined ? 0 : key.length + (value === deleted ? 0 : value.length)

/**
 * Lends stored bytes as media on disk do: as a view that the next call overwrites. Who keeps one too long finds out in
 * memory already, and nobody can change what is stored.
 */
export class Lender {
  private room = new Uint8Array(4096)

  lend(bytes: Uint8Array): Uint8Array {
    if (bytes.length > this.room.length) this.room = new Uint8Array(2 * bytes.length)
    this.room.set(bytes)
    return this.room.subarray(0, bytes.length)
  }
}
