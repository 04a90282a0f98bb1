/**
 * The compression function of SHA-512 (FIPS 180-4), over whole blocks straight from memory.
 *
 * The eight state words are locals, and so is the message schedule: eight vectors of two words. A vector moves
 * on by sixteen words as soon as its round constants are added, so that the vector units work beside the scalar
 * rounds. The sums reach the rounds through memory: cheaper than taking vectors apart.
 */

// @ts-ignore: decorator
@inline
export const blockBytes: u32 = 128

/** Round constants, FIPS 180-4 section 4.2.3. */
const constants = memory.data<u64>([
  0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
  0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
  0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
  0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
  0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
  0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
  0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
  0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
  0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
  0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
  0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
  0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
  0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
  0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
  0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
  0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
  0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
  0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
  0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
  0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817
], 16)

/** Schedule words with their round constants added: sixteen, used in turns. */
const sums = memory.data(128, 16)

/**
 * Runs `count` blocks from `block` on (any alignment) through the eight words at `state`.
 *
 * All 80 rounds are written out: measured a sixth faster than a loop over sixteen, also when other code runs
 * in between. In `t`, sum1 comes last: it waits for the word that is known latest.
 */
export function compress(state: usize, block: usize, count: u32): void {
  for (; count > 0; count--, block += blockBytes) {
    let w0 = swapWords(v128.load(block, 0))
    let w1 = swapWords(v128.load(block, 16))
    let w2 = swapWords(v128.load(block, 32))
    let w3 = swapWords(v128.load(block, 48))
    let w4 = swapWords(v128.load(block, 64))
    let w5 = swapWords(v128.load(block, 80))
    let w6 = swapWords(v128.load(block, 96))
    let w7 = swapWords(v128.load(block, 112))
    let a = load<u64>(state, 0)
    let b = load<u64>(state, 8)
    let c = load<u64>(state, 16)
    let d = load<u64>(state, 24)
    let e = load<u64>(state, 32)
    let f = load<u64>(state, 40)
    let g = load<u64>(state, 48)
    let h = load<u64>(state, 56)
    let t: u64

    stage(0, w0); w0 = extend(w0, w1, w4, w5, w7)
    t = h + staged(0) + choose(e, f, g) + sum1(e); d += t; h = t + sum0(a) + majority(a, b, c)
    t = g + staged(1) + choose(d, e, f) + sum1(d); c += t; g = t + sum0(h) + majority(h, a, b)
    stage(2, w1); w1 = extend(w1, w2, w5, w6, w0)
    t = f + staged(2) + choose(c, d, e) + sum1(c); b += t; f = t + sum0(g) + majority(g, h, a)
    t = e + staged(3) + choose(b, c, d) + sum1(b); a += t; e = t + sum0(f) + majority(f, g, h)
    stage(4, w2); w2 = extend(w2, w3, w6, w7, w1)
    t = d + staged(4) + choose(a, b, c) + sum1(a); h += t; d = t + sum0(e) + majority(e, f, g)
    t = c + staged(5) + choose(h, a, b) + sum1(h); g += t; c = t + sum0(d) + majority(d, e, f)
    stage(6, w3); w3 = extend(w3, w4, w7, w0, w2)
    t = b + staged(6) + choose(g, h, a) + sum1(g); f += t; b = t + sum0(c) + majority(c, d, e)
    t = a + staged(7) + choose(f, g, h) + sum1(f); e += t; a = t + sum0(b) + majority(b, c, d)
    stage(8, w4); w4 = extend(w4, w5, w0, w1, w3)
    t = h + staged(8) + choose(e, f, g) + sum1(e); d += t; h = t + sum0(a) + majority(a, b, c)
    t = g + staged(9) + choose(d, e, f) + sum1(d); c += t; g = t + sum0(h) + majority(h, a, b)
    stage(10, w5); w5 = extend(w5, w6, w1, w2, w4)
    t = f + staged(10) + choose(c, d, e) + sum1(c); b += t; f = t + sum0(g) + majority(g, h, a)
    t = e + staged(11) + choose(b, c, d) + sum1(b); a += t; e = t + sum0(f) + majority(f, g, h)
    stage(12, w6); w6 = extend(w6, w7, w2, w3, w5)
    t = d + staged(12) + choose(a, b, c) + sum1(a); h += t; d = t + sum0(e) + majority(e, f, g)
    t = c + staged(13) + choose(h, a, b) + sum1(h); g += t; c = t + sum0(d) + majority(d, e, f)
    stage(14, w7); w7 = extend(w7, w0, w3, w4, w6)
    t = b + staged(14) + choose(g, h, a) + sum1(g); f += t; b = t + sum0(c) + majority(c, d, e)
    t = a + staged(15) + choose(f, g, h) + sum1(f); e += t; a = t + sum0(b) + majority(b, c, d)

    stage(16, w0); w0 = extend(w0, w1, w4, w5, w7)
    t = h + staged(16) + choose(e, f, g) + sum1(e); d += t; h = t + sum0(a) + majority(a, b, c)
    t = g + staged(17) + choose(d, e, f) + sum1(d); c += t; g = t + sum0(h) + majority(h, a, b)
    stage(18, w1); w1 = extend(w1, w2, w5, w6, w0)
    t = f + staged(18) + choose(c, d, e) + sum1(c); b += t; f = t + sum0(g) + majority(g, h, a)
    t = e + staged(19) + choose(b, c, d) + sum1(b); a += t; e = t + sum0(f) + majority(f, g, h)
    stage(20, w2); w2 = extend(w2, w3, w6, w7, w1)
    t = d + staged(20) + choose(a, b, c) + sum1(a); h += t; d = t + sum0(e) + majority(e, f, g)
    t = c + staged(21) + choose(h, a, b) + sum1(h); g += t; c = t + sum0(d) + majority(d, e, f)
    stage(22, w3); w3 = extend(w3, w4, w7, w0, w2)
    t = b + staged(22) + choose(g, h, a) + sum1(g); f += t; b = t + sum0(c) + majority(c, d, e)
    t = a + staged(23) + choose(f, g, h) + sum1(f); e += t; a = t + sum0(b) + majority(b, c, d)
    stage(24, w4); w4 = extend(w4, w5, w0, w1, w3)
    t = h + staged(24) + choose(e, f, g) + sum1(e); d += t; h = t + sum0(a) + majority(a, b, c)
    t = g + staged(25) + choose(d, e, f) + sum1(d); c += t; g = t + sum0(h) + majority(h, a, b)
    stage(26, w5); w5 = extend(w5, w6, w1, w2, w4)
    t = f + staged(26) + choose(c, d, e) + sum1(c); b += t; f = t + sum0(g) + majority(g, h, a)
    t = e + staged(27) + choose(b, c, d) + sum1(b); a += t; e = t + sum0(f) + majority(f, g, h)
    stage(28, w6); w6 = extend(w6, w7, w2, w3, w5)
    t = d + staged(28) + choose(a, b, c) + sum1(a); h += t; d = t + sum0(e) + majority(e, f, g)
    t = c + staged(29) + choose(h, a, b) + sum1(h); g += t; c = t + sum0(d) + majority(d, e, f)
    stage(30, w7); w7 = extend(w7, w0, w3, w4, w6)
    t = b + staged(30) + choose(g, h, a) + sum1(g); f += t; b = t + sum0(c) + majority(c, d, e)
    t = a + staged(31) + choose(f, g, h) + sum1(f); e += t; a = t + sum0(b) + majority(b, c, d)

    stage(32, w0); w0 = extend(w0, w1, w4, w5, w7)
    t = h + staged(32) + choose(e, f, g) + sum1(e); d += t; h = t + sum0(a) + majority(a, b, c)
    t = g + staged(33) + choose(d, e, f) + sum1(d); c += t; g = t + sum0(h) + majority(h, a, b)
    stage(34, w1); w1 = extend(w1, w2, w5, w6, w0)
    t = f + staged(34) + choose(c, d, e) + sum1(c); b += t; f = t + sum0(g) + majority(g, h, a)
    t = e + staged(35) + choose(b, c, d) + sum1(b); a += t; e = t + sum0(f) + majority(f, g, h)
    stage(36, w2); w2 = extend(w2, w3, w6, w7, w1)
    t = d + staged(36) + choose(a, b, c) + sum1(a); h += t; d = t + sum0(e) + majority(e, f, g)
    t = c + staged(37) + choose(h, a, b) + sum1(h); g += t; c = t + sum0(d) + majority(d, e, f)
    stage(38, w3); w3 = extend(w3, w4, w7, w0, w2)
    t = b + staged(38) + choose(g, h, a) + sum1(g); f += t; b = t + sum0(c) + majority(c, d, e)
    t = a + staged(39) + choose(f, g, h) + sum1(f); e += t; a = t + sum0(b) + majority(b, c, d)
    stage(40, w4); w4 = extend(w4, w5, w0, w1, w3)
    t = h + staged(40) + choose(e, f, g) + sum1(e); d += t; h = t + sum0(a) + majority(a, b, c)
    t = g + staged(41) + choose(d, e, f) + sum1(d); c += t; g = t + sum0(h) + majority(h, a, b)
    stage(42, w5); w5 = extend(w5, w6, w1, w2, w4)
    t = f + staged(42) + choose(c, d, e) + sum1(c); b += t; f = t + sum0(g) + majority(g, h, a)
    t = e + staged(43) + choose(b, c, d) + sum1(b); a += t; e = t + sum0(f) + majority(f, g, h)
    stage(44, w6); w6 = extend(w6, w7, w2, w3, w5)
    t = d + staged(44) + choose(a, b, c) + sum1(a); h += t; d = t + sum0(e) + majority(e, f, g)
    t = c + staged(45) + choose(h, a, b) + sum1(h); g += t; c = t + sum0(d) + majority(d, e, f)
    stage(46, w7); w7 = extend(w7, w0, w3, w4, w6)
    t = b + staged(46) + choose(g, h, a) + sum1(g); f += t; b = t + sum0(c) + majority(c, d, e)
    t = a + staged(47) + choose(f, g, h) + sum1(f); e += t; a = t + sum0(b) + majority(b, c, d)

    stage(48, w0); w0 = extend(w0, w1, w4, w5, w7)
    t = h + staged(48) + choose(e, f, g) + sum1(e); d += t; h = t + sum0(a) + majority(a, b, c)
    t = g + staged(49) + choose(d, e, f) + sum1(d); c += t; g = t + sum0(h) + majority(h, a, b)
    stage(50, w1); w1 = extend(w1, w2, w5, w6, w0)
    t = f + staged(50) + choose(c, d, e) + sum1(c); b += t; f = t + sum0(g) + majority(g, h, a)
    t = e + staged(51) + choose(b, c, d) + sum1(b); a += t; e = t + sum0(f) + majority(f, g, h)
    stage(52, w2); w2 = extend(w2, w3, w6, w7, w1)
    t = d + staged(52) + choose(a, b, c) + sum1(a); h += t; d = t + sum0(e) + majority(e, f, g)
    t = c + staged(53) + choose(h, a, b) + sum1(h); g += t; c = t + sum0(d) + majority(d, e, f)
    stage(54, w3); w3 = extend(w3, w4, w7, w0, w2)
    t = b + staged(54) + choose(g, h, a) + sum1(g); f += t; b = t + sum0(c) + majority(c, d, e)
    t = a + staged(55) + choose(f, g, h) + sum1(f); e += t; a = t + sum0(b) + majority(b, c, d)
    stage(56, w4); w4 = extend(w4, w5, w0, w1, w3)
    t = h + staged(56) + choose(e, f, g) + sum1(e); d += t; h = t + sum0(a) + majority(a, b, c)
    t = g + staged(57) + choose(d, e, f) + sum1(d); c += t; g = t + sum0(h) + majority(h, a, b)
    stage(58, w5); w5 = extend(w5, w6, w1, w2, w4)
    t = f + staged(58) + choose(c, d, e) + sum1(c); b += t; f = t + sum0(g) + majority(g, h, a)
    t = e + staged(59) + choose(b, c, d) + sum1(b); a += t; e = t + sum0(f) + majority(f, g, h)
    stage(60, w6); w6 = extend(w6, w7, w2, w3, w5)
    t = d + staged(60) + choose(a, b, c) + sum1(a); h += t; d = t + sum0(e) + majority(e, f, g)
    t = c + staged(61) + choose(h, a, b) + sum1(h); g += t; c = t + sum0(d) + majority(d, e, f)
    stage(62, w7); w7 = extend(w7, w0, w3, w4, w6)
    t = b + staged(62) + choose(g, h, a) + sum1(g); f += t; b = t + sum0(c) + majority(c, d, e)
    t = a + staged(63) + choose(f, g, h) + sum1(f); e += t; a = t + sum0(b) + majority(b, c, d)

    stage(64, w0)
    t = h + staged(64) + choose(e, f, g) + sum1(e); d += t; h = t + sum0(a) + majority(a, b, c)
    t = g + staged(65) + choose(d, e, f) + sum1(d); c += t; g = t + sum0(h) + majority(h, a, b)
    stage(66, w1)
    t = f + staged(66) + choose(c, d, e) + sum1(c); b += t; f = t + sum0(g) + majority(g, h, a)
    t = e + staged(67) + choose(b, c, d) + sum1(b); a += t; e = t + sum0(f) + majority(f, g, h)
    stage(68, w2)
    t = d + staged(68) + choose(a, b, c) + sum1(a); h += t; d = t + sum0(e) + majority(e, f, g)
    t = c + staged(69) + choose(h, a, b) + sum1(h); g += t; c = t + sum0(d) + majority(d, e, f)
    stage(70, w3)
    t = b + staged(70) + choose(g, h, a) + sum1(g); f += t; b = t + sum0(c) + majority(c, d, e)
    t = a + staged(71) + choose(f, g, h) + sum1(f); e += t; a = t + sum0(b) + majority(b, c, d)
    stage(72, w4)
    t = h + staged(72) + choose(e, f, g) + sum1(e); d += t; h = t + sum0(a) + majority(a, b, c)
    t = g + staged(73) + choose(d, e, f) + sum1(d); c += t; g = t + sum0(h) + majority(h, a, b)
    stage(74, w5)
    t = f + staged(74) + choose(c, d, e) + sum1(c); b += t; f = t + sum0(g) + majority(g, h, a)
    t = e + staged(75) + choose(b, c, d) + sum1(b); a += t; e = t + sum0(f) + majority(f, g, h)
    stage(76, w6)
    t = d + staged(76) + choose(a, b, c) + sum1(a); h += t; d = t + sum0(e) + majority(e, f, g)
    t = c + staged(77) + choose(h, a, b) + sum1(h); g += t; c = t + sum0(d) + majority(d, e, f)
    stage(78, w7)
    t = b + staged(78) + choose(g, h, a) + sum1(g); f += t; b = t + sum0(c) + majority(c, d, e)
    t = a + staged(79) + choose(f, g, h) + sum1(f); e += t; a = t + sum0(b) + majority(b, c, d)

    store<u64>(state, load<u64>(state, 0) + a, 0)
    store<u64>(state, load<u64>(state, 8) + b, 8)
    store<u64>(state, load<u64>(state, 16) + c, 16)
    store<u64>(state, load<u64>(state, 24) + d, 24)
    store<u64>(state, load<u64>(state, 32) + e, 32)
    store<u64>(state, load<u64>(state, 40) + f, 40)
    store<u64>(state, load<u64>(state, 48) + g, 48)
    store<u64>(state, load<u64>(state, 56) + h, 56)
  }
}

/** Between memory order and two big-endian words. */
// @ts-ignore: decorator
@inline
export function swapWords(v: v128): v128 {
  return i8x16.shuffle(v, v, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8)
}

/** Makes ready the schedule words `w` of this round and the next. */
// @ts-ignore: decorator
@inline
function stage(round: usize, w: v128): void {
  v128.store(sums + 8 * (round % 16), i64x2.add(w, v128.load(constants + 8 * round)))
}

// @ts-ignore: decorator
@inline
function staged(round: usize): u64 {
  return load<u64>(sums + 8 * (round % 16))
}

/** The schedule sixteen words on. `w0` holds words t and t + 1, `w2` t + 2 and t + 3, and so on. */
// @ts-ignore: decorator
@inline
function extend(w0: v128, w2: v128, w8: v128, w10: v128, w14: v128): v128 {
  const w1 = i8x16.shuffle(w0, w2, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)
  const w9 = i8x16.shuffle(w8, w10, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)
  return i64x2.add(i64x2.add(w0, sigma0(w1)), i64x2.add(w9, sigma1(w14)))
}

// @ts-ignore: decorator
@inline
function sigma0(w: v128): v128 {
  const rotated1 = v128.or(i64x2.shr_u(w, 1), i64x2.shl(w, 63))
  const rotated8 = i8x16.shuffle(w, w, 1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 12, 13, 14, 15, 8)
  return v128.xor(v128.xor(rotated1, rotated8), i64x2.shr_u(w, 7))
}

// @ts-ignore: decorator
@inline
function sigma1(w: v128): v128 {
  const rotated19 = v128.or(i64x2.shr_u(w, 19), i64x2.shl(w, 45))
  const rotated61 = v128.or(i64x2.shr_u(w, 61), i64x2.shl(w, 3))
  return v128.xor(v128.xor(rotated19, rotated61), i64x2.shr_u(w, 6))
}

// @ts-ignore: decorator
@inline
function sum0(x: u64): u64 {
  return rotr(x, 28) ^ rotr(x, 34) ^ rotr(x, 39)
}

// @ts-ignore: decorator
@inline
function sum1(x: u64): u64 {
  return rotr(x, 14) ^ rotr(x, 18) ^ rotr(x, 41)
}

// @ts-ignore: decorator
@inline
function choose(x: u64, y: u64, z: u64): u64 {
  return ((y ^ z) & x) ^ z
}

/** In this form `y ^ z` is the `x ^ y` of the round before, and is computed once. */
// @ts-ignore: decorator
@inline
function majority(x: u64, y: u64, z: u64): u64 {
  return ((x ^ y) & (y ^ z)) ^ y
}
