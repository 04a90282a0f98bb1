import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { compare, startsWith } from "../../src/mkvs/Bytes.ts"
import { inRange, keyRange, prefixEnd } from "../../src/mkvs/KeyRange.ts"
import { holds } from "./holds.ts"
import { collidingKey, iterateOptions } from "./model.ts"

const bytes = (...values: ReadonlyArray<number>): Uint8Array => Uint8Array.from(values)

describe("KeyRange", () => {
  it("holds exactly the keys that from, prefix and direction allow", () => {
    holds(
      FastCheck.property(iterateOptions, collidingKey, (options, key) => {
        const { from, prefix, reverse = false } = options
        const order = from === undefined ? 0 : compare(key, from)
        const allowed =
          (prefix === undefined || startsWith(key, prefix)) && (reverse ? order <= 0 : order >= 0)
        expect(inRange(keyRange(options), key)).toBe(allowed)
      }),
      5000
    )
  })

  it("without options holds everything, forward", () => {
    expect(keyRange()).toEqual({ lower: bytes(), upper: undefined, reverse: false })
  })

  it("a prefix ends before the next string that does not begin with it", () => {
    expect(prefixEnd(bytes(0x61))).toEqual(bytes(0x62))
    expect(prefixEnd(bytes(0x61, 0xff, 0xff))).toEqual(bytes(0x62))
    expect(prefixEnd(bytes(0x00))).toEqual(bytes(0x01))
    expect(prefixEnd(bytes(0xff, 0xff))).toBeUndefined()
    expect(prefixEnd(bytes())).toBeUndefined()
  })

  it("shares no memory with its options", () => {
    const prefix = bytes(0x61)
    const from = bytes(0x61, 0x05)
    const ranges = [
      keyRange({ prefix, from }),
      keyRange({ prefix }),
      keyRange({ prefix, from, reverse: true })
    ]
    prefix.fill(0)
    from.fill(0)
    expect(ranges.map(({ lower, upper }) => [lower, upper])).toEqual([
      [bytes(0x61, 0x05), bytes(0x62)],
      [bytes(0x61), bytes(0x62)],
      [bytes(0x61), bytes(0x61, 0x05, 0x00)]
    ])
  })
})
