import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { concat, fromHex, toHex } from "../../../src/mkvs/Bytes.ts"
import * as Cbor from "../../../src/mkvs/Cbor.ts"
import { MalformedCbor } from "../../../src/mkvs/MkvsError.ts"
import { decodeProof, encodeProof, type Proof, type ProofLimits } from "../../../src/mkvs/proof/Proof.ts"
import { holds } from "../holds.ts"

const root = new Uint8Array(32).fill(7)
const hex = (text: string): Uint8Array => fromHex(text)!
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const someProof: fc.Arbitrary<Proof> = fc.record({
  version: fc.constantFrom<0 | 1>(0, 1),
  untrustedRoot: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  entries: fc.array(fc.oneof(fc.constant(null), fc.uint8Array({ maxLength: 300 })), { maxLength: 30 })
})

const asMap = ({ version, untrustedRoot, entries }: Proof): ReadonlyMap<string, Cbor.CborValue> =>
  new Map<string, Cbor.CborValue>([
    ...(version === 0 ? [] : ([["v", version]] as const)),
    ["untrusted_root", untrustedRoot],
    ["entries", entries]
  ])

const refusal = (bytes: Uint8Array, limits?: ProofLimits): string | undefined => {
  try {
    decodeProof(bytes, limits)
    return undefined
  } catch (error) {
    if (error instanceof MalformedCbor && error.what === "proof") return error.reason
    throw error
  }
}

/** A V0 proof whose array of entries is given as CBOR. */
const withEntries = (entries: string): Uint8Array =>
  concat(hex("a267"), utf8("entries"), hex(entries), hex("6e"), utf8("untrusted_root"), hex("5820"), root)

describe("encodeProof", () => {
  it("writes the canonical CBOR of the map", () => {
    holds(
      fc.property(someProof, (proof) => {
        expect(toHex(encodeProof(proof))).toBe(toHex(Cbor.encode(asMap(proof))))
      }),
      300
    )
  })

  it("writes lengths of arrays at each width", () => {
    for (const count of [0, 23, 24, 255, 256, 65_536]) {
      const proof: Proof = { version: 1, untrustedRoot: root, entries: new Array<null>(count).fill(null) }
      expect(encodeProof(proof)).toEqual(Cbor.encode(asMap(proof)))
      expect(decodeProof(encodeProof(proof))).toEqual(proof)
    }
  })
})

describe("decodeProof", () => {
  it("undoes encodeProof, also from the middle of a Buffer", () => {
    holds(
      fc.property(someProof, (proof) => {
        const bytes = encodeProof(proof)
        expect(decodeProof(bytes)).toEqual(proof)
        expect(decodeProof(Buffer.concat([Buffer.of(0xff), bytes]).subarray(1))).toEqual(proof)
      }),
      300
    )
  })

  it.each([
    ["nothing", "", /does not begin as a map/],
    ["another map", "a0", /does not begin as a map/],
    [
      "v written although it is 0",
      `a3617600${toHex(withEntries("80").subarray(1))}`,
      /does not begin as a map/
    ],
    ["an unknown version", `a3617602${toHex(withEntries("80").subarray(1))}`, /does not begin as a map/],
    ["entries that are null", toHex(withEntries("f6")), /no array/],
    ["entries of indefinite length", toHex(withEntries("9fff")), /no array/],
    ["entries with a length of 8 bytes", toHex(withEntries("9b0000000000000001f6")), /no array/],
    ["a length in more bytes than needed", toHex(withEntries("9801f6")), /length is not minimal/],
    ["more entries than bytes", toHex(withEntries("9affffffff")), /entries: 4294967295 are announced/],
    ["an entry that is a number", toHex(withEntries("8100")), /entry 0: neither/],
    [
      "an entry that announces 4 GiB",
      toHex(withEntries("82f65affffffff")),
      /entry 1: byte string of 4294967295/
    ],
    ["fewer entries than the array holds", toHex(withEntries("81f6f6")), /no untrusted_root/],
    ["bytes left over", `${toHex(withEntries("81f6"))}00`, /bytes left over/],
    ["another length of the root", toHex(withEntries("80")).replace("5820", "581f"), /no untrusted_root/]
  ])("refuses: %s", (_title, bytes, reason) => {
    expect(refusal(hex(bytes))).toMatch(reason)
  })

  it("refuses every beginning of a proof", () => {
    const bytes = encodeProof({ version: 1, untrustedRoot: root, entries: [hex("0102"), null] })
    for (let length = 0; length < bytes.length; length++) {
      expect(refusal(bytes.subarray(0, length))).toBeTypeOf("string")
    }
  })

  it("keeps to its limits", () => {
    const bytes = withEntries("83f6f6f6")
    expect(refusal(bytes, { bytesMax: bytes.length, entriesMax: 3 })).toBeUndefined()
    expect(refusal(bytes, { bytesMax: bytes.length - 1 })).toMatch(/bytes: at most/)
    expect(refusal(bytes, { entriesMax: 2 })).toBe("3 entries: at most 2 are allowed")
    expect(refusal(new Uint8Array(16 * 1024 * 1024 + 1))).toMatch(/at most 16777216 are allowed/)
    const many = encodeProof({
      version: 0,
      untrustedRoot: root,
      entries: new Array<null>(1_000_001).fill(null)
    })
    expect(refusal(many)).toBe("1000001 entries: at most 1000000 are allowed")
  })

  it("any bytes give a proof that encodes to them, or MalformedCbor", () => {
    const mutated = fc.tuple(someProof, fc.nat(), fc.nat({ max: 255 })).map(([proof, at, byte]) => {
      const bytes = encodeProof(proof)
      bytes[at % bytes.length] = byte
      return bytes
    })
    const check = (bytes: Uint8Array) => {
      if (refusal(bytes) === undefined) expect(encodeProof(decodeProof(bytes))).toEqual(bytes)
    }
    holds(fc.property(mutated, check))
    holds(fc.property(fc.uint8Array({ maxLength: 60 }), check))
  })
})
