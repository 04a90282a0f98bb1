/**
 * SHA-512/256 (FIPS 180-4) of byte strings in memory, and the hashes of nodes.
 *
 * Most nodes fill one block (at most 111 bytes), so the end of a message goes without branches on its length:
 * its last block is read whole, cut with a mask, and padded, all in vectors. Such reads never leave memory.
 */
import { blockBytes, compress, swapWords } from "./compress"

/** Initial values, FIPS 180-4 section 5.3.6.2. */
const initial = memory.data<u64>([
  0x22312194fc2bf72c, 0x9f555fa3c84c64c2, 0x2393b86b6f53b151, 0x963877195940eabd,
  0x96283ee2a88effe3, 0xbe5e1e2553863992, 0x2b0199fc2c85b8aa, 0x0eb72ddc81c52ca2
], 16)

/** From `kept + 128 - n` on: n bytes of ones, then zeros. */
const kept = memory.data<u64>([
  -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
], 16)

/** From `padding + 128 - n` on: n bytes of zeros, then the byte that ends a message, then zeros. */
const padding = memory.data<u64>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
], 16)

const state = memory.data(64, 16)

/** The last block of a message; vectors may reach up to 16 bytes beyond it. */
const block = memory.data(128 + 16, 16)

/** Tag, length of the label, longest label. */
const headBytesMax: u32 = 3 + 8192

/** Where pieces of a message that do not lie in a row are put together; vectors may reach 16 bytes beyond. */
const scratch = memory.data(3 + 8192 + 96 + 16, 16)

export function hash(at: usize, length: u32, out: usize): void {
  if (<u64>at + length > memoryBytes()) unreachable()
  begin(state)
  const whole = length / blockBytes
  compress(state, at, whole)
  finish(at + whole * blockBytes, length % blockBytes, length, out)
}

export function hashInternal(
  head: usize, headLength: u32, leaf: usize, left: usize, right: usize, out: usize
): void {
  if (headLength > headBytesMax) unreachable()
  if (headLength < 16 && <u64>head + 16 <= memoryBytes()) {
    return hashShortInternal(head, headLength, leaf, left, right, out)
  }
  copyVectors(scratch, head, headLength)
  copyHashes(scratch + headLength, leaf, left, right)
  hash(scratch, headLength + 96, out)
}

/** All in one block: each part is written over what the part before wrote too much. */
function hashShortInternal(
  head: usize, headLength: u32, leaf: usize, left: usize, right: usize, out: usize
): void {
  v128.store(block, v128.load(head))
  const children = block + headLength
  copyHashes(children, leaf, left, right)
  v128.store(children, i64x2(0x80, 0), 96)
  begin(state)
  compressLast(headLength + 96, out)
}

export function hashLeaf(at: usize, out: usize): void {
  const keyLength = <u32>load<u16>(at, 1)
  const valueLength = load<u32>(at + keyLength, 3)
  const from = at + 3
  const length = <u64>keyLength + 4 + valueLength
  if (<u64>from + length > memoryBytes()) unreachable()
  // two zero bytes longer than the storage form: the first block is put together, the rest is read in place
  const total = <u32>length + 5
  const taken = <u32>min<u64>(length, blockBytes - 5)
  store<u8>(scratch, 0)
  store<u32>(scratch, keyLength, 1)
  copyVectors(scratch + 5, from, taken)
  begin(state)
  if (total < blockBytes) return finish(scratch, total, total, out)
  compress(state, scratch, 1)
  const rest = <u32>length - taken
  const whole = rest / blockBytes
  compress(state, from + taken, whole)
  finish(from + taken + whole * blockBytes, rest % blockBytes, total, out)
}

const streamState = memory.data(64, 16)
const streamBlock = memory.data(128, 16)
let streamBytes: u64 = 0

export function streamBegin(): void {
  begin(streamState)
  streamBytes = 0
}

export function streamUpdate(at: usize, length: u32): void {
  if (<u64>at + length > memoryBytes()) unreachable()
  const waiting = <u32>(streamBytes % blockBytes)
  streamBytes += length
  if (waiting > 0) {
    const taken = min<u32>(length, blockBytes - waiting)
    memory.copy(streamBlock + waiting, at, taken)
    if (waiting + taken < blockBytes) return
    compress(streamState, streamBlock, 1)
    at += taken
    length -= taken
  }
  const whole = length / blockBytes
  compress(streamState, at, whole)
  memory.copy(streamBlock, at + whole * blockBytes, length % blockBytes)
}

export function streamEnd(out: usize): void {
  memory.copy(state, streamState, 64)
  finish(streamBlock, <u32>(streamBytes % blockBytes), streamBytes, out)
}

function begin(words: usize): void {
  v128.store(words, v128.load(initial))
  v128.store(words, v128.load(initial, 16), 16)
  v128.store(words, v128.load(initial, 32), 32)
  v128.store(words, v128.load(initial, 48), 48)
}

/** Runs the last `rest` < 128 bytes of a message of `total` bytes with their padding; writes the digest. */
function finish(at: usize, rest: u32, total: u64, out: usize): void {
  if (<u64>at + blockBytes > memoryBytes()) {
    memory.copy(block, at, rest)
    at = block
  }
  const mask = kept + blockBytes - rest
  const end = padding + blockBytes - rest
  for (let i: usize = 0; i < blockBytes; i += 16) {
    v128.store(block + i, v128.or(v128.and(v128.load(at + i), v128.load(mask + i)), v128.load(end + i)))
  }
  if (rest >= blockBytes - 16) {
    compress(state, block, 1)
    memory.fill(block, 0, blockBytes)
  }
  compressLast(total, out)
}

/** Runs `block`, whose first 112 bytes hold the padded end, with the length in bits; writes the digest. */
function compressLast(total: u64, out: usize): void {
  v128.store(block, swapWords(i64x2.replace_lane(i64x2(0, 0), 1, total << 3)), blockBytes - 16)
  compress(state, block, 1)
  v128.store(out, swapWords(v128.load(state)))
  v128.store(out, swapWords(v128.load(state, 16)), 16)
}

// @ts-ignore: decorator
@inline
function copyHashes(to: usize, leaf: usize, left: usize, right: usize): void {
  v128.store(to, v128.load(leaf))
  v128.store(to, v128.load(leaf, 16), 16)
  v128.store(to, v128.load(left), 32)
  v128.store(to, v128.load(left, 16), 48)
  v128.store(to, v128.load(right), 64)
  v128.store(to, v128.load(right, 16), 80)
}

/** Copies `length` bytes and up to 15 more, for which the target must have room. */
function copyVectors(to: usize, from: usize, length: u32): void {
  if (<u64>from + length + 16 > memoryBytes()) {
    memory.copy(to, from, length)
    return
  }
  for (let i: usize = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i))
}

// @ts-ignore: decorator
@inline
function memoryBytes(): u64 {
  return <u64>memory.size() << 16
}
