import { type Hasher, hashBytes } from "../Hasher.ts"
import { crc32c } from "./crc32c.ts"
import type { Kernel } from "./Kernel.ts"
import { assertMemoryBytes, grownBytes, wasmPageBytes } from "./memory.ts"

/**
 * The kernel in plain JavaScript with any hasher: for places without WebAssembly, and the check of the other kernel.
 * A range outside `memory` throws `RangeError`.
 */
export const makePortableKernel = (hasher: Hasher): Kernel => new PortableKernel(hasher)

/** Tag, label length, longest label. */
const headBytesMax = 3 + 8192

class PortableKernel implements Kernel {
  readonly name = "portable"
  memory: Uint8Array = new Uint8Array(wasmPageBytes)
  readonly base = 64
  readonly emptyHash = 0
  readonly #hasher: Hasher

  constructor(hasher: Hasher) {
    this.#hasher = hasher
    this.hash(0, 0, this.emptyHash)
  }

  reserve(bytes: number): void {
    assertMemoryBytes(bytes)
    if (bytes <= this.memory.length) return
    const grown = new Uint8Array(grownBytes(this.memory.length, bytes))
    grown.set(this.memory)
    this.memory = grown
  }

  hash(at: number, length: number, out: number): void {
    this.#write(this.#range(at, length), out)
  }

  hashLeaf(at: number, out: number): void {
    const keyLength = this.#uint(at + 1, 2)
    const valueLength = this.#uint(at + 3 + keyLength, 4)
    // checked before anything of that size is allocated
    const content = this.#range(at + 3, keyLength + 4 + valueLength)
    const form = new Uint8Array(5 + content.length)
    form.set(this.#range(at + 1, 2), 1)
    form.set(content, 5)
    this.#write(form, out)
  }

  hashInternal(
    head: number,
    headLength: number,
    leaf: number,
    left: number,
    right: number,
    out: number
  ): void {
    if (headLength > headBytesMax)
      throw new RangeError(`head of ${headLength} bytes: at most ${headBytesMax}`)
    const form = new Uint8Array(headLength + 3 * hashBytes)
    form.set(this.#range(head, headLength))
    form.set(this.#range(leaf, hashBytes), headLength)
    form.set(this.#range(left, hashBytes), headLength + hashBytes)
    form.set(this.#range(right, hashBytes), headLength + 2 * hashBytes)
    this.#write(form, out)
  }

  crc32c(at: number, length: number): number {
    return crc32c(this.#range(at, length))
  }

  #write(message: Uint8Array, out: number): void {
    this.#range(out, hashBytes).set(this.#hasher.hash(message))
  }

  /** Little-endian. */
  #uint(at: number, bytes: number): number {
    return this.#range(at, bytes).reduceRight((high, byte) => high * 256 + byte, 0)
  }

  // subarray would shorten a range that leaves the memory, and hash what is left
  #range(at: number, length: number): Uint8Array {
    if (!(at >= 0 && length >= 0 && at + length <= this.memory.length)) {
      throw new RangeError(
        `bytes ${at} to ${at + length} lie outside the kernel's ${this.memory.length} bytes`
      )
    }
    return this.memory.subarray(at, at + length)
  }
}
