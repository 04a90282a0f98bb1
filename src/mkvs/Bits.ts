/**
 * Bit strings. Bits are numbered from the most significant bit of byte 0. A string of n bits occupies ⌈n/8⌉ bytes,
 * the unused low bits of the last byte are zero. (Source: spec "Notation".)
 *
 * The functions that take `(bytes, byte, bit)` name a position inside a larger buffer: bit `bit` of the string whose
 * byte 0 is at `byte`. They allocate nothing and work by bytes. None of them checks bounds: the caller owns the numbers.
 */

/** Longest key, in bytes: labels count their bits in 16. */
export const keyBytesMax = 8191

/** Bytes that hold `bits` bits. */
export const bytesOf = (bits: number): number => (bits + 7) >>> 3

export const getBit = (bytes: Uint8Array, bit: number): 0 | 1 => getBitAt(bytes, 0, bit)

export const getBitAt = (bytes: Uint8Array, byte: number, bit: number): 0 | 1 =>
  (bytes[byte + (bit >>> 3)]! & (0x80 >>> (bit & 7))) === 0 ? 0 : 1

/** Number of bits that both strings begin with, at most `limit`. Reads no byte beyond the last of those bits. */
export const commonBits = (
  a: Uint8Array,
  aByte: number,
  aBit: number,
  b: Uint8Array,
  bByte: number,
  bBit: number,
  limit: number
): number => {
  let done = 0
  if ((aBit & 7) === (bBit & 7)) {
    const first = Math.min((8 - (aBit & 7)) & 7, limit)
    if (first > 0) {
      const different = bitsAt(a, aByte, aBit, first) ^ bitsAt(b, bByte, bBit, first)
      if (different !== 0) return Math.clz32(different) - 24
      done = first
    }
    let aAt = aByte + ((aBit + done) >>> 3)
    let bAt = bByte + ((bBit + done) >>> 3)
    for (; done + 8 <= limit; done += 8) {
      const different = a[aAt++]! ^ b[bAt++]!
      if (different !== 0) return done + Math.clz32(different) - 24
    }
  }
  for (; done < limit; done += 8) {
    const count = Math.min(8, limit - done)
    const different = bitsAt(a, aByte, aBit + done, count) ^ bitsAt(b, bByte, bBit + done, count)
    if (different !== 0) return done + Math.clz32(different) - 24
  }
  return limit
}

/** Copies `bits` bits to the whole bytes from `outByte` on; the rest of the last byte becomes zero. */
export const copyBits = (
  source: Uint8Array,
  sourceByte: number,
  sourceBit: number,
  bits: number,
  out: Uint8Array,
  outByte: number
): void => {
  const shift = sourceBit & 7
  let from = sourceByte + (sourceBit >>> 3)
  const whole = outByte + (bits >>> 3)
  let at = outByte
  if (shift === 0) {
    while (at < whole) out[at++] = source[from++]!
  } else {
    for (; at < whole; from++) out[at++] = (source[from]! << shift) | (source[from + 1]! >>> (8 - shift))
  }
  const rest = bits & 7
  if (rest > 0) out[at] = bitsAt(source, from, shift, rest)
}

/**
 * Copies `bits` bits to bit `outBit` of the string at `outByte`. Bits before `outBit` stay; the rest of the last byte
 * written becomes zero, so pieces can be appended one after the other.
 */
export const appendBits = (
  source: Uint8Array,
  sourceByte: number,
  sourceBit: number,
  bits: number,
  out: Uint8Array,
  outByte: number,
  outBit: number
): void => {
  const used = outBit & 7
  let at = outByte + (outBit >>> 3)
  const first = used === 0 ? 0 : Math.min(8 - used, bits)
  if (first > 0) {
    const kept = out[at]! & (0xff00 >>> used)
    out[at++] = kept | (bitsAt(source, sourceByte, sourceBit, first) >>> used)
  }
  if (bits > first) copyBits(source, sourceByte, sourceBit + first, bits - first, out, at)
}

/** Bits [from, to) as a string of their own: a fresh copy. */
export const extract = (bytes: Uint8Array, from: number, to: number): Uint8Array => {
  const out = new Uint8Array(bytesOf(to - from))
  copyBits(bytes, 0, from, to - from, out, 0)
  return out
}

/** The first `aBits` bits of `a`, then the first `bBits` bits of `b`: a fresh copy. */
export const concat = (a: Uint8Array, aBits: number, b: Uint8Array, bBits: number): Uint8Array => {
  const out = new Uint8Array(bytesOf(aBits + bBits))
  copyBits(a, 0, 0, aBits, out, 0)
  appendBits(b, 0, 0, bBits, out, 0, aBits)
  return out
}

/** Number of bits that both strings begin with. */
export const commonPrefix = (a: Uint8Array, aBits: number, b: Uint8Array, bBits: number): number =>
  commonBits(a, 0, 0, b, 0, 0, Math.min(aBits, bBits))

/** Order of the first `aBits` bits of `a` and the first `bBits` bits of `b`; a string sorts before its extensions. */
export const compareBits = (a: Uint8Array, aBits: number, b: Uint8Array, bBits: number): number => {
  const common = commonPrefix(a, aBits, b, bBits)
  return common < aBits && common < bBits ? getBit(a, common) - getBit(b, common) : aBits - bBits
}

/** The `count` (1 to 8) bits from `bit` on, at the top of a byte whose other bits are zero. */
const bitsAt = (bytes: Uint8Array, byte: number, bit: number, count: number): number => {
  const shift = bit & 7
  const at = byte + (bit >>> 3)
  let value = bytes[at]! << shift
  // The next byte is read only where it counts: it may lie outside the buffer, or belong to somebody else.
  if (shift + count > 8) value |= bytes[at + 1]! >>> (8 - shift)
  return value & (0xff00 >>> count) & 0xff
}
