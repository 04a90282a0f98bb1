import { createHash } from "node:crypto"
import { crc32c } from "@node-rs/crc32"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { toHex } from "../../../src/mkvs/Bytes.ts"
import type { Kernel } from "../../../src/mkvs/kernel/Kernel.ts"
import { primitives } from "../vectors.ts"

/** What every kernel must do. `make` gives a fresh one for each test. */
export const kernelSuite = (name: string, make: () => Kernel): void => {
  describe(`Kernel / ${name}`, () => {
    memoryCases(make)
    hashCases(make)
    leafCases(make)
    internalCases(make)
    checksumCases(make)
  })
}

const memoryCases = (make: () => Kernel): void => {
  it("offers memory from base on, and the empty hash below it", () => {
    const kernel = make()
    expect(kernel.base).toBeLessThanOrEqual(kernel.memory.length)
    expect(kernel.emptyHash + 32).toBeLessThanOrEqual(kernel.base)
    expect(read(kernel, kernel.emptyHash)).toBe(toHex(primitives().emptyHash))
  })

  it("reserve gives at least the bytes asked for, keeps content, never shrinks", () => {
    const kernel = make()
    const filled = noise(kernel.memory.length - kernel.base, 1)
    kernel.memory.set(filled, kernel.base)
    for (const bytes of [0, kernel.memory.length, 100_000, 65_536, 3_000_001, 40_000_000]) {
      const before = kernel.memory.length
      kernel.reserve(bytes)
      expect(kernel.memory.length).toBeGreaterThanOrEqual(Math.max(bytes, before))
      expect(Buffer.compare(kernel.memory.subarray(kernel.base, kernel.base + filled.length), filled)).toBe(0)
      expect(read(kernel, kernel.emptyHash)).toBe(toHex(primitives().emptyHash))
    }
    // new memory can be hashed up to its last byte
    const end = kernel.memory.length
    kernel.hash(end - 1000, 968, end - 32)
    expect(read(kernel, end - 32)).toBe(sha(new Uint8Array(968)))
  })

  it("reserve grows by doubling, but by at most 16 MiB beyond what is asked for", () => {
    const kernel = make()
    let growths = 0
    let before = kernel.memory.length
    for (let bytes = 0; bytes <= 48 * mebi; bytes += 65_536) {
      kernel.reserve(bytes)
      const grown = kernel.memory.length - before
      if (grown > 0) growths++
      expect(grown).toBeLessThanOrEqual(16 * mebi)
      before = kernel.memory.length
    }
    expect(growths).toBeLessThan(14)
  })

  it("reserve refuses more than 2 GiB and what is no size, and changes nothing", () => {
    const kernel = make()
    const { memory } = kernel
    for (const bytes of [2 ** 31 + 1, 2 ** 40, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => kernel.reserve(bytes)).toThrow(RangeError)
    }
    expect(() => kernel.reserve(2 ** 31 + 1)).toThrow("2147483648")
    expect(kernel.memory).toBe(memory)
  })

  it("a range outside memory throws", () => {
    const kernel = make()
    const { base } = kernel
    const end = kernel.memory.length
    for (const [at, length] of [
      [end - 10, 11],
      [end, 1],
      [base, end - base + 1],
      [base, 0x7fffffff]
    ] as const) {
      expect(() => kernel.hash(at, length, base)).toThrow()
      expect(() => kernel.crc32c(at, length)).toThrow()
    }
    expect(() => kernel.hash(base, 10, end - 31)).toThrow()
    expect(() => kernel.hashInternal(base, 3, end - 31, base, base, base)).toThrow()
    expect(() => kernel.hashInternal(end - 2, 3, base, base, base, base)).toThrow()
  })
}

const hashCases = (make: () => Kernel): void => {
  it("hashes every length from 0 to 600", () => {
    const kernel = make()
    const bytes = noise(600, 2)
    kernel.memory.set(bytes, kernel.base + 32)
    for (let length = 0; length <= 600; length++) {
      kernel.hash(kernel.base + 32, length, kernel.base)
      expect(read(kernel, kernel.base), `${length} bytes`).toBe(sha(bytes.subarray(0, length)))
    }
  })

  it("hashes at every alignment, for input and output", () => {
    const kernel = make()
    const bytes = noise(300, 3)
    for (let shift = 0; shift < 64; shift++) {
      const at = kernel.base + 128 + shift
      kernel.memory.set(bytes, at)
      for (const length of [0, 1, 15, 16, 17, 100, 111, 112, 127, 128, 129, 239, 240, 256, 300]) {
        kernel.hash(at, length, kernel.base + shift)
        expect(read(kernel, kernel.base + shift)).toBe(sha(bytes.subarray(0, length)))
      }
    }
  })

  it("hashes up to the last byte of memory, and onto its own input", () => {
    const kernel = make()
    const end = kernel.memory.length
    for (let length = 0; length <= 300; length++) {
      const bytes = noise(length, length)
      kernel.memory.set(bytes, end - length)
      kernel.hash(end - length, length, kernel.base)
      expect(read(kernel, kernel.base)).toBe(sha(bytes))
    }
    kernel.memory.set(noise(200, 4), kernel.base)
    kernel.hash(kernel.base, 200, kernel.base + 3)
    expect(read(kernel, kernel.base + 3)).toBe(sha(noise(200, 4)))
  })

  it("hashes long inputs of any length and content, and touches nothing but the output", () => {
    const kernel = make()
    kernel.reserve(kernel.base + 4 * mebi)
    const inputs = fc.sample(fc.tuple(fc.nat(200_000), fc.nat(1000), fc.nat()), { numRuns: 30, seed: 1 })
    for (const [length, shift, seed] of inputs) {
      const bytes = noise(length, seed)
      const at = kernel.base + 64 + shift
      kernel.memory.set(bytes, at)
      kernel.hash(at, length, kernel.base)
      expect(read(kernel, kernel.base)).toBe(sha(bytes))
      expect(Buffer.compare(kernel.memory.subarray(at, at + length), bytes)).toBe(0)
    }
    const bytes = noise(3 * mebi + 17, 5)
    kernel.memory.set(bytes, kernel.base + 33)
    kernel.hash(kernel.base + 33, bytes.length, kernel.base)
    expect(read(kernel, kernel.base)).toBe(sha(bytes))
  })
}

const leafCases = (make: () => Kernel): void => {
  const hashOf = (kernel: Kernel, key: Uint8Array, value: Uint8Array, at = kernel.base + 32): string => {
    kernel.memory.set(leaf(key, value), at)
    kernel.hashLeaf(at, kernel.base)
    return read(kernel, kernel.base)
  }

  it("reproduces the reference's leaf hashes", () => {
    const kernel = make()
    kernel.reserve(kernel.base + 200_000)
    const { leaves } = primitives()
    expect(leaves.length).toBe(5)
    for (const { hash, key, value } of leaves) {
      expect(hashOf(kernel, bytesOf(key), bytesOf(value))).toBe(toHex(hash))
    }
  })

  it("hashes leaves of every size from 0 to 400 bytes, key and value", () => {
    const kernel = make()
    for (let total = 0; total <= 400; total++) {
      for (const keyBytes of new Set([0, 1, 8, 32, 119, 120, 121, total].filter((bytes) => bytes <= total))) {
        const key = noise(keyBytes, total)
        const value = noise(total - keyBytes, total + 1)
        expect(hashOf(kernel, key, value, kernel.base + 32 + (total % 17))).toBe(leafSha(key, value))
      }
    }
  })

  it("hashes leaves at the end of memory and with values beyond 1 MiB", () => {
    const kernel = make()
    const end = kernel.memory.length
    for (const valueBytes of [0, 1, 64, 80, 81, 82, 83, 84, 200, 300]) {
      const [key, value] = [noise(32, 1), noise(valueBytes, 2)]
      expect(hashOf(kernel, key, value, end - 39 - valueBytes)).toBe(leafSha(key, value))
    }
    kernel.reserve(kernel.base + 8 * mebi)
    for (const valueBytes of [mebi, mebi + 1, 5 * mebi + 77]) {
      const [key, value] = [noise(8191, 3), noise(valueBytes, 4)]
      expect(hashOf(kernel, key, value)).toBe(leafSha(key, value))
    }
  })

  it("a declared length that leaves memory throws", () => {
    const kernel = make()
    const at = kernel.memory.length - 40
    const form = leaf(new Uint8Array(3), new Uint8Array(30))
    for (const [offset, byte] of [
      [1, 4],
      [2, 255],
      [6, 31],
      [9, 127],
      [9, 255]
    ] as const) {
      kernel.memory.set(form, at)
      kernel.memory[at + offset] = byte
      // a longer key moves the place where the value's length is read: make that length a long one as well
      if (offset < 3) kernel.memory.fill(255, at + 10)
      expect(() => kernel.hashLeaf(at, kernel.base), `byte ${offset} = ${byte}`).toThrow()
    }
  })
}

const internalCases = (make: () => Kernel): void => {
  it("hashes head ‖ leaf ‖ left ‖ right for every head up to 400 bytes and the longest", () => {
    const kernel = make()
    for (let headBytes = 3; headBytes <= 8195; headBytes += headBytes < 400 ? 1 : 1559) {
      const head = noise(headBytes, headBytes)
      const [leafHash, left, right] = [noise(32, 1), noise(32, 2), noise(32, headBytes + 3)]
      const at = kernel.base + (headBytes % 19)
      kernel.memory.set(head, at)
      kernel.memory.set(leafHash, at + 8200)
      kernel.memory.set(left, at + 8300)
      kernel.memory.set(right, at + 8400)
      kernel.hashInternal(at, headBytes, at + 8200, at + 8300, at + 8400, at + 8401)
      expect(read(kernel, at + 8401)).toBe(sha(Buffer.concat([head, leafHash, left, right])))
    }
  })

  it("takes the empty hash for absent children, the same child thrice, and heads at the end of memory", () => {
    const kernel = make()
    const { emptyHash } = kernel
    const empty = primitives().emptyHash
    const end = kernel.memory.length
    kernel.memory.set([1, 5, 0, 0xa8], end - 4)
    kernel.hashInternal(end - 4, 4, emptyHash, emptyHash, emptyHash, end - 40)
    expect(read(kernel, end - 40)).toBe(
      sha(Buffer.concat([Uint8Array.of(1, 5, 0, 0xa8), empty, empty, empty]))
    )
  })
}

const checksumCases = (make: () => Kernel): void => {
  it("has the known check value", () => {
    const kernel = make()
    kernel.memory.set(new TextEncoder().encode("123456789"), kernel.base)
    expect(kernel.crc32c(kernel.base, 9)).toBe(0xe3069283)
    expect(kernel.crc32c(kernel.base, 0)).toBe(0)
  })

  it("agrees with an independent implementation at every length from 0 to 600, every alignment, and long", () => {
    const kernel = make()
    kernel.reserve(kernel.base + 2 * mebi)
    const bytes = noise(mebi + 1000, 6)
    for (let length = 0; length <= 600; length++) {
      kernel.memory.set(bytes.subarray(0, length), kernel.base + (length % 67))
      expect(kernel.crc32c(kernel.base + (length % 67), length)).toBe(crc32c(bytes.subarray(0, length)))
    }
    for (let shift = 0; shift < 64; shift++) {
      const at = kernel.base + shift
      kernel.memory.set(bytes, at)
      for (const length of [1400 + shift, 4096 - shift, 20_000 + 7 * shift]) {
        expect(kernel.crc32c(at, length)).toBe(crc32c(bytes.subarray(0, length)))
      }
    }
    kernel.memory.set(bytes, kernel.base)
    expect(kernel.crc32c(kernel.base, bytes.length)).toBe(crc32c(bytes))
  })

  it("sees every flipped bit", () => {
    const kernel = make()
    kernel.memory.set(noise(150, 7), kernel.base)
    const right = kernel.crc32c(kernel.base, 150)
    for (let bit = 0; bit < 1200; bit++) {
      const at = kernel.base + (bit >> 3)
      kernel.memory[at] = kernel.memory[at]! ^ (1 << (bit & 7))
      expect(kernel.crc32c(kernel.base, 150)).not.toBe(right)
      kernel.memory[at] = kernel.memory[at]! ^ (1 << (bit & 7))
    }
  })
}

const mebi = 1_048_576

const sha = (bytes: Uint8Array): string => createHash("sha512-256").update(bytes).digest("hex")

const read = (kernel: Kernel, at: number): string => toHex(kernel.memory.subarray(at, at + 32))

/** Storage form of a leaf, with a 16-bit key length. */
const leaf = (key: Uint8Array, value: Uint8Array): Uint8Array => {
  const form = Buffer.alloc(7 + key.length + value.length)
  form.writeUInt16LE(key.length, 1)
  form.set(key, 3)
  form.writeUInt32LE(value.length, 3 + key.length)
  form.set(value, 7 + key.length)
  return form
}

/** Hash of the form that is hashed, with a 32-bit key length. */
const leafSha = (key: Uint8Array, value: Uint8Array): string => {
  const form = Buffer.alloc(9 + key.length + value.length)
  form.writeUInt32LE(key.length, 1)
  form.set(key, 5)
  form.writeUInt32LE(value.length, 5 + key.length)
  form.set(value, 9 + key.length)
  return sha(form)
}

/** Bytes that look random and are the same for the same seed. */
const noise = (length: number, seed: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** The vectors' texts: hex, or `<hex of one byte> x<count>`. */
const bytesOf = (text: string): Uint8Array => {
  const repeated = /^(..) x(\d+)$/.exec(text)
  if (repeated === null) return Buffer.from(text, "hex")
  return new Uint8Array(Number(repeated[2])).fill(Number.parseInt(repeated[1]!, 16))
}
