import { nullByte, writeBytesHeader } from "../mkvs/CborEntries.ts"
import { makeHashStream } from "../mkvs/hasher/NodeHasher.ts"
import type { TreeNode } from "../mkvs/TreeNode.ts"
import { blockBytes, SnappyFramer, unframe } from "./SnappyFraming.ts"

/**
 * The bytes of a chunk (`spec/checkpoint.md`, Bytes): the entries of a V0 proof in pre-order, each one CBOR byte string
 * (`null` for an empty place), framed by snappy. The chunk's digest is the hash of the framed bytes.
 */

/** Takes a proof's entries in pre-order, one after the other. */
export interface EntrySink {
  /** An included node: `01 ‖ compact V0`. */
  node(node: TreeNode): void
  /** A node that exists but is left out: `02 ‖ hash`. */
  hash(hash: Uint8Array): void
  /** An empty place. */
  absent(): void
}

/** Longest chunk in framed form that is looked at, when its decompressed form may have `decompressedMax` bytes. */
export const framedBytesMax = (decompressedMax: number): number =>
  // a frame of 8 bytes for each block, and blocks may be shorter than usual after an entry longer than one
  decompressedMax + Math.ceil(decompressedMax / 64) + blockBytes

/**
 * The entries of a chunk, each framed as CBOR, as `ProofScanner` reads them. They are not verified. Throws
 * `MalformedSnappy`, before anything is allocated where they would have more than `decompressedMax` bytes.
 */
export const decodeChunk = (framed: Uint8Array, decompressedMax: number): Uint8Array =>
  unframe(framed, decompressedMax)

/**
 * Makes chunks, one after the other, holding about two blocks of 64 KiB, whatever their size. The writer of the chunk
 * takes the framed bytes away from time to time; those not taken gather in memory.
 */
export class ChunkWriter implements EntrySink {
  /** Bytes of the entries of this chunk so far, before compression. */
  entryBytes = 0
  readonly #framer = new SnappyFramer()
  #digest = makeHashStream()
  #taken = 0

  node(node: TreeNode): void {
    const compactBytes = node.compactSize
    const start = this.#begin(compactBytes + 1)
    this.#framer.input[start] = entryTag.node
    const end = node.writeCompact(this.#framer.input, start + 1)
    if (end !== start + 1 + compactBytes) throw new Error("a node's encoding is not as long as it said")
    this.#framer.commit(end)
  }

  hash(hash: Uint8Array): void {
    const start = this.#begin(hash.length + 1)
    this.#framer.input[start] = entryTag.hash
    this.#framer.input.set(hash, start + 1)
    this.#framer.commit(start + 1 + hash.length)
  }

  absent(): void {
    this.#framer.reserve(1)
    this.#framer.input[this.#framer.at] = nullByte
    this.entryBytes++
    this.#framer.commit(this.#framer.at + 1)
  }

  /** Framed bytes not taken yet. */
  get pendingBytes(): number {
    return this.#framer.outputBytes
  }

  /** Framed bytes since the last call, in order. Valid until the next call of any member. */
  take(): Uint8Array {
    const bytes = this.#framer.output.subarray(0, this.#framer.outputBytes)
    this.#framer.outputBytes = 0
    this.#digest.update(bytes)
    this.#taken += bytes.length
    return bytes
  }

  /** Ends the entries; what is left is still to be taken. */
  finish(): void {
    this.#framer.finish()
  }

  /** Of a chunk that is finished and taken. The next entry begins a new chunk. */
  summary(): ChunkSummary {
    const summary = {
      digest: this.#digest.digest(),
      entryBytes: this.entryBytes,
      framedBytes: this.#taken
    }
    this.#digest = makeHashStream()
    this.entryBytes = 0
    this.#taken = 0
    return summary
  }

  /** Writes the header of an entry of `bytes` and returns the position after it. */
  #begin(bytes: number): number {
    this.#framer.reserve(longestHeader + bytes)
    const at = this.#framer.at
    const start = writeBytesHeader(this.#framer.input, at, bytes)
    this.entryBytes += start - at + bytes
    return start
  }
}

export interface ChunkSummary {
  readonly digest: Uint8Array
  /** Before compression. */
  readonly entryBytes: number
  readonly framedBytes: number
}

const entryTag = { node: 0x01, hash: 0x02 } as const
const longestHeader = 5
