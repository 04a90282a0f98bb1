import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { fromHex, toHex } from "../../src/mkvs/Bytes.ts"
import { type CborLimits, type CborValue, decode, encode } from "../../src/mkvs/Cbor.ts"
import { CborFields } from "../../src/mkvs/CborFields.ts"
import { MalformedCbor } from "../../src/mkvs/MkvsError.ts"
import { holds } from "./holds.ts"

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(" ", ""))!

/** The reason why `bytes` are refused; `undefined` where they are accepted. Anything but MalformedCbor goes on. */
const refusal = (bytes: Uint8Array, limits?: CborLimits): string | undefined => {
  try {
    decode("thing", bytes, limits)
    return undefined
  } catch (error) {
    if (error instanceof MalformedCbor) return error.reason
    throw error
  }
}

const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -30, max: 300 }),
  fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n })
)
const text = fc.string({ unit: "grapheme", maxLength: 12 })

const { value: someValue } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    integer,
    text,
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(text, tie("value")), { maxLength: 4 }).map((entries) => new Map(entries))
  )
}))

/** Maps keep the order of the bytes, whatever order they were given in. */
const plain = (value: CborValue): unknown => {
  if (value instanceof Map) {
    const entries = [...value].map(([key, child]): [string, unknown] => [key, plain(child)])
    return { entries: entries.sort(([a], [b]) => (a < b ? -1 : 1)) }
  }
  if (Array.isArray(value)) return value.map(plain)
  return value
}

describe("encode", () => {
  it.each<[string, CborValue]>([
    ["f6", null],
    ["f4", false],
    ["f5", true],
    ["00", 0],
    ["17", 23],
    ["1818", 24],
    ["18ff", 255],
    ["190100", 256],
    ["1a00010000", 65536],
    ["1b0000000100000000", 2 ** 32],
    ["1b001fffffffffffff", Number.MAX_SAFE_INTEGER],
    ["1bffffffffffffffff", 2n ** 64n - 1n],
    ["05", 5n],
    ["20", -1],
    ["3bffffffffffffffff", -(2n ** 64n)],
    ["40", new Uint8Array(0)],
    ["420102", Uint8Array.of(1, 2)],
    ["60", ""],
    ["62c3bc", "ü"],
    ["64efbbbf78", "\uFEFFx"],
    ["80", []],
    ["8201f6", [1, null]],
    ["a0", new Map()]
  ])("%s", (bytes, value) => {
    expect(toHex(encode(value))).toBe(bytes)
    const decoded = decode("thing", hex(bytes))
    expect(decoded).toEqual(typeof value === "bigint" && value === 5n ? 5 : value)
  })

  it("sorts map keys by length, then bytewise", () => {
    const value = new Map([
      ["aa", 1],
      ["b", 2],
      ["a", 3],
      ["", 4]
    ])
    expect(toHex(encode(value))).toBe("a4600461610361620262616101")
  })

  it("dies for what it has no form for", () => {
    for (const value of [0.5, Number.NaN, 2 ** 53, 2n ** 64n, -(2n ** 64n) - 1n, "\uD800", [["\uDC00"]]]) {
      expect(() => encode(value)).toThrow(RangeError)
    }
    expect(() => encode(new Map([["\uD800", 1]]))).toThrow(RangeError)
  })
})

describe("decode", () => {
  it("undoes encode, and encoding again gives the same bytes", () => {
    holds(
      fc.property(someValue, (value) => {
        const bytes = encode(value)
        const decoded = decode("thing", bytes)
        expect(plain(decoded)).toEqual(plain(value))
        expect(encode(decoded)).toEqual(bytes)
      })
    )
  })

  it.each([
    ["nothing", "", /ends where an item/],
    ["two items", "0000", /left over from byte 1/],
    ["bytes left over after a map", "a000", /left over from byte 1/],
    ["number of 1 byte, cut", "18", /within a number/],
    ["number of 8 bytes, cut", "1b00000000000000", /within a number/],
    ["number in more bytes than needed", "1817", /more bytes than necessary/],
    ["number in 8 bytes instead of 4", "1b00000000ffffffff", /more bytes than necessary/],
    ["negative number in more bytes than needed", "3817", /more bytes than necessary/],
    ["byte string with a length in more bytes than needed", "580100", /more bytes than necessary/],
    ["text with a length in more bytes than needed", "780161", /more bytes than necessary/],
    ["array with a length in more bytes than needed", "980100", /more bytes than necessary/],
    ["map with a length in more bytes than needed", "b801616100", /more bytes than necessary/],
    ["byte string, cut", "4201", /more is announced/],
    ["byte string that announces 4 GiB", "5affffffff", /more is announced/],
    ["byte string that announces 2^64 - 1 bytes", "5bffffffffffffffff", /more is announced/],
    ["array that announces 2^32 - 1 items", "9affffffff00", /more is announced/],
    ["array that announces 2^64 - 1 items", "9bffffffffffffffff00", /more is announced/],
    ["map that announces 2^63 entries", "bb800000000000000000", /more is announced/],
    ["map with room for one entry but two announced", "a2616100", /more is announced/],
    ["array, cut", "8201", /more is announced/],
    ["array whose last item is cut", "828200", /ends where|more is announced/],
    ["byte string of indefinite length", "5f4100ff", /indefinite/],
    ["text of indefinite length", "7f6161ff", /indefinite/],
    ["array of indefinite length", "9f00ff", /indefinite/],
    ["map of indefinite length", "bf616100ff", /indefinite/],
    ["reserved length", "1c", /indefinite or reserved/],
    ["tag", "c000", /tag at byte 0/],
    ["tag within", "81c24101", /tag at byte 1/],
    ["undefined", "f7", /neither null/],
    ["simple value", "f820", /neither null/],
    ["half float", "f93c00", /neither null/],
    ["single float", "fa3f800000", /neither null/],
    ["double float", "fb3ff0000000000000", /neither null/],
    ["break", "ff", /neither null/],
    ["repeated map key", "a2616100616100", /repeat/],
    ["map keys out of order", "a2616200616100", /not in canonical order/],
    ["longer map key first", "a262616100616200", /not in canonical order/],
    ["map key that is a number", "a10000", /no text at byte 1/],
    ["second map key that is a byte string", "a2616100416100", /no text at byte 4/],
    ["text that is no UTF-8", "61ff", /encoded data was not valid/],
    ["text with an overlong form", "62c080", /encoded data was not valid/],
    ["text with a surrogate", "63eda080", /encoded data was not valid/]
  ])("refuses: %s", (_title, bytes, reason) => {
    expect(refusal(hex(bytes))).toMatch(reason)
  })

  it("names what is malformed", () => {
    expect(() => decode("metadata", hex("c0"))).toThrow("malformed metadata: tag at byte 0")
  })

  it("bounds depth before descending, also in the most wasteful nesting", () => {
    const nested = (levels: number, opener: string) => hex(`${opener.repeat(levels)}00`)
    expect(refusal(nested(32, "81"))).toBeUndefined()
    expect(refusal(nested(33, "81"))).toMatch(/more than 32 arrays and maps/)
    expect(refusal(nested(1_000_000, "81"))).toMatch(/more than 32 arrays and maps/)
    expect(refusal(nested(100_000, "a160"))).toMatch(/more than 32 arrays and maps/)
    expect(refusal(nested(3, "81"), { depthMax: 2 })).toMatch(/more than 2 arrays and maps/)
    // One after the other is not within one another.
    expect(refusal(hex(`98c8${"81a0".repeat(200)}`), { depthMax: 3 })).toBeUndefined()
  })

  it("bounds the size before looking", () => {
    expect(refusal(hex("8100"), { bytesMax: 2 })).toBeUndefined()
    expect(refusal(hex("8100"), { bytesMax: 1 })).toBe("2 bytes: at most 1 are allowed")
    expect(refusal(new Uint8Array(16 * 1024 * 1024 + 1))).toMatch(/at most 16777216/)
  })

  it("gives copies, not views of the input", () => {
    const bytes = hex("420102")
    const value = decode("thing", bytes)
    bytes.fill(0)
    expect(value).toEqual(Uint8Array.of(1, 2))
  })

  it("gives and takes plain byte arrays, also where the input is a Buffer, at any size", () => {
    for (const length of [0, 10, 200, 5_000]) {
      const bytes = encode(Buffer.alloc(length, 1))
      expect(bytes.constructor).toBe(Uint8Array)
      const value = decode("thing", Buffer.concat([Buffer.of(0), bytes]).subarray(1))
      expect(value).toEqual(new Uint8Array(length).fill(1))
    }
  })

  it("any bytes give a value that encodes to them, or MalformedCbor", () => {
    const check = (bytes: Uint8Array) => {
      if (refusal(bytes) === undefined) expect(encode(decode("thing", bytes))).toEqual(bytes)
    }
    holds(fc.property(fc.uint8Array({ maxLength: 40 }), check), 5_000)
    const mutated = fc.tuple(someValue, fc.nat(), fc.nat({ max: 255 })).map(([value, at, byte]) => {
      const bytes = encode(value)
      bytes[at % bytes.length] = byte
      return bytes
    })
    holds(fc.property(mutated, check), 3_000)
  })
})

describe("CborFields", () => {
  const value = new Map<string, CborValue>([
    ["bytes", Uint8Array.of(1, 2)],
    ["uint", 7],
    ["big", 2n ** 64n - 1n],
    ["text", "t"],
    ["array", [1]],
    ["negative", -1]
  ])
  const names = [...value.keys()]
  const fields = new CborFields("thing", value, names)

  it("reads fields by type", () => {
    expect(fields.bytes("bytes")).toEqual(Uint8Array.of(1, 2))
    expect(fields.bytes("bytes", 2)).toEqual(Uint8Array.of(1, 2))
    expect(fields.uint("uint")).toBe(7n)
    expect(fields.uint("big")).toBe(2n ** 64n - 1n)
    expect(fields.text("text")).toBe("t")
    expect(fields.array("array")).toEqual([1])
    expect(fields.value("uint")).toBe(7)
  })

  it("refuses other types and lengths", () => {
    expect(() => fields.bytes("uint")).toThrow("malformed thing: field uint is no byte string")
    expect(() => fields.bytes("bytes", 3)).toThrow("field bytes has 2 bytes, not 3")
    expect(() => fields.uint("negative")).toThrow("field negative is no unsigned integer")
    expect(() => fields.uint("text")).toThrow("field text is no unsigned integer")
    expect(() => fields.text("bytes")).toThrow("field bytes is no text")
    expect(() => fields.array("bytes")).toThrow("field bytes is no array")
  })

  it("refuses missing and unknown fields, and what is no map", () => {
    expect(() => new CborFields("thing", value, [...names, "more"])).toThrow("field more is missing")
    expect(() => new CborFields("thing", value, names.slice(1))).toThrow('unknown field "bytes"')
    for (const other of [null, 1, [], new Uint8Array(1)]) {
      expect(() => new CborFields("thing", other, [])).toThrow("not a map")
    }
  })

  it("optional fields may be there", () => {
    const optional = new CborFields("thing", new Map([["a", 1]]), [], ["a", "b"])
    expect([optional.has("a"), optional.has("b")]).toEqual([true, false])
    expect(optional.value("b")).toBeUndefined()
  })
})
