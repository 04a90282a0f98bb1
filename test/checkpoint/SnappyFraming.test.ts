import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { MalformedSnappy, SnappyFramer, unframe, unframedLength } from "../../src/checkpoint/SnappyFraming.ts"
import { concat, toHex } from "../../src/mkvs/Bytes.ts"
import { hashText, nodeHasher } from "../mkvs/hasher.ts"
import { holds } from "../mkvs/holds.ts"
import { snappyFramings } from "../mkvs/vectors.ts"

/** R(n) of `test/vectors/README.md`. */
const random = (bytes: number): Uint8Array => {
  const parts = Array.from({ length: Math.ceil(bytes / 32) }, (_, i) => hashText(`visible/random/${i}`))
  return concat(...parts).slice(0, bytes)
}

const text = (bytes: number): Uint8Array =>
  new TextEncoder().encode("the quick brown fox ".repeat(Math.ceil(bytes / 20)).slice(0, bytes))

const inputs = new Map([
  ["empty", new Uint8Array(0)],
  ["zeros", new Uint8Array(200_000)],
  ["text", text(180_000)],
  ["random", random(150_000)],
  ["mixed", concat(random(70_000), new Uint8Array(1_000), random(65_000))]
])

/** Frames `input` as writes of these sizes. */
const frame = (input: Uint8Array, sizes: ReadonlyArray<number>, framer = new SnappyFramer()): Uint8Array => {
  const pieces: Array<Uint8Array> = []
  let from = 0
  for (const size of sizes) {
    framer.reserve(size)
    framer.input.set(input.subarray(from, from + size), framer.at)
    framer.commit(framer.at + size)
    from += size
    pieces.push(framer.output.slice(0, framer.outputBytes))
    framer.outputBytes = 0
  }
  framer.finish()
  pieces.push(framer.output.slice(0, framer.outputBytes))
  framer.outputBytes = 0
  return concat(...pieces)
}

const summary = (framed: Uint8Array): string => `${framed.length} ${toHex(nodeHasher.hash(framed))}`

/** What a refused stream is refused for. */
const refusal = (framed: Uint8Array, bytesMax = 1_000_000): string => {
  try {
    unframe(framed, bytesMax)
  } catch (error) {
    if (error instanceof MalformedSnappy) return error.reason
    throw error
  }
  return "accepted"
}

const identifier = Uint8Array.of(0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59)
/** A block that holds `hello`, as it is. */
const hello = frame(new TextEncoder().encode("hello"), [5]).slice(identifier.length)

describe("framing", () => {
  it.each(snappyFramings().map((vector) => [vector.name, vector] as const))("vector %s", (name, vector) => {
    const input = inputs.get(name)!
    expect(toHex(nodeHasher.hash(input))).toBe(toHex(vector.inputHash))
    const framed = frame(input, [input.length])
    expect(summary(framed)).toBe(`${vector.framedBytes} ${toHex(vector.framedHash)}`)
    expect(toHex(unframe(framed, input.length))).toBe(toHex(input))
  })

  // Made with the reference's writer: what is left of a write that is longer than a block is not always joined with
  // what follows.
  it.each([
    [[10, 100_000], "4763 39a0a4f41d2efab2cc4e4c1dea4921586eddc3cf9cf89b5ef90dde54bb5fdaef"],
    [[65_536, 65_537, 65_536], "9331 88518907939b96d4b9d87c2e84cb23c5f938bd9ec0f9796cf0411d223d905583"],
    [[65_530, 65_543, 1], "6236 9300583ed4b8d1b81abcfd7fe74a80a65d788591849e99095ff9ce2a1dc0ba43"],
    [[65_530, 65_542, 1], "6227 6b66fe15ee46da74cf567fa5fb63f5e42b849226f681107dee7d03656edd7c31"],
    [[131_073], "6227 6b66fe15ee46da74cf567fa5fb63f5e42b849226f681107dee7d03656edd7c31"],
    [[65_536, 1], "3123 ee11066537c207829f6b88a239e46d4cad58a2afef1fb3b28d8ad5dc37ecaecd"],
    [[200_000, 3], "9523 1c2cb94228723c46e671546d6acd06068063d6dc2b2119b8e5ad04f76ceada9c"]
  ])("writes of %j bytes", (sizes, expected) => {
    const input = text(sizes.reduce((sum, size) => sum + size, 0))
    expect(summary(frame(input, sizes))).toBe(expected)
  })

  it("of small writes does not depend on where they are cut", () => {
    const input = inputs.get("text")!
    holds(
      fc.property(fc.array(fc.nat({ max: 65_536 }), { maxLength: 8 }), (sizes) => {
        const rest = input.length - sizes.reduce((sum, size) => sum + size, 0)
        fc.pre(rest >= 0 && rest <= 65_536)
        expect(summary(frame(input, [...sizes, rest]))).toBe(summary(frame(input, Array(180).fill(1_000))))
      })
    )
  })

  it("makes one stream after the other with the same framer", () => {
    const framer = new SnappyFramer()
    const first = frame(text(2_000_000), [2_000_000], framer)
    expect(toHex(frame(text(100), [100], framer))).toBe(toHex(frame(text(100), [100])))
    expect(Buffer.compare(unframe(first, 2_000_000), text(2_000_000))).toBe(0)
  })
})

describe("unframing", () => {
  it("gives back what was framed", () => {
    const writes = fc.array(fc.nat({ max: 140_000 }), { maxLength: 5 })
    holds(
      fc.property(writes, fc.boolean(), (sizes, compressible) => {
        const total = sizes.reduce((sum, size) => sum + size, 0)
        const input = compressible ? text(total) : random(total)
        const framed = frame(input, sizes)
        expect(unframedLength(framed, total)).toBe(total)
        expect(Buffer.compare(unframe(framed, total), input)).toBe(0)
      }),
      30
    )
  })

  it("passes over padding, skippable chunks and repeated identifiers, as the reference does", () => {
    const padding = Uint8Array.of(0xfe, 2, 0, 0, 9, 9)
    const skippable = Uint8Array.of(0x80, 1, 0, 0, 9)
    const framed = concat(identifier, padding, hello, skippable, identifier, hello)
    expect(new TextDecoder().decode(unframe(framed, 10))).toBe("hellohello")
  })

  it("names what is wrong", () => {
    const wrongChecksum = Uint8Array.from(hello)
    wrongChecksum[4]! ^= 1
    expect(refusal(hello)).toBe("no stream identifier")
    expect(refusal(Uint8Array.of(0xfe, 0, 0, 0))).toBe("no stream identifier")
    expect(refusal(identifier.subarray(0, 3))).toBe("header cut off")
    expect(refusal(concat(identifier, hello.subarray(0, 8)))).toBe("chunk cut off")
    expect(refusal(concat(identifier, wrongChecksum))).toBe("wrong checksum of the block")
    expect(refusal(concat(identifier, Uint8Array.of(0x02, 0, 0, 0)))).toBe("unknown chunk type 2")
    expect(refusal(concat(identifier, Uint8Array.of(0x7f, 0, 0, 0)))).toBe("unknown chunk type 127")
    expect(refusal(concat(identifier, Uint8Array.of(0x00, 3, 0, 0, 1, 2, 3)))).toBe("block without checksum")
    expect(refusal(concat(identifier, Uint8Array.of(0x00, 4, 0, 0, 1, 2, 3, 4)))).toBe("block without length")
    expect(refusal(Uint8Array.of(0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x5a))).toBe(
      "wrong stream identifier"
    )
    expect(refusal(concat(identifier, Uint8Array.of(0x80, 0xff, 0xff, 0xff)))).toMatch(
      /^chunk of 16777215 bytes/
    )
    const longBlock = new Uint8Array(4 + 4 + 65_537)
    longBlock.set([0x01, 0x05, 0x00, 0x01])
    expect(refusal(concat(identifier, longBlock))).toMatch(/^block of 65537 bytes/)
  })

  it("refuses a decompression bomb by its headers alone", () => {
    const block = frame(new Uint8Array(65_536), [65_536]).slice(identifier.length)
    const bomb = concat(identifier, ...Array<Uint8Array>(1_000).fill(block))
    expect(bomb.length).toBeLessThan(4_000_000)
    expect(refusal(bomb, 65_535_999)).toBe("expands to more than 65535999 bytes")
    expect(unframedLength(bomb, 65_536_000)).toBe(65_536_000)
    // the declared length is not believed beyond a block, either
    const lying = concat(identifier, Uint8Array.of(0x00, 9, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f))
    expect(refusal(lying)).toMatch(/^block of 4294967295 bytes/)
  })

  it("turns changed and arbitrary bytes into bytes or MalformedSnappy", () => {
    const framed = frame(text(3_000), [3_000])
    const mutation = fc.tuple(fc.nat({ max: framed.length - 1 }), fc.integer({ min: 1, max: 255 }))
    holds(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        const changed = Uint8Array.from(framed)
        for (const [at, bits] of mutations) changed[at]! ^= bits
        if (refusal(changed) === "accepted") expect(unframe(changed, 1_000_000).length).toBeLessThan(3_001)
      }),
      300
    )
    const isBytesOrRefused = (bytes: Uint8Array): void => expect(refusal(bytes)).not.toBe("")
    const someBytes = fc.uint8Array({ maxLength: 100 })
    holds(
      fc.property(someBytes, (bytes) => void isBytesOrRefused(bytes)),
      300
    )
    holds(
      fc.property(someBytes, (bytes) => void isBytesOrRefused(concat(identifier, bytes))),
      300
    )
  })
})
