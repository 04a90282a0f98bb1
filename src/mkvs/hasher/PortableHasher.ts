import { type Hasher, hashBytes } from "../Hasher.ts"

/**
 * SHA-512/256 (FIPS 180-4) in plain JavaScript: for places without WebAssembly, and a check of the others. A 64-bit
 * word is two 32-bit halves, the high one first.
 */
export const portableHasher: Hasher = {
  name: "portable",
  hash: (bytes) => {
    const state = Int32Array.from(initial)
    const wholeBytes = bytes.length - (bytes.length % blockBytes)
    for (let at = 0; at < wholeBytes; at += blockBytes) compress(state, bytes, at)
    const tail = padded(bytes.subarray(wholeBytes), bytes.length)
    for (let at = 0; at < tail.length; at += blockBytes) compress(state, tail, at)
    const digest = new Uint8Array(hashBytes)
    const view = new DataView(digest.buffer)
    for (let at = 0; at < hashBytes; at += 4) view.setInt32(at, state[at / 4])
    return digest
  }
}

const blockBytes = 128

/** What follows the last whole block: the rest, a one bit, zeros, and the length in bits. One block or two. */
const padded = (rest: Uint8Array, totalBytes: number): Uint8Array => {
  const tail = new Uint8Array(rest.length + 17 <= blockBytes ? blockBytes : 2 * blockBytes)
  tail.set(rest)
  tail[rest.length] = 0x80
  new DataView(tail.buffer).setBigUint64(tail.length - 8, BigInt(totalBytes) * 8n)
  return tail
}

const compress = (state: Int32Array, bytes: Uint8Array, at: number): void => {
  fillSchedule(bytes, at)
  working.set(state)
  for (let i = 0; i < 160; i += 2) round(i)
  for (let i = 0; i < 16; i += 2) {
    const low = (state[i + 1] >>> 0) + (working[i + 1] >>> 0)
    state[i] += working[i] + carry(low)
    state[i + 1] = low
  }
}

/** The 80 words of the message schedule of the block at hand; the eight working words a to h. */
const schedule = new Int32Array(160)
const working = new Int32Array(16)

const fillSchedule = (bytes: Uint8Array, at: number): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, blockBytes)
  for (let i = 0; i < 32; i++) schedule[i] = view.getInt32(4 * i)
  for (let i = 32; i < 160; i += 2) {
    const h15 = schedule[i - 30]
    const l15 = schedule[i - 29]
    const h2 = schedule[i - 4]
    const l2 = schedule[i - 3]
    const high0 = rotated(h15, l15, 1) ^ rotated(h15, l15, 8) ^ (h15 >>> 7)
    const low0 = rotated(l15, h15, 1) ^ rotated(l15, h15, 8) ^ rotated(l15, h15, 7)
    const high1 = rotated(h2, l2, 19) ^ rotated(l2, h2, 29) ^ (h2 >>> 6)
    const low1 = rotated(l2, h2, 19) ^ rotated(h2, l2, 29) ^ rotated(l2, h2, 6)
    const low = (schedule[i - 31] >>> 0) + (low0 >>> 0) + (schedule[i - 13] >>> 0) + (low1 >>> 0)
    schedule[i] = schedule[i - 32] + high0 + schedule[i - 14] + high1 + carry(low)
    schedule[i + 1] = low
  }
}

/** The round whose schedule word begins at `i`. */
const round = (i: number): void => {
  const [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl] = working
  const sum1High = rotated(eh, el, 14) ^ rotated(eh, el, 18) ^ rotated(el, eh, 9)
  const sum1Low = rotated(el, eh, 14) ^ rotated(el, eh, 18) ^ rotated(eh, el, 9)
  const low1 =
    (hl >>> 0) +
    (sum1Low >>> 0) +
    (choose(el, fl, gl) >>> 0) +
    (constants[i + 1] >>> 0) +
    (schedule[i + 1] >>> 0)
  const high1 = (hh + sum1High + choose(eh, fh, gh) + constants[i] + schedule[i] + carry(low1)) | 0
  const sum0High = rotated(ah, al, 28) ^ rotated(al, ah, 2) ^ rotated(al, ah, 7)
  const sum0Low = rotated(al, ah, 28) ^ rotated(ah, al, 2) ^ rotated(ah, al, 7)
  const lowE = (dl >>> 0) + (low1 >>> 0)
  const lowA = (low1 >>> 0) + (sum0Low >>> 0) + (majority(al, bl, cl) >>> 0)
  working.copyWithin(2, 0, 14)
  working[8] = dh + high1 + carry(lowE)
  working[9] = lowE
  working[0] = high1 + sum0High + majority(ah, bh, ch) + carry(lowA)
  working[1] = lowA
}

/** One half of a 64-bit word rotated right by 1 to 31 bits: `near` is that half before, `far` the other. */
const rotated = (near: number, far: number, bits: number): number => (near >>> bits) | (far << (32 - bits))

const choose = (x: number, y: number, z: number): number => (x & y) ^ (~x & z)

const majority = (x: number, y: number, z: number): number => (x & y) ^ (x & z) ^ (y & z)

/** What a sum of low halves adds to the high half. */
const carry = (low: number): number => Math.floor(low / 2 ** 32)

const halves = (words: ReadonlyArray<bigint>): Int32Array =>
  Int32Array.from(words.flatMap((word) => [Number(word >> 32n), Number(word & 0xffffffffn)]))

/** Initial values of SHA-512/256, FIPS 180-4 section 5.3.6.2. */
// biome-ignore format: four words a line
const initial = halves([
  0x22312194fc2bf72cn, 0x9f555fa3c84c64c2n, 0x2393b86b6f53b151n, 0x963877195940eabdn,
  0x96283ee2a88effe3n, 0xbe5e1e2553863992n, 0x2b0199fc2c85b8aan, 0x0eb72ddc81c52ca2n
])

/** Round constants, FIPS 180-4 section 4.2.3. */
// biome-ignore format: four words a line
const constants = halves([
  0x428a2f98d728ae22n, 0x7137449123ef65cdn, 0xb5c0fbcfec4d3b2fn, 0xe9b5dba58189dbbcn,
  0x3956c25bf348b538n, 0x59f111f1b605d019n, 0x923f82a4af194f9bn, 0xab1c5ed5da6d8118n,
  0xd807aa98a3030242n, 0x12835b0145706fben, 0x243185be4ee4b28cn, 0x550c7dc3d5ffb4e2n,
  0x72be5d74f27b896fn, 0x80deb1fe3b1696b1n, 0x9bdc06a725c71235n, 0xc19bf174cf692694n,
  0xe49b69c19ef14ad2n, 0xefbe4786384f25e3n, 0x0fc19dc68b8cd5b5n, 0x240ca1cc77ac9c65n,
  0x2de92c6f592b0275n, 0x4a7484aa6ea6e483n, 0x5cb0a9dcbd41fbd4n, 0x76f988da831153b5n,
  0x983e5152ee66dfabn, 0xa831c66d2db43210n, 0xb00327c898fb213fn, 0xbf597fc7beef0ee4n,
  0xc6e00bf33da88fc2n, 0xd5a79147930aa725n, 0x06ca6351e003826fn, 0x142929670a0e6e70n,
  0x27b70a8546d22ffcn, 0x2e1b21385c26c926n, 0x4d2c6dfc5ac42aedn, 0x53380d139d95b3dfn,
  0x650a73548baf63den, 0x766a0abb3c77b2a8n, 0x81c2c92e47edaee6n, 0x92722c851482353bn,
  0xa2bfe8a14cf10364n, 0xa81a664bbc423001n, 0xc24b8b70d0f89791n, 0xc76c51a30654be30n,
  0xd192e819d6ef5218n, 0xd69906245565a910n, 0xf40e35855771202an, 0x106aa07032bbd1b8n,
  0x19a4c116b8d2d0c8n, 0x1e376c085141ab53n, 0x2748774cdf8eeb99n, 0x34b0bcb5e19b48a8n,
  0x391c0cb3c5c95a63n, 0x4ed8aa4ae3418acbn, 0x5b9cca4f7763e373n, 0x682e6ff3d6b2b8a3n,
  0x748f82ee5defb2fcn, 0x78a5636f43172f60n, 0x84c87814a1f0ab72n, 0x8cc702081a6439ecn,
  0x90befffa23631e28n, 0xa4506cebde82bde9n, 0xbef9a3f7b2c67915n, 0xc67178f2e372532bn,
  0xca273eceea26619cn, 0xd186b8c721c0c207n, 0xeada7dd6cde0eb1en, 0xf57d4f7fee6ed178n,
  0x06f067aa72176fban, 0x0a637dc5a2c898a6n, 0x113f9804bef90daen, 0x1b710b35131c471bn,
  0x28db77f523047d84n, 0x32caab7b40c72493n, 0x3c9ebe0a15c9bebcn, 0x431d67c49c100d4cn,
  0x4cc5d4becb3e42b6n, 0x597f299cfc657e2an, 0x5fcb6fab3ad6faecn, 0x6c44198c4a475817n
])
