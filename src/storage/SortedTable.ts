/**
 * An ordered table in memory: a hash map, and beside it a list of its keys that is put in order only when somebody
 * walks it. Keys are byte strings as text, one character per byte, so that text order is byte order.
 */
export class SortedTable<Value> {
  private readonly values = new Map<string, Value>()
  /** Ascending and without repetition; may still hold keys that have been deleted. */
  private sorted: Array<string> = []
  /** Keys that came later, in any order; may repeat keys of `sorted`. */
  private fresh: Array<string> = []
  /** Counts the rebuilds of `sorted`, for walks that go on after one. */
  private rebuilt = 0

  get(key: string): Value | undefined {
    return this.values.get(key)
  }

  has(key: string): boolean {
    return this.values.has(key)
  }

  set(key: string, value: Value): void {
    if (!this.values.has(key)) this.list(key)
    this.values.set(key, value)
  }

  delete(key: string): void {
    this.values.delete(key)
  }

  /** Entries with `from <= key < to`. The table may change between two steps: later keys show, deleted ones do not. */
  *entries(from = "", to?: string, reverse = false): IterableIterator<readonly [key: string, value: Value]> {
    this.sort()
    const step = reverse ? -1 : 1
    let at = reverse ? (to === undefined ? this.sorted.length : this.firstFrom(to)) - 1 : this.firstFrom(from)
    for (;;) {
      const key = this.sorted[at]
      if (key === undefined || (reverse ? key < from : to !== undefined && key >= to)) return
      const rebuilt = this.rebuilt
      const value = this.values.get(key)
      if (value !== undefined) yield [key, value]
      this.sort()
      at += step
      if (rebuilt !== this.rebuilt) at = reverse ? this.firstFrom(key) - 1 : this.firstAfter(key)
    }
  }

  private list(key: string): void {
    const last = this.sorted.at(-1)
    if (this.fresh.length === 0 && (last === undefined || last < key)) this.sorted.push(key)
    else this.fresh.push(key)
  }

  private sort(): void {
    if (this.fresh.length === 0 && this.sorted.length <= 2 * this.values.size + 64) return
    const fresh = this.fresh.sort(compare)
    const kept = this.sorted
    const merged: Array<string> = []
    for (let i = 0, j = 0; i < kept.length || j < fresh.length; ) {
      const takeKept = j === fresh.length || (i < kept.length && kept[i]! <= fresh[j]!)
      const key = takeKept ? kept[i++]! : fresh[j++]!
      if (key !== merged.at(-1) && this.values.has(key)) merged.push(key)
    }
    this.sorted = merged
    this.fresh = []
    this.rebuilt++
  }

  /** Index of the first key not below `bound`. */
  private firstFrom(bound: string): number {
    let low = 0
    let high = this.sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.sorted[middle]! < bound) low = middle + 1
      else high = middle
    }
    return low
  }

  private firstAfter(key: string): number {
    const at = this.firstFrom(key)
    return this.sorted[at] === key ? at + 1 : at
  }
}

export const toText = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")

export const toBytes = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
