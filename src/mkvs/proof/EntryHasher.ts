import type { Hasher } from "../Hasher.ts"
import { hashBytes } from "../Hasher.ts"
import { emptyHash } from "../Node.ts"

/** Hashes nodes where they lie in a proof's bytes. Not re-entrant: preimages are put together in one buffer. */
export class EntryHasher {
  private readonly hasher: Hasher
  private preimage = new Uint8Array(1024)

  constructor(hasher: Hasher) {
    this.hasher = hasher
  }

  /** Of the leaf whose storage form is `bytes[at, end)`; the preimage's key length has two bytes more. */
  leaf(bytes: Uint8Array, at: number, end: number): Uint8Array {
    const length = end - at + 2
    const out = this.reserve(length)
    out[0] = 0
    out[1] = bytes[at + 1]!
    out[2] = bytes[at + 2]!
    out[3] = 0
    out[4] = 0
    out.set(bytes.subarray(at + 3, end), 5)
    return this.hasher.hash(out.subarray(0, length))
  }

  /** Of the internal node whose preimage begins with `bytes[head, headEnd)`; `undefined` is an absent child. */
  internal(
    bytes: Uint8Array,
    head: number,
    headEnd: number,
    leaf: Uint8Array | undefined,
    left: Uint8Array | undefined,
    right: Uint8Array | undefined
  ): Uint8Array {
    const headLength = headEnd - head
    const length = headLength + 3 * hashBytes
    const out = this.reserve(length)
    out.set(bytes.subarray(head, headEnd), 0)
    out.set(leaf ?? emptyHash, headLength)
    out.set(left ?? emptyHash, headLength + hashBytes)
    out.set(right ?? emptyHash, headLength + 2 * hashBytes)
    return this.hasher.hash(out.subarray(0, length))
  }

  private reserve(length: number): Uint8Array {
    if (this.preimage.length < length) this.preimage = new Uint8Array(2 * length)
    return this.preimage
  }
}
