import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { LineRefused, LineSplitter } from "../../src/cli/InputLines.ts"

const lineOf = FastCheck.uint8Array({ maxLength: 20 }).map((bytes) =>
  bytes.filter((byte) => byte !== 10 && byte !== 13)
)

/** The lines of the chunks, each copied at once. */
const split = (chunks: Iterable<Uint8Array>, bytesMax?: number): Array<Array<number>> => {
  const splitter = new LineSplitter(bytesMax)
  const lines: Array<Array<number>> = []
  for (const chunk of chunks) {
    for (const line of splitter.push(chunk)) lines.push([...line])
    // what was pushed is the reader's again
    chunk.fill(0xff)
  }
  for (const line of splitter.end()) lines.push([...line])
  return lines
}

describe("LineSplitter", () => {
  it.prop(
    "gives the lines, however the bytes are cut",
    [FastCheck.array(lineOf), FastCheck.boolean(), FastCheck.integer({ min: 1, max: 9 })],
    ([lines, windows, size]) => {
      const end = windows ? [13, 10] : [10]
      const bytes = Uint8Array.from(lines.flatMap((line) => [...line, ...end]))
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.slice(i * size, (i + 1) * size)
      )
      expect(split(chunks)).toEqual(lines.map((line) => [...line]))
    }
  )

  it("gives a last line without an end, and counts", () => {
    const splitter = new LineSplitter()
    expect([...splitter.push(new TextEncoder().encode("a\n\nb"))].map(String)).toEqual(["97", ""])
    expect(splitter.line).toBe(2)
    expect([...splitter.end()].map(String)).toEqual(["98"])
    expect(splitter.line).toBe(3)
    expect([...splitter.end()]).toEqual([])
  })

  it("refuses a long line by its number, as soon as it is too long", () => {
    const splitter = new LineSplitter(10)
    expect([...splitter.push(new TextEncoder().encode("0123456789\nabcdefgh"))].length).toBe(1)
    expect(() => [...splitter.push(new TextEncoder().encode("ijk"))]).toThrow(
      new LineRefused({ line: 2, reason: "it is longer than 10 bytes" })
    )
  })
})
