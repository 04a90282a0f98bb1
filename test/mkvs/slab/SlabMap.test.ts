import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Bytes from "../../../src/mkvs/Bytes.ts"
import { keyRange } from "../../../src/mkvs/KeyRange.ts"
import { SlabMap } from "../../../src/mkvs/SlabMap.ts"
import { holds } from "../holds.ts"
import { apply, type Change, change, changes, iterateOptions, listing, Model } from "../model.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const keysInOrder = (map: SlabMap): ReadonlyArray<string> =>
  Array.from(map.sortedIndexes(), (entry) => Bytes.toHex(map.copyKey(entry)))

const expectSorted = (map: SlabMap): void => {
  const order = map.sortedIndexes()
  expect(order.length).toBe(map.size)
  let inOrder = 0
  for (let i = 1; i < order.length; i++) {
    if (Bytes.compare(map.copyKey(order[i - 1]!), map.copyKey(order[i]!)) < 0) inOrder++
  }
  // Strictly ascending keys, as many as there are entries: each entry is there, once.
  expect(inOrder).toBe(Math.max(0, map.size - 1))
}

/** Small and fast, with a fixed seed: the same keys in every run. */
const randomWords = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x9e3779b9) | 0
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
}

describe("SlabMap", () => {
  it("keeps a value, a removal, and nothing apart", () => {
    const map = new SlabMap()
    expect(map.get(bytes("a"))).toBeUndefined()
    expect(map.find(bytes("a"))).toBe(-1)
    map.set(bytes("a"), bytes("1"))
    map.set(Bytes.empty, Bytes.empty)
    map.setRemoved(bytes("b"))
    expect(map.get(bytes("a"))).toEqual(bytes("1"))
    expect(map.get(Bytes.empty)).toEqual(Bytes.empty)
    expect(map.get(bytes("b"))).toBeNull()
    expect(map.size).toBe(3)
    map.setRemoved(bytes("a"))
    map.set(bytes("b"), bytes("2"))
    expect(map.get(bytes("a"))).toBeNull()
    expect(map.get(bytes("b"))).toEqual(bytes("2"))
    expect(map.size).toBe(3)
  })

  it("the accessors by number show the same bytes in place", () => {
    const map = new SlabMap()
    map.set(bytes("key"), bytes("value"))
    map.setRemoved(bytes("gone"))
    const entry = map.find(bytes("key"))
    const at = map.keyOffset(entry)
    expect(map.keyLength(entry)).toBe(3)
    expect(Bytes.copy(map.bufferOf(entry).subarray(at, at + 3))).toEqual(bytes("key"))
    expect(map.valueLength(entry)).toBe(5)
    const valueAt = map.valueOffset(entry)
    expect(Bytes.copy(map.bufferOf(entry).subarray(valueAt, valueAt + 5))).toEqual(bytes("value"))
    expect(map.valueLength(map.find(bytes("gone")))).toBe(-1)
  })

  it("replaces values in place where they fit: alternating sizes do not use up memory", () => {
    const map = new SlabMap()
    const sizes = [0, 1000, 10, 999]
    map.set(bytes("key"), new Uint8Array(1000))
    const allocated = map.allocatedBytes
    for (let i = 0; i < 10_000; i++) {
      map.set(bytes("key"), new Uint8Array(sizes[i % 4]!).fill(i))
      if (i % 7 === 0) map.setRemoved(bytes("key"))
    }
    expect(map.allocatedBytes).toBe(allocated)
    expect(map.get(bytes("key"))).toEqual(new Uint8Array(999).fill(9999))
  })

  it("a value that keeps growing costs memory in proportion to its size", () => {
    const map = new SlabMap()
    for (let size = 0; size <= 200_000; size += 500) map.set(bytes("key"), new Uint8Array(size).fill(size))
    expect(Bytes.equal(map.get(bytes("key"))!, new Uint8Array(200_000).fill(200_000))).toBe(true)
    expect(map.allocatedBytes).toBeLessThan(2_000_000)
  })

  it("a new map holds next to nothing, and a small one that is cleared allocates nothing when used again", () => {
    const map = new SlabMap()
    expect(map.allocatedBytes).toBeLessThan(100)
    const fill = (round: number): number => {
      map.clear()
      for (let i = 0; i < 20; i++) map.set(bytes(`key ${i}`), bytes(`value ${i} of ${round}`))
      return map.allocatedBytes
    }
    const [first, second, third] = [fill(1), fill(2), fill(3)]
    expect(second).toBeLessThanOrEqual(first!)
    expect(third).toBe(second)
    expect(map.size).toBe(20)
    expect(map.get(bytes("key 7"))).toEqual(bytes("value 7 of 3"))
  })

  it("takes values of more than a piece", () => {
    const map = new SlabMap()
    const big = new Uint8Array(5 * 1024 * 1024).fill(7)
    for (let i = 0; i < 8; i++) {
      map.set(bytes(`big ${i}`), big.subarray(i))
      map.set(bytes(`small ${i}`), bytes(`${i}`))
    }
    for (let i = 0; i < 8; i++) {
      expect(map.valueLength(map.find(bytes(`big ${i}`)))).toBe(big.length - i)
      expect(map.get(bytes(`small ${i}`))).toEqual(bytes(`${i}`))
    }
    expect(Bytes.equal(map.get(bytes("big 3"))!, big.subarray(3))).toBe(true)
    expectSorted(map)
  })

  it("finds all of many keys again, whatever the seed", () => {
    for (const seed of [
      { a: 0, b: 0 },
      { a: 0xffffffff, b: 1 }
    ]) {
      const map = new SlabMap(seed)
      const count = 30_000
      for (let i = 0; i < count; i++) map.set(bytes(`${i}`), bytes(`value ${i}`))
      expect(map.size).toBe(count)
      let found = 0
      for (let i = 0; i < count; i++) if (Bytes.equal(map.get(bytes(`${i}`))!, bytes(`value ${i}`))) found++
      expect(found).toBe(count)
      expect(map.find(bytes(`${count}`))).toBe(-1)
    }
  })

  it("sorts keys of every shape", () => {
    const words = randomWords(1)
    const shapes: Record<string, (i: number) => Uint8Array> = {
      random: () => Uint8Array.from({ length: 32 }, () => words()),
      "empty and short": () => Uint8Array.from({ length: words() % 4 }, () => words()),
      "prefixes of each other": (i) => new Uint8Array(i % 3000),
      "prefixes of each other, of other bytes": (i) => new Uint8Array(i % 3000).fill(i % 2 === 0 ? 0xff : 0),
      "a long common prefix": (i) => bytes(`${"common ".repeat(30)}${i}`),
      "a long common prefix, but for one": (i) => bytes(i === 17 ? "b" : `${"a".repeat(50)}${i}`),
      "each parting later": (i) => {
        const key = new Uint8Array(4000)
        key[i % 4000] = 1
        return key
      }
    }
    for (const [shape, keyOf] of Object.entries(shapes)) {
      const map = new SlabMap()
      for (let i = 0; i < 4000; i++) map.set(keyOf(i), bytes(shape))
      expectSorted(map)
    }
  })

  it("sorts more than 2^20 entries", () => {
    const map = new SlabMap()
    const words = randomWords(2)
    const key = new Uint8Array(8)
    const view = new DataView(key.buffer)
    for (let i = 0; i < 1_100_000; i++) {
      view.setUint32(0, words())
      view.setUint32(4, i)
      map.set(key, Bytes.empty)
    }
    expect(map.size).toBe(1_100_000)
    expectSorted(map)
  })

  it("equals the model: look-ups and walks between any two changes", () => {
    holds(
      FastCheck.property(
        FastCheck.array(FastCheck.tuple(change, iterateOptions), { maxLength: 60 }),
        (steps) => {
          const map = new SlabMap()
          const model = new Model()
          for (const [[key, value], options] of steps) {
            if (value === undefined) map.setRemoved(key)
            else map.set(key, value)
            // The model has no removals that stay as entries: they are kept as a value of their own.
            model.insert(key, value ?? bytes("removed"))
            const cursor = map.cursor(keyRange(options))
            const seen: Array<string> = []
            for (; cursor.entry >= 0; cursor.advance()) {
              const shown = map.isRemoved(cursor.entry) ? bytes("removed") : map.copyValue(cursor.entry)
              seen.push(`${Bytes.toHex(map.copyKey(cursor.entry))}=${Bytes.toHex(shown)}`)
            }
            expect(seen).toEqual(listing(model, options))
          }
          expect(keysInOrder(map)).toEqual([...model.iterate()].map(([key]) => Bytes.toHex(key)))
        }
      ),
      300
    )
  })

  it("keeps the order of many keys up to date in small steps", () => {
    const map = new SlabMap()
    const words = randomWords(3)
    for (let round = 0; round < 400; round++) {
      for (let i = words() % 40; i >= 0; i--) map.set(bytes(`${words() % 100_000}`), bytes("x"))
      const from = bytes(`${words() % 100_000}`)
      const cursor = map.cursor(keyRange({ from, reverse: round % 2 === 0 }))
      const entry = cursor.entry
      if (entry >= 0)
        expect(map.compareKey(entry, from) * (round % 2 === 0 ? -1 : 1)).toBeGreaterThanOrEqual(0)
      if (round % 50 === 0) expectSorted(map)
    }
    expectSorted(map)
  })

  it("a walk under way survives keys that come in, and ends when the map is cleared", () => {
    for (const reverse of [false, true]) {
      const map = new SlabMap()
      for (let i = 0; i < 3000; i++) map.set(bytes(`key ${1000 + i}`), bytes("old"))
      const cursor = map.cursor(keyRange({ reverse }))
      const seen: Array<string> = []
      for (let step = 0; cursor.entry >= 0; cursor.advance(), step++) {
        seen.push(Buffer.from(map.copyKey(cursor.entry)).toString())
        map.set(bytes(`key ${1000 + step}+`), bytes("new"))
        if (step % 100 === 0) map.sortedIndexes()
      }
      const old = seen.filter((key) => !key.endsWith("+"))
      const expected = Array.from({ length: 3000 }, (_, i) => `key ${1000 + i}`)
      expect(old).toEqual(reverse ? expected.reverse() : expected)
      const other = map.cursor(keyRange())
      map.clear()
      expect(other.entry).toBe(-1)
      other.advance()
      expect(other.entry).toBe(-1)
    }
  })

  it("is usable after clear, large or small", () => {
    holds(
      FastCheck.property(
        FastCheck.array(changes(), { maxLength: 5 }),
        FastCheck.boolean(),
        (rounds, large) => {
          const map = new SlabMap()
          for (const list of rounds) {
            if (large) for (let i = 0; i < 2000; i++) map.set(bytes(`filler ${i}`), bytes("x"))
            map.clear()
            expect(map.size).toBe(0)
            const model = new Model()
            for (const [key, value] of list) {
              if (value !== undefined) map.set(key, value)
            }
            apply(
              model,
              list.filter(([, value]): boolean => value !== undefined) satisfies ReadonlyArray<Change>
            )
            expect(keysInOrder(map)).toEqual([...model.iterate()].map(([key]) => Bytes.toHex(key)))
          }
        }
      ),
      50
    )
  })
})
