import { deleted, Lender, MemoryTables } from "./MemoryTables.ts"
import {
  type Change,
  checkBounds,
  checkKey,
  type PageStore,
  type RangeOptions,
  type WriteOptions
} from "./PageStore.ts"
import { toBytes, toText } from "./SortedTable.ts"
import { StoreReadOnly } from "./StoreError.ts"

/** What a store in memory keeps its records in. Outlives the stores on it, as a disk does. */
export class MemoryDisk {
  /** For the stores on this disk only. */
  readonly tables = new MemoryTables({ keepDeletions: false })
}

export interface MemoryOptions {
  /** Default: a new one, that nobody else knows. Several stores on one disk see each other's writes at once. */
  readonly disk?: MemoryDisk | undefined
  /** Refuses writes with `StoreReadOnly`. Default false. */
  readonly readOnly?: boolean | undefined
}

/** A medium that refuses, orders and copies as the one on disk does. Gone with its disk. */
export const makeMemoryPageStore = (options: MemoryOptions = {}): PageStore =>
  new MemoryPageStore(options.disk ?? new MemoryDisk(), options.readOnly ?? false)

class MemoryPageStore implements PageStore {
  readonly name = "memory"
  private readonly lender = new Lender()

  constructor(
    private readonly disk: MemoryDisk,
    readonly readOnly: boolean
  ) {}

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    checkKey(key)
    const stored = this.disk.tables.table(table)?.get(toText(key))
    return stored === undefined || stored === deleted ? undefined : this.lender.lend(stored)
  }

  range(table: string, options: RangeOptions = {}): IterableIterator<readonly [Uint8Array, Uint8Array]> {
    checkBounds(options)
    return entries(this.disk.tables, table, options)
  }

  write(changes: Iterable<Change>, options?: WriteOptions & { readonly guard?: () => void }): void {
    if (this.readOnly) throw new StoreReadOnly({ path: "memory" })
    this.disk.tables.write(changes, options)
  }

  sync(): void {}

  size(): number {
    return this.disk.tables.bytes
  }

  refresh(): void {}
}

function* entries(
  tables: MemoryTables,
  name: string,
  { from, to, reverse }: RangeOptions
): IterableIterator<readonly [Uint8Array, Uint8Array]> {
  const walk = tables.table(name)?.entries(from && toText(from), to && toText(to), reverse) ?? []
  for (const [key, stored] of walk) {
    if (stored !== deleted) yield [toBytes(key), new Uint8Array(stored)]
  }
}
