/**
 * A keyed hash of byte strings for the index of pending writes: HalfSipHash with one round per word and three at the
 * end. Keys come from strangers, and who can predict where a key lands in the index can make every look-up walk all
 * of it; so each map draws a seed of its own.
 */
export interface Seed {
  readonly a: number
  readonly b: number
}

/** Drawing costs about a microsecond a call whatever the amount, so seeds are drawn many at a time. */
const pool = new Uint32Array(256)
let drawn = pool.length

export const randomSeed = (): Seed => {
  if (drawn === pool.length) {
    crypto.getRandomValues(pool)
    drawn = 0
  }
  return { a: pool[drawn++]!, b: pool[drawn++]! }
}

/** 32 bits, as an unsigned number. */
export const keyHash = (seed: Seed, bytes: Uint8Array): number => {
  const length = bytes.length
  const whole = length & ~3
  let v0 = seed.a | 0
  let v1 = seed.b | 0
  let v2 = 0x6c796765 ^ v0
  let v3 = 0x74656462 ^ v1
  // Words 0 … whole / 4 − 1, then the last bytes with the length above them, then three rounds to finish.
  for (let at = 0; at <= whole + 12; at += 4) {
    let word = 0
    if (at < whole) {
      word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    } else if (at === whole) {
      word = length << 24
      for (let i = length - 1; i >= whole; i--) word |= bytes[i]! << (8 * (i & 3))
    } else if (at === whole + 4) v2 ^= 0xff
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return (v1 ^ v3) >>> 0
}
