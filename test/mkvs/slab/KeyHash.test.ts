import { describe, expect, it } from "@effect/vitest"
import { keyHash, randomSeed } from "../../../src/mkvs/slab/KeyHash.ts"

const one = { a: 1, b: 2 }
const other = { a: 3, b: 4 }

const numbered = (i: number): Uint8Array => new TextEncoder().encode(`key ${i}`)

/** Of `keys`, how many share the fullest of 256 slots. */
const fullest = (hash: (key: Uint8Array) => number, keys: ReadonlyArray<Uint8Array>): number => {
  const counts = new Array<number>(256).fill(0)
  for (const key of keys) counts[hash(key) & 0xff]! += 1
  return Math.max(...counts)
}

describe("keyHash", () => {
  it("depends on every bit, on the length and on the seed", () => {
    const hashes = new Set<number>()
    for (let length = 0; length <= 40; length++) hashes.add(keyHash(one, new Uint8Array(length)))
    expect(hashes.size).toBe(41)
    for (let bit = 0; bit < 8 * 33; bit++) {
      const key = new Uint8Array(33)
      key[bit >>> 3] = 0x80 >>> (bit & 7)
      hashes.add(keyHash(one, key))
    }
    expect(hashes.size).toBe(41 + 8 * 33)
    expect(keyHash(one, numbered(1))).not.toBe(keyHash(other, numbered(1)))
    expect(keyHash(one, numbered(1))).toBe(keyHash(one, Buffer.from(numbered(1))))
  })

  it("spreads keys that differ little, and keys chosen to collide under another seed", () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => numbered(i))
    expect(fullest((key) => keyHash(one, key), keys)).toBeLessThan(600)
    const chosen = keys.filter((key) => (keyHash(one, key) & 0xff) === 0)
    expect(chosen.length).toBeGreaterThan(200)
    expect(fullest((key) => keyHash(one, key), chosen)).toBe(chosen.length)
    expect(fullest((key) => keyHash(other, key), chosen)).toBeLessThan(20)
  })

  it("each seed drawn is another one", () => {
    const seeds = Array.from({ length: 1000 }, randomSeed)
    expect(new Set(seeds.map(({ a, b }) => `${a} ${b}`)).size).toBe(1000)
  })
})
