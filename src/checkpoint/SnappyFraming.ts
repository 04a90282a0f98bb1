import { crc32c } from "@node-rs/crc32"
import { Schema } from "effect"
import { compressSync, uncompressSync } from "snappy"

/**
 * The snappy framing format (google/snappy, `framing_format.txt`), byte for byte as the reference's buffered writer
 * makes it: a stream identifier before the first block, then blocks of at most 65,536 input bytes, each with its
 * masked CRC-32C. Nothing written gives no bytes at all.
 */

/** Input bytes in a full block. */
export const blockBytes = 65_536

/** Bytes that are no snappy framing stream, or expand to more than was allowed. Nothing of them may be used. */
export class MalformedSnappy extends Schema.TaggedError<MalformedSnappy>()("MalformedSnappy", {
  reason: Schema.String,
  offset: Schema.Number
}) {
  override get message() {
    return `malformed snappy stream: ${this.reason} at byte ${this.offset}`
  }
}

/**
 * Compresses a sequence of writes. To write, make room with `reserve`, put the bytes at `input[at]`, and `commit` the
 * position after them. Framed bytes gather in `output[0, outputBytes)` until the caller takes them and sets
 * `outputBytes` to 0; they are only valid until the next call.
 *
 * Where writes begin and end matters: see `commit`.
 */
export class SnappyFramer {
  /** Replaced when `reserve` grows it: read it again after every call. */
  input = new Uint8Array(inputBytes)
  /** Where the next write goes; everything before it is not compressed yet. */
  at = 0
  output = new Uint8Array(outputBytesAtFirst)
  outputBytes = 0
  #begun = false

  /** Makes room for a write of `bytes`. */
  reserve(bytes: number): void {
    const needed = this.at + bytes
    if (needed <= this.input.length) return
    const grown = new Uint8Array(needed)
    grown.set(this.input.subarray(0, this.at))
    this.input = grown
  }

  /**
   * Ends the write that lies in `input[at, end)`. As in the reference's writer, a full block is only compressed when
   * something follows it; and what is left of one write after the current block was filled waits for more only if it
   * fits into one block, else it is compressed at once, its short tail as a short block.
   */
  commit(end: number): void {
    if (end <= blockBytes) {
      this.at = end
      return
    }
    let from = 0
    if (this.at > 0) {
      this.#block(0, blockBytes)
      from = blockBytes
    }
    if (end - from > blockBytes) {
      for (; from < end; from += blockBytes) this.#block(from, Math.min(from + blockBytes, end))
      this.at = 0
    } else {
      this.input.copyWithin(0, from, end)
      this.at = end - from
    }
    if (this.input.length > keptInputBytes) this.#shrinkInput()
  }

  /** Compresses what is left. The next write begins a new stream. */
  finish(): void {
    if (this.at > 0) this.#block(0, this.at)
    this.at = 0
    this.#begun = false
  }

  /** Lets go of the room that one very large write needed. */
  #shrinkInput(): void {
    const small = new Uint8Array(inputBytes)
    small.set(this.input.subarray(0, this.at))
    this.input = small
  }

  #block(from: number, to: number): void {
    const plain = this.input.subarray(from, to)
    const length = to - from
    // The native call's own buffers would live until a finaliser runs: at 100 MB a second that is memory nobody counts.
    const compressed = compressSync(plain, { copyOutputData: true })
    const worthIt = compressed.length < length - Math.floor(length / 8)
    const body = worthIt ? compressed : plain
    this.#makeOutputRoom(body.length)
    const out = this.output
    let at = this.outputBytes
    if (!this.#begun) {
      out.set(streamIdentifier, at)
      at += streamIdentifier.length
      this.#begun = true
    }
    const bodyBytes = body.length + checksumBytes
    out[at] = worthIt ? chunkType.compressed : chunkType.uncompressed
    out[at + 1] = bodyBytes & 0xff
    out[at + 2] = (bodyBytes >>> 8) & 0xff
    out[at + 3] = bodyBytes >>> 16
    const checksum = maskedChecksum(plain)
    out[at + 4] = checksum & 0xff
    out[at + 5] = (checksum >>> 8) & 0xff
    out[at + 6] = (checksum >>> 16) & 0xff
    out[at + 7] = checksum >>> 24
    out.set(body, at + 8)
    this.outputBytes = at + 8 + body.length
  }

  #makeOutputRoom(bodyBytes: number): void {
    const needed = this.outputBytes + streamIdentifier.length + 8 + bodyBytes
    if (needed <= this.output.length) return
    const grown = new Uint8Array(Math.max(needed, 2 * this.output.length))
    grown.set(this.output.subarray(0, this.outputBytes))
    this.output = grown
  }
}

/**
 * Bytes that `framed` expands to, by its headers alone: nothing is decompressed, nothing allocated. Throws
 * `MalformedSnappy` where the headers are wrong or the sum exceeds `maxBytes`.
 *
 * Accepted is what the reference's reader accepts: padding and skippable chunks (80 … fe) and repeated stream
 * identifiers among the blocks, no chunk longer than the longest useful one.
 */
export const unframedLength = (framed: Uint8Array, maxBytes: number): number => {
  let total = 0
  forEachChunk(framed, (type, start, end) => {
    if (type > chunkType.uncompressed) return
    total += blockLength(framed, type, start, end)
    if (total > maxBytes) throw malformed(`expands to more than ${maxBytes} bytes`, start)
  })
  return total
}

/**
 * Expands `framed` into `out` from `at` on and returns the position after it. `out` must have room for what
 * `unframedLength` told. Throws `MalformedSnappy`, also where a checksum is wrong.
 */
export const unframeInto = (framed: Uint8Array, out: Uint8Array, at: number): number => {
  let position = at
  forEachChunk(framed, (type, start, end) => {
    if (type > chunkType.uncompressed) return
    const length = blockLength(framed, type, start, end)
    const body = framed.subarray(start + checksumBytes, end)
    const plain = type === chunkType.compressed ? expand(body, length, start) : body
    if (maskedChecksum(plain) !== readU32(framed, start))
      throw malformed("wrong checksum of the block", start)
    out.set(plain, position)
    position += length
  })
  return position
}

/** Expands a whole stream into a fresh array of at most `maxBytes`. Throws `MalformedSnappy`. */
export const unframe = (framed: Uint8Array, maxBytes: number): Uint8Array => {
  const out = new Uint8Array(unframedLength(framed, maxBytes))
  unframeInto(framed, out, 0)
  return out
}

const chunkType = {
  compressed: 0x00,
  uncompressed: 0x01,
  firstSkippable: 0x80,
  streamIdentifier: 0xff
} as const
const streamIdentifier = Uint8Array.of(0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59)
const checksumBytes = 4
/** Of a compressed block of 65,536 bytes at worst, with its checksum; the reference reads no longer chunk. */
const maxChunkBytes = 32 + blockBytes + Math.floor(blockBytes / 6) + checksumBytes

/** A block not yet compressed, and room for usual writes that begin in its last bytes. */
const inputBytes = 2 * blockBytes
const keptInputBytes = 16 * blockBytes
const outputBytesAtFirst = 4 * blockBytes

const malformed = (reason: string, offset: number) => new MalformedSnappy({ reason, offset })

/** CRC-32C, rotated and offset as the format asks, so that a checksum of data with checksums is no special case. */
const maskedChecksum = (plain: Uint8Array): number => {
  const crc = crc32c(plain)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

const readU32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0

/** Calls `visit` with the type and body of each chunk in turn, after checking its header and bounds. */
const forEachChunk = (
  framed: Uint8Array,
  visit: (type: number, start: number, end: number) => void
): void => {
  let at = 0
  while (at < framed.length) {
    if (at + 4 > framed.length) throw malformed("header cut off", at)
    const type = framed[at]!
    const length = framed[at + 1]! | (framed[at + 2]! << 8) | (framed[at + 3]! << 16)
    if (at === 0 && type !== chunkType.streamIdentifier) throw malformed("no stream identifier", at)
    if (length > maxChunkBytes) throw malformed(`chunk of ${length} bytes, at most ${maxChunkBytes}`, at)
    if (at + 4 + length > framed.length) throw malformed("chunk cut off", at)
    if (type > chunkType.uncompressed && type < chunkType.firstSkippable)
      throw malformed(`unknown chunk type ${type}`, at)
    if (type === chunkType.streamIdentifier) checkStreamIdentifier(framed, at, length)
    visit(type, at + 4, at + 4 + length)
    at += 4 + length
  }
}

const checkStreamIdentifier = (framed: Uint8Array, at: number, length: number): void => {
  const wrong =
    length !== streamIdentifier.length - 4 || streamIdentifier.some((byte, i) => framed[at + i] !== byte)
  if (wrong) throw malformed("wrong stream identifier", at)
}

/** Plain bytes in the block whose chunk body is `framed[start, end)`; compressed ones declare it in a varint. */
const blockLength = (framed: Uint8Array, type: number, start: number, end: number): number => {
  if (end - start < checksumBytes) throw malformed("block without checksum", start)
  const length =
    type === chunkType.compressed
      ? readVarint(framed, start + checksumBytes, end)
      : end - start - checksumBytes
  if (length > blockBytes) throw malformed(`block of ${length} bytes, at most ${blockBytes}`, start)
  return length
}

/** A little-endian base-128 number of at most 32 bits. */
const readVarint = (bytes: Uint8Array, start: number, end: number): number => {
  let value = 0
  for (let i = 0; i < 5 && start + i < end; i++) {
    const byte = bytes[start + i]!
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return value
  }
  throw malformed("block without length", start)
}

const expand = (body: Uint8Array, length: number, offset: number): Uint8Array => {
  let plain: string | Uint8Array
  try {
    plain = uncompressSync(body, { asBuffer: true, copyOutputData: true })
  } catch (cause) {
    throw malformed(cause instanceof Error ? cause.message : String(cause), offset)
  }
  if (typeof plain === "string" || plain.length !== length) throw malformed("block of another length", offset)
  return plain
}
