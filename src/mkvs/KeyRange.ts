import * as Bytes from "./Bytes.ts"
import type { IterateOptions } from "./Tree.ts"

/** The keys an iteration yields: lower ≤ key < upper. The bounds share no memory with the caller's options. */
export interface KeyRange {
  readonly lower: Uint8Array
  /** Absent: no end. */
  readonly upper: Uint8Array | undefined
  readonly reverse: boolean
}

/** What `from`, `prefix` and `reverse` mean, as bounds. (Source: spec "Operations".) */
export const keyRange = (options: IterateOptions = {}): KeyRange => {
  const { from, prefix = Bytes.empty, reverse = false } = options
  const end = prefixEnd(prefix)
  if (!reverse) {
    const lower = from !== undefined && Bytes.compare(from, prefix) > 0 ? from : prefix
    return { lower: Bytes.copy(lower), upper: end, reverse }
  }
  const after = from && successor(from)
  const upper = after && (end === undefined || Bytes.compare(after, end) < 0) ? after : end
  return { lower: Bytes.copy(prefix), upper, reverse }
}

/** The smallest byte string greater than every string that begins with `prefix`; `undefined` where there is none. */
export const prefixEnd = (prefix: Uint8Array): Uint8Array | undefined => {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length--
  if (length === 0) return undefined
  const end = Bytes.copy(prefix.subarray(0, length))
  end[length - 1]! += 1
  return end
}

/** The smallest byte string greater than `key`. */
const successor = (key: Uint8Array): Uint8Array => {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

export const inRange = (range: KeyRange, key: Uint8Array): boolean =>
  Bytes.compare(key, range.lower) >= 0 && (range.upper === undefined || Bytes.compare(key, range.upper) < 0)
