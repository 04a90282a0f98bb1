/**
 * SHA-512/256 of byte strings in memory, and of nodes (`spec`: leaf and internal hashes).
 *
 * Node hashes are mostly one block (at most 111 bytes), so those go through a path without branches on the length: the
 * last block is read whole, cut with a mask and given its padding in vectors. Reads past the string stay inside memory.
 */
import { blockBytes, compress, swapWords } from "./compress"

/** Initial values, FIPS 180-4 section 5.3.6.2. */
const initial = memory.data<u64>([
  0x22312194fc2bf72c, 0x9f555fa3c84c64c2, 0x2393b86b6f53b151, 0x963877195940eabd,
  0x96283ee2a88effe3, 0xbe5e1e2553863992, 0x2b0199fc2c85b8aa, 0x0eb72ddc81c52ca2
], 16)

/** From `kept + 128 - n`: n bytes of ones, then zeros. */
const kept = memory.data<u64>([
  -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
], 16)

/** From `padding + 128 - n`: n bytes of zeros, then the byte that ends the message, then zeros. */
const padding = memory.data<u64>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
], 16)

/** A message whose last block begins here can be read without touching the end of memory. */
const state = memory.data(64, 16)
const block = memory.data(128, 16)

/** The pieces of a message are put together here where they do not lie in a row. Read up to 128 bytes beyond. */
const headBytesMax: u32 = 3 + 8192
const scratch = memory.data(3 + 8192 + 96 + 128, 16)

export function hash(at: usize, length: u32, out: usize): void {
  checkRange(at, length)
  begin(state)
  const whole = length / blockBytes
  compress(state, at, whole)
  finish(at + whole * blockBytes, length % blockBytes, length, out)
}

export function hashInternal(head: usize, headLength: u32, leaf: usize, left: usize, right: usize, out: usize): void {
  if (headLength > headBytesMax) unreachable()
  copyVectors(scratch, head, headLength)
  const children = scratch + headLength
  copyHash(children, leaf)
  copyHash(children + 32, left)
  copyHash(children + 64, right)
  hash(scratch, headLength + 96, out)
}

export function hashLeaf(at: usize, out: usize): void {
  const keyLength = <u32>load<u16>(at, 1)
  const valueLength = load<u32>(at + keyLength, 3)
  const from = at + 3
  const length = <u64>keyLength + 4 + valueLength
  if (<u64>from + length > memoryBytes()) unreachable()
  // the hashed form is two zero bytes longer, so the stream shifts: its first block is put together, the rest is not
  begin(state)
  store<u8>(scratch, 0)
  store<u32>(scratch, keyLength, 1)
  const taken = <u32>min<u64>(length, blockBytes - 5)
  copyVectors(scratch + 5, from, taken)
  const total = <u32>length + 5
  if (taken + 5 < blockBytes) return finish(scratch, total, total, out)
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
  checkRange(at, length)
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

function begin(state: usize): void {
  v128.store(state, v128.load(initial))
  v128.store(state, v128.load(initial, 16), 16)
  v128.store(state, v128.load(initial, 32), 32)
  v128.store(state, v128.load(initial, 48), 48)
}

/** Pads and runs the last `rest` < 128 bytes of a message of `total` bytes; writes the digest. */
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
  store<u64>(block, bswap<u64>(total << 3), blockBytes - 8)
  compress(state, block, 1)
  v128.store(out, swapWords(v128.load(state)))
  v128.store(out, swapWords(v128.load(state, 16)), 16)
}

// @ts-ignore: decorator
@inline
function copyHash(to: usize, from: usize): void {
  v128.store(to, v128.load(from))
  v128.store(to, v128.load(from, 16), 16)
}

/** Copies `length` bytes and up to 15 more, of which the target must have the room. */
function copyVectors(to: usize, from: usize, length: u32): void {
  if (<u64>from + length + 16 > memoryBytes()) {
    memory.copy(to, from, length)
    return
  }
  for (let i: usize = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i))
}

// @ts-ignore: decorator
@inline
function checkRange(at: usize, length: u32): void {
  if (<u64>at + length > memoryBytes()) unreachable()
}

// @ts-ignore: decorator
@inline
function memoryBytes(): u64 {
  return <u64>memory.size() << 16
}
