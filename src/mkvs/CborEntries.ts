/**
 * Byte strings and nulls framed as CBOR, one after the other: the entries of a proof and of a checkpoint chunk.
 * Written and read by hand, because a chunk holds a hundred thousand of them.
 */

/** CBOR null. */
export const nullByte = 0xf6

/** A byte string as CBOR, or null. */
export type CborEntry = Uint8Array | null

/** Bytes of the header of a byte string of `length` (< 2^32) bytes. */
export const headerSize = (length: number): number =>
  length < 24 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 5

/** Bytes of a framed byte string of `length` (< 2^32) bytes. */
export const framedSize = (length: number): number => headerSize(length) + length

/** Writes the header of a byte string of `length` (< 2^32) bytes at `at`; returns the position after it. */
export const writeBytesHeader = (out: Uint8Array, at: number, length: number): number =>
  writeHeader(out, at, 0x40, length)

/** As `writeBytesHeader`, for an array of `count` (< 2^32) items. */
export const writeArrayHeader = (out: Uint8Array, at: number, count: number): number =>
  writeHeader(out, at, 0x80, count)

/** The entries, framed one after the other, in fresh memory. */
export const frameEntries = (entries: ReadonlyArray<CborEntry>): Uint8Array => {
  let size = 0
  for (const entry of entries) size += entry === null ? 1 : framedSize(entry.length)
  const out = new Uint8Array(size)
  let at = 0
  for (const entry of entries) {
    if (entry === null) {
      out[at++] = nullByte
    } else {
      at = writeBytesHeader(out, at, entry.length)
      out.set(entry, at)
      at += entry.length
    }
  }
  return out
}

/**
 * Reads framed entries from untrusted bytes without allocating. Strict: byte strings of definite, minimally written
 * length below 2^32, and null; anything else has a reason.
 */
export class EntryReader {
  /** The entry last read is `bytes[start, end)`; for null, and before the first, `start` is -1. */
  start = -1
  end = -1
  /** Where the next header is; `limit` when there is none. */
  at: number
  readonly bytes: Uint8Array
  readonly limit: number

  /** Reads `bytes[from, limit)`. */
  constructor(bytes: Uint8Array, from = 0, limit = bytes.length) {
    this.bytes = bytes
    this.at = from
    this.limit = limit
  }

  get done(): boolean {
    return this.at >= this.limit
  }

  /** Moves to the next entry; `undefined` when that worked, else the reason why not, and the reader stays. */
  next(): string | undefined {
    if (this.at >= this.limit) return "input ends"
    const first = this.bytes[this.at]!
    if (first === nullByte) {
      this.start = -1
      this.end = -1
      this.at++
      return undefined
    }
    if (first < 0x40 || first > 0x5f) return "neither a byte string nor null"
    return this.nextBytes(first & 31)
  }

  private nextBytes(info: number): string | undefined {
    const { bytes, limit } = this
    let at = this.at + 1
    let length = info
    if (info >= 24) {
      if (info > 27) return "byte string of indefinite or reserved length"
      if (info === 27) return "byte string of 4 GiB or more, or its length is not minimal"
      const width = 1 << (info - 24)
      if (width > limit - at) return "input ends within a length"
      length = 0
      for (const end = at + width; at < end; at++) length = length * 256 + bytes[at]!
      if (headerSize(length) !== 1 + width) return "length of a byte string is not minimal"
    }
    if (length > limit - at) return `byte string of ${length} bytes, of which ${limit - at} are there`
    this.start = at
    this.end = at + length
    this.at = this.end
    return undefined
  }
}

const writeHeader = (out: Uint8Array, at: number, major: number, length: number): number => {
  if (length < 24) {
    out[at] = major | length
    return at + 1
  }
  const width = headerSize(length) - 1
  out[at] = major | (width === 1 ? 24 : width === 2 ? 25 : 26)
  for (let i = width; i > 0; i--) {
    out[at + i] = length & 0xff
    length = length >>> 8
  }
  return at + 1 + width
}
