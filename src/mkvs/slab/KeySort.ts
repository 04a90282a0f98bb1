/** Keys by entry number, read in place. */
export interface KeySource {
  /** The buffer that holds the key. */
  bufferOf(entry: number): Uint8Array
  keyOffset(entry: number): number
  /** Below 2^28. */
  keyLength(entry: number): number
}

/**
 * Sorts entries by key, in place; the keys must differ. A piece of each key and the entry's place are packed into one
 * positive double, because the native sort of doubles is many times faster than one that calls back. Runs whose pieces
 * are equal are sorted again by what follows, so the work is bounded by the bytes of the keys.
 */
export const sortByKey = (source: KeySource, order: Int32Array): void => {
  if (order.length <= smallRun) {
    sortSmall(source, order, 0, order.length, 0)
    return
  }
  const packed = new Float64Array(order.length)
  const work: Work = { source, order, packed, words: new Uint32Array(packed.buffer), before: order.slice() }
  const runs = [0, order.length, 0] // triples: from, to, the bytes known to be equal
  while (runs.length > 0) {
    const equal = runs.pop()!
    const to = runs.pop()!
    const from = runs.pop()!
    if (to - from <= smallRun) sortSmall(source, order, from, to, equal)
    else sortRun(work, from, to, equal + sharedBytes(source, order, from, to, equal), runs)
  }
}

/** Order of two keys of which the first `equal` bytes are the same; a key sorts before its extensions. */
export const compareFrom = (source: KeySource, a: number, b: number, equal: number): number => {
  const aBytes = source.bufferOf(a)
  const bBytes = source.bufferOf(b)
  const aAt = source.keyOffset(a)
  const bAt = source.keyOffset(b)
  const aLength = source.keyLength(a)
  const bLength = source.keyLength(b)
  const shared = Math.min(aLength, bLength)
  for (let i = equal; i < shared; i++) {
    const difference = aBytes[aAt + i]! - bBytes[bAt + i]!
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

interface Work {
  readonly source: KeySource
  readonly order: Int32Array
  readonly packed: Float64Array
  /** The doubles as pairs of words, low then high: typed arrays are little-endian wherever this runs. */
  readonly words: Uint32Array
  /** Room for the order before a run is sorted. */
  readonly before: Int32Array
}

const smallRun = 24

/**
 * Sorts one run by as many bytes after `equal` as fit, and pushes what is still undecided to `runs`.
 *
 * A double's 64 bits, from the top: `001` (positive, normal, no NaN) · 1 if the key goes on at `equal` · 60 bits: the
 * bytes there, padded with zeros, with the place in the run over the last of them. A key that ended before sorts
 * first, by its length: the run's keys differ only in padding up to `equal`, so it is a prefix of those that go on.
 */
const sortRun = (work: Work, from: number, to: number, equal: number, runs: Array<number>): void => {
  const { before, order, packed, source, words } = work
  const placeBits = 32 - Math.clz32(to - from - 1)
  const keyMask = -1 << placeBits
  before.set(order.subarray(from, to), from)
  for (let i = from; i < to; i++) {
    const entry = before[i]!
    const length = source.keyLength(entry)
    let high = length
    let low = 0
    if (length > equal) {
      const bytes = source.bufferOf(entry)
      const at = source.keyOffset(entry) + equal
      const left = length - equal
      const first = wordAt(bytes, at, left)
      high = 0x10000000 | (first >>> 4)
      low = (first << 28) | (left > 4 ? wordAt(bytes, at + 4, left - 4) >>> 4 : 0)
    }
    words[2 * i] = (low & keyMask) | (i - from)
    words[2 * i + 1] = 0x20000000 | high
  }
  packed.subarray(from, to).sort()
  for (let i = from; i < to; i++) order[i] = before[from + (words[2 * i]! & ~keyMask)]!
  pushEqualRuns(words, keyMask, from, to, equal + ((60 - placeBits) >>> 3), runs)
}

/** Up to four bytes as a number, the first one at the top, padded with zeros. */
const wordAt = (bytes: Uint8Array, at: number, left: number): number => {
  if (left >= 4) return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  let word = 0
  for (let i = 0; i < left; i++) word |= bytes[at + i]! << (24 - 8 * i)
  return word
}

const pushEqualRuns = (
  words: Uint32Array,
  keyMask: number,
  from: number,
  to: number,
  equal: number,
  runs: Array<number>
): void => {
  let start = from
  for (let i = from + 1; i <= to; i++) {
    const same =
      i < to &&
      words[2 * i + 1] === words[2 * start + 1] &&
      ((words[2 * i]! ^ words[2 * start]!) & keyMask) === 0
    if (same) continue
    if (i - start > 1) runs.push(start, i, equal)
    start = i
  }
}

/** Bytes after the first `equal` that all keys of the run share. */
const sharedBytes = (
  source: KeySource,
  order: Int32Array,
  from: number,
  to: number,
  equal: number
): number => {
  const first = source.bufferOf(order[from]!)
  const firstAt = source.keyOffset(order[from]!)
  let end = source.keyLength(order[from]!)
  for (let i = from + 1; i < to && end > equal; i++) {
    const entry = order[i]!
    const bytes = source.bufferOf(entry)
    const at = source.keyOffset(entry)
    end = Math.min(end, source.keyLength(entry))
    let shared = equal
    while (shared < end && bytes[at + shared] === first[firstAt + shared]) shared++
    end = shared
  }
  return Math.max(0, end - equal)
}

/** Insertion sort of a run with `equal` bytes known. */
const sortSmall = (source: KeySource, order: Int32Array, from: number, to: number, equal: number): void => {
  for (let i = from + 1; i < to; i++) {
    const entry = order[i]!
    let at = i
    while (at > from && compareFrom(source, order[at - 1]!, entry, equal) > 0) {
      order[at] = order[at - 1]!
      at--
    }
    order[at] = entry
  }
}
