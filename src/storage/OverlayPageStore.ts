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

/**
 * A store that begins as `base` is and keeps its changes in memory: what was never written here is read from `base`,
 * as it is then; `base` is never written. Set-up costs nothing, whatever `base` holds.
 */
export const makeOverlayPageStore = (base: PageStore): PageStore => new OverlayPageStore(base)

type Pair = readonly [key: Uint8Array, value: Uint8Array]

class OverlayPageStore implements PageStore {
  readonly name = "overlay"
  readonly readOnly = false
  private readonly own = new MemoryTables({ keepDeletions: true })
  private readonly lender = new Lender()

  constructor(private readonly base: PageStore) {}

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    checkKey(key)
    const own = this.own.table(table)?.get(toText(key))
    if (own === undefined) return this.base.get(table, key)
    return own === deleted ? undefined : this.lender.lend(own)
  }

  range(table: string, options: RangeOptions = {}): IterableIterator<Pair> {
    checkBounds(options)
    return this.merged(table, options)
  }

  write(changes: Iterable<Change>, options?: WriteOptions & { readonly guard?: () => void }): void {
    this.own.write(changes, options)
  }

  /** There is nothing to make durable; `base` is left alone. */
  sync(): void {}

  /** Of `base` and of what was changed here. */
  size(): number {
    return this.base.size() + this.own.bytes
  }

  refresh(): void {
    this.base.refresh()
  }

  private *merged(name: string, options: RangeOptions): IterableIterator<Pair> {
    const { from, to, reverse = false } = options
    const below = this.base.range(name, options)
    const above =
      this.own.table(name)?.entries(from && toText(from), to && toText(to), reverse) ?? [].values()
    let lower = below.next()
    let upper = above.next()
    try {
      for (;;) {
        const lowerKey = lower.done ? undefined : toText(lower.value[0])
        const upperKey = upper.done ? undefined : upper.value[0]
        const key = first(lowerKey, upperKey, reverse)
        if (key === undefined) return
        // Looked up again: it may have been written since the merge looked ahead.
        const own = this.own.table(name)?.get(key)
        if (own !== undefined && own !== deleted) yield [toBytes(key), new Uint8Array(own)]
        if (own === undefined && key === lowerKey) yield lower.value
        if (key === lowerKey) lower = below.next()
        if (key === upperKey) upper = above.next()
      }
    } finally {
      below.return?.()
    }
  }
}

const first = (a: string | undefined, b: string | undefined, reverse: boolean): string | undefined => {
  if (a === undefined) return b
  return b === undefined || a < b !== reverse ? a : b
}
