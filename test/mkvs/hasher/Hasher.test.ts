import { createHash, randomBytes } from "node:crypto"
import { afterEach, describe, expect, it, vi } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { toHex } from "../../../src/mkvs/Bytes.ts"
import type { Hasher } from "../../../src/mkvs/Hasher.ts"
import { defaultHasher, makeWasmHasher, portableHasher } from "../../../src/mkvs/hasher/index.ts"
import { makeHashStream, nodeHasher } from "../../../src/mkvs/hasher/NodeHasher.ts"
import { primitives } from "../vectors.ts"

const oracle = (bytes: Uint8Array): string => createHash("sha512-256").update(bytes).digest("hex")

const suite = (name: Hasher["name"], hasher: Hasher, longest: number): void => {
  describe(`Hasher / ${name}`, () => {
    const long = randomBytes(longest + 300)

    it("is called so, and knows the empty hash", () => {
      expect(hasher.name).toBe(name)
      expect(hasher.hash(new Uint8Array(0))).toEqual(primitives().emptyHash)
    })

    it("hashes every length from 0 to 600", () => {
      const bytes = randomBytes(600)
      for (let length = 0; length <= 600; length++) {
        expect(toHex(hasher.hash(bytes.subarray(0, length))), `${length} bytes`).toBe(
          oracle(bytes.subarray(0, length))
        )
      }
    })

    it("hashes long inputs around every piece boundary", () => {
      const lengths = [65_536, 131_072, 196_608, longest].filter((length) => length <= longest)
      for (const length of lengths.flatMap((length) => [
        length - 129,
        length - 1,
        length,
        length + 1,
        length + 200
      ])) {
        const part = long.subarray(7, 7 + length)
        expect(toHex(hasher.hash(part)), `${length} bytes`).toBe(oracle(part))
      }
    })

    it.prop(
      "hashes any part of a buffer",
      [fc.nat(300), fc.nat(Math.min(longest, 300_000))],
      ([from, length]) => {
        const part = long.subarray(from, from + length)
        expect(toHex(hasher.hash(part))).toBe(oracle(part))
      },
      { fastCheck: { numRuns: 30 } }
    )

    it("gives 32 fresh bytes, a plain array, and leaves the input alone", () => {
      const bytes = randomBytes(90)
      const before = toHex(bytes)
      const first = hasher.hash(bytes)
      hasher.hash(randomBytes(50)).fill(0)
      expect(toHex(first)).toBe(oracle(bytes))
      expect(toHex(bytes)).toBe(before)
      expect(first.constructor).toBe(Uint8Array)
      expect(first.length).toBe(32)
    })
  })
}

suite("wasm", makeWasmHasher(), 3_000_000)
suite("node-crypto", nodeHasher, 3_000_000)
suite("portable", portableHasher, 300_000)

describe("defaultHasher", () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.resetModules()
  })

  it("is wasm here, the same one every time", () => {
    expect(defaultHasher().name).toBe("wasm")
    expect(defaultHasher()).toBe(defaultHasher())
  })

  it("is portable where WebAssembly is missing", async () => {
    vi.resetModules()
    vi.stubGlobal("WebAssembly", undefined)
    const fresh = await import("../../../src/mkvs/hasher/index.ts")
    expect(fresh.defaultHasher().name).toBe("portable")
    expect(toHex(fresh.defaultHasher().hash(Uint8Array.of(1)))).toBe(oracle(Uint8Array.of(1)))
  })
})

describe("makeHashStream", () => {
  it.prop(
    "hashes any pieces as their concatenation, and then is used up",
    [fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 })],
    ([pieces]) => {
      const stream = makeHashStream()
      for (const piece of pieces) stream.update(piece)
      const digest = stream.digest()
      expect(digest).toEqual(nodeHasher.hash(Buffer.concat(pieces)))
      expect(digest.constructor).toBe(Uint8Array)
      expect(() => stream.digest()).toThrow()
      expect(() => stream.update(new Uint8Array(1))).toThrow()
    }
  )
})
