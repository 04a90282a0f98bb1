import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { fromHex } from "../../src/mkvs/Bytes.ts"
import { encode } from "../../src/mkvs/Cbor.ts"
import {
  type CborEntry,
  EntryReader,
  framedSize,
  frameEntries,
  headerSize,
  writeArrayHeader,
  writeBytesHeader
} from "../../src/mkvs/CborEntries.ts"
import { holds } from "./holds.ts"

const readAll = (reader: EntryReader): { entries: Array<CborEntry>; reason: string | undefined } => {
  const entries: Array<CborEntry> = []
  while (!reader.done) {
    const reason = reader.next()
    if (reason !== undefined) return { entries, reason }
    entries.push(reader.start < 0 ? null : reader.bytes.slice(reader.start, reader.end))
  }
  return { entries, reason: undefined }
}

const someEntries = fc.array(fc.oneof(fc.constant(null), fc.uint8Array({ maxLength: 300 })), {
  maxLength: 10
})

describe("frames", () => {
  it("are the CBOR of the entries, one after the other", () => {
    holds(
      fc.property(someEntries, (entries) => {
        const expected = entries.flatMap((entry) => [...encode(entry)])
        expect([...frameEntries(entries)]).toEqual(expected)
      })
    )
  })

  it("headers are the shortest at each width", () => {
    for (const length of [0, 23, 24, 255, 256, 65_535, 65_536]) {
      const bytes = encode(new Uint8Array(length))
      const out = new Uint8Array(8)
      expect(writeBytesHeader(out, 1, length)).toBe(1 + headerSize(length))
      expect(out.subarray(1, 1 + headerSize(length))).toEqual(bytes.subarray(0, bytes.length - length))
      expect(framedSize(length)).toBe(bytes.length)
    }
    const out = new Uint8Array(5)
    expect(writeBytesHeader(out, 0, 2 ** 32 - 1)).toBe(5)
    expect(out).toEqual(fromHex("5affffffff"))
    expect(writeArrayHeader(out, 0, 1_000_000)).toBe(5)
    expect(out).toEqual(fromHex("9a000f4240"))
  })
})

describe("EntryReader", () => {
  it("reads back what was framed, also within a larger buffer", () => {
    holds(
      fc.property(someEntries, (entries) => {
        const framed = frameEntries(entries)
        expect(readAll(new EntryReader(framed))).toEqual({ entries, reason: undefined })
        const around = new Uint8Array(framed.length + 8).fill(0x40)
        around.set(framed, 3)
        expect(readAll(new EntryReader(around, 3, 3 + framed.length))).toEqual({ entries, reason: undefined })
      })
    )
  })

  it.each([
    ["00", "neither a byte string nor null"],
    ["60", "neither a byte string nor null"],
    ["80", "neither a byte string nor null"],
    ["f7", "neither a byte string nor null"],
    ["ff", "neither a byte string nor null"],
    ["c240", "neither a byte string nor null"],
    ["41", "byte string of 1 bytes, of which 0 are there"],
    [`5817${"00".repeat(23)}`, "length of a byte string is not minimal"],
    ["58", "input ends within a length"],
    ["5901", "input ends within a length"],
    [`5900ff${"00".repeat(255)}`, "length of a byte string is not minimal"],
    ["5a0000ffff", "length of a byte string is not minimal"],
    ["5affffffff", "byte string of 4294967295 bytes, of which 0 are there"],
    ["5b0000000100000000", "byte string of 4 GiB or more, or its length is not minimal"],
    ["5c", "byte string of indefinite or reserved length"],
    ["5f4100ff", "byte string of indefinite or reserved length"]
  ])("refuses %s and stays", (bytes, reason) => {
    const reader = new EntryReader(fromHex(bytes)!)
    expect(reader.next()).toBe(reason)
    expect(reader.at).toBe(0)
  })

  it("does not read past its limit", () => {
    const reader = new EntryReader(fromHex("4201024103")!, 0, 2)
    expect(reader.next()).toBe("byte string of 2 bytes, of which 1 are there")
    expect(new EntryReader(new Uint8Array(0)).next()).toBe("input ends")
  })

  it("any bytes that it reads to the end are the frames of what it gave", () => {
    holds(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const { entries, reason } = readAll(new EntryReader(bytes))
        const framed = frameEntries(entries)
        if (reason === undefined) expect(framed).toEqual(bytes)
        else expect(framed).toEqual(bytes.slice(0, framed.length))
      }),
      5_000
    )
  })
})
