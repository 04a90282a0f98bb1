import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Bits from "../../src/mkvs/Bits.ts"
import { holds } from "./holds.ts"

/** The obvious model: a string of the characters 0 and 1. */
const textOf = (bytes: Uint8Array, from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => Bits.getBit(bytes, from + i)).join("")

const bytesOfText = (text: string): Uint8Array =>
  Uint8Array.from({ length: Math.ceil(text.length / 8) }, (_, i) =>
    Number.parseInt(text.slice(8 * i, 8 * i + 8).padEnd(8, "0"), 2)
  )

const commonOfText = (a: string, b: string): number => {
  let count = 0
  while (count < a.length && count < b.length && a[count] === b[count]) count++
  return count
}

const bitText = (maxLength: number) =>
  FastCheck.array(FastCheck.constantFrom("0", "1"), { maxLength }).map((bits) => bits.join(""))

/** A bit string somewhere inside a buffer full of other bits. */
const embedded = (text: string) =>
  FastCheck.record({
    text: FastCheck.constant(text),
    byte: FastCheck.nat(3),
    bit: FastCheck.nat(20),
    noise: FastCheck.constantFrom("0", "1")
  }).map(({ bit, byte, noise, text }) => {
    const before = noise.repeat(8 * byte + bit)
    const whole = before + text
    return { text, byte, bit, bytes: bytesOfText(whole + noise.repeat((8 - (whole.length % 8)) % 8)) }
  })

const twoStrings = FastCheck.tuple(bitText(40), bitText(20), bitText(20)).chain(([shared, a, b]) =>
  FastCheck.tuple(embedded(shared + a), embedded(shared + b))
)

describe("Bits", () => {
  it("numbers bits from the most significant bit of byte 0", () => {
    const bytes = Uint8Array.of(0b1000_0001, 0b0100_0000)
    expect(textOf(bytes, 0, 16)).toBe("1000000101000000")
    expect(Bits.getBitAt(bytes, 1, 1)).toBe(1)
    expect([0, 1, 7, 8, 9, 16, 17].map(Bits.bytesOf)).toEqual([0, 1, 1, 1, 2, 2, 3])
  })

  it("extract copies bits [from, to) and pads with zeros", () => {
    expect(Bits.extract(Uint8Array.of(0xff, 0xff), 3, 12)).toEqual(Uint8Array.of(0xff, 0x80))
    expect(Bits.extract(Uint8Array.of(0xff), 5, 5)).toEqual(new Uint8Array(0))
    holds(
      FastCheck.property(
        FastCheck.uint8Array({ maxLength: 12 }),
        FastCheck.nat(96),
        FastCheck.nat(96),
        (bytes, a, b) => {
          const [from, to] = [Math.min(a, b, 8 * bytes.length), Math.min(Math.max(a, b), 8 * bytes.length)]
          expect(Bits.extract(bytes, from, to)).toEqual(bytesOfText(textOf(bytes, from, to)))
        }
      )
    )
  })

  it("concat puts one bit string behind the other", () => {
    holds(
      FastCheck.property(bitText(40).chain(embedded), bitText(40), (a, b) => {
        // `a` brings bits beyond its end: concat must not take them over.
        const start = 8 * a.byte + a.bit
        const own = Bits.extract(a.bytes, start, 8 * a.bytes.length)
        expect(Bits.concat(own, a.text.length, bytesOfText(b), b.length)).toEqual(bytesOfText(a.text + b))
      })
    )
  })

  it("commonBits and commonPrefix count equal bits, at any offsets", () => {
    holds(
      FastCheck.property(twoStrings, FastCheck.nat(70), ([a, b], cut) => {
        const limit = Math.min(a.text.length, b.text.length, cut)
        const expected = Math.min(limit, commonOfText(a.text, b.text))
        expect(Bits.commonBits(a.bytes, a.byte, a.bit, b.bytes, b.byte, b.bit, limit)).toBe(expected)
      })
    )
    holds(
      FastCheck.property(bitText(30), bitText(30), (a, b) => {
        const count = Bits.commonPrefix(bytesOfText(a), a.length, bytesOfText(b), b.length)
        expect(count).toBe(commonOfText(a, b))
      })
    )
  })

  it("appendBits keeps what stands before, and nothing outside the last byte changes", () => {
    holds(
      FastCheck.property(
        bitText(40).chain(embedded),
        FastCheck.nat(2),
        bitText(20),
        FastCheck.constantFrom(0, 0xff),
        (source, outByte, before, noise) => {
          const out = new Uint8Array(16).fill(noise)
          out.set(bytesOfText(before), outByte)
          const end = before.length + source.text.length
          Bits.appendBits(
            source.bytes,
            source.byte,
            source.bit,
            source.text.length,
            out,
            outByte,
            before.length
          )
          expect(textOf(out, 8 * outByte, 8 * outByte + end)).toBe(before + source.text)
          const written = outByte + Bits.bytesOf(end)
          expect(textOf(out, 8 * outByte + end, 8 * written)).toBe("0".repeat(8 * Bits.bytesOf(end) - end))
          expect(out.subarray(0, outByte).every((byte) => byte === noise)).toBe(true)
          expect(out.subarray(written).every((byte) => byte === noise)).toBe(true)
        }
      )
    )
  })

  it("compareBits orders like text, a string before its extensions", () => {
    holds(
      FastCheck.property(twoStrings, ([a, b]) => {
        const expected = a.text < b.text ? -1 : a.text > b.text ? 1 : 0
        const order = Bits.compareBits(bytesOfText(a.text), a.text.length, bytesOfText(b.text), b.text.length)
        expect(Math.sign(order)).toBe(expected)
      })
    )
  })
})
