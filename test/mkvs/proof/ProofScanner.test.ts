import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { concat, fromHex, toHex } from "../../../src/mkvs/Bytes.ts"
import { frameEntries } from "../../../src/mkvs/CborEntries.ts"
import { ProofVerificationFailed } from "../../../src/mkvs/MkvsError.ts"
import { emptyHash } from "../../../src/mkvs/Node.ts"
import type { ProofVersion } from "../../../src/mkvs/proof/Proof.ts"
import { ProofScanner, type ProofVisitor, type ScanOptions } from "../../../src/mkvs/proof/ProofScanner.ts"
import { proveIterate } from "../../../src/mkvs/proof/Prover.ts"
import { holds } from "../holds.ts"
import { deepTree, someTree } from "./trees.ts"

/** Writes down every call. */
class Recorder implements ProofVisitor {
  readonly calls: Array<string> = []
  private readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
  internal(head: number, headEnd: number, labelBits: number, leaf: number, leafEnd: number): void {
    const inside = leaf < 0 ? "-" : this.hex(leaf, leafEnd)
    this.calls.push(`internal ${this.hex(head, headEnd)} ${labelBits} ${inside}`)
  }
  leaf(at: number, end: number): void {
    this.calls.push(`leaf ${this.hex(at, end)}`)
  }
  hash(at: number): void {
    this.calls.push(`hash ${this.hex(at, at + 32)}`)
  }
  empty(): void {
    this.calls.push("empty")
  }
  endInternal(): void {
    this.calls.push("end")
  }
  private hex(from: number, to: number): string {
    return toHex(this.bytes.subarray(from, to))
  }
}

const scan = (framed: Uint8Array, version: ProofVersion, options?: ScanOptions): Array<string> => {
  const recorder = new Recorder(framed)
  new ProofScanner(framed, version, recorder, options).run()
  return recorder.calls
}

/** `null`, or the entry in hex. */
const framed = (entries: ReadonlyArray<string | null>): Uint8Array =>
  frameEntries(entries.map((entry) => (entry === null ? null : fromHex(entry)!)))

const refusal = (
  entries: ReadonlyArray<string | null> | Uint8Array,
  version: ProofVersion,
  options?: ScanOptions
): string | undefined => {
  try {
    scan(entries instanceof Uint8Array ? entries : framed(entries), version, options)
    return undefined
  } catch (error) {
    if (error instanceof ProofVerificationFailed) return error.reason
    throw error
  }
}

/** Key `a`, value `v`. */
const leaf = "00010061010000" + "0076"
const hash = "ab".repeat(32)

describe("ProofScanner", () => {
  it("tells a V0 proof in pre-order", () => {
    const entries = [`0101030020${leaf}`, `01${leaf}`, "010101008002", `02${hash}`, `01${leaf}`]
    expect(scan(framed(entries), 0)).toEqual([
      `internal 01030020 3 ${leaf}`,
      `leaf ${leaf}`,
      "internal 01010080 1 -",
      `hash ${hash}`,
      `leaf ${leaf}`,
      "end",
      "end"
    ])
  })

  it("tells a V1 proof in pre-order: the leaf is a child of its own", () => {
    const entries = ["01010000" + "02", `01${leaf}`, "010101008002", null, `02${hash}`, `01${leaf}`, null]
    expect(scan(framed(entries), 1)).toEqual([
      "internal 010000 0 -",
      `leaf ${leaf}`,
      "internal 01010080 1 -",
      "empty",
      `hash ${hash}`,
      `leaf ${leaf}`,
      "end",
      "empty",
      "end"
    ])
  })

  it.each<[string, Array<string | null>, Array<string>]>([
    ["an empty tree", [null], ["empty"]],
    ["a tree that is left out", [`02${hash}`], [`hash ${hash}`]],
    ["a tree of one leaf", [`01${leaf}`], [`leaf ${leaf}`]]
  ])("%s is one entry in both versions", (_title, entries, calls) => {
    expect(scan(framed(entries), 0)).toEqual(calls)
    expect(scan(framed(entries), 1)).toEqual(calls)
  })

  it("scans a part of a larger buffer", () => {
    const bytes = framed([`01${leaf}`])
    const around = concat(Uint8Array.of(1, 2, 3), bytes, Uint8Array.of(0xf6))
    expect(scan(around, 0, { from: 3, to: 3 + bytes.length })).toEqual([`leaf ${leaf}`])
  })

  const internal = "010101008002"
  const both: ReadonlyArray<ProofVersion> = [0, 1]
  it.each<[string, Array<string | null>, ReadonlyArray<ProofVersion>, string | RegExp]>([
    ["no entries", [], both, "entry 0: is missing: the tree is not complete"],
    ["entries left over", [null, null], both, "entry 1: is left over: the tree is complete without it"],
    ["a node after the tree", [`01${leaf}`, `01${leaf}`], both, /entry 1: is left over/],
    ["children missing", [internal, `02${hash}`], both, /entry 2: is missing/],
    ["an empty byte string", [""], both, "entry 0: is an empty byte string"],
    ["an unknown tag", ["00"], both, "entry 0: unknown tag 0"],
    ["another unknown tag", [internal, `03${hash}`], both, "entry 1: unknown tag 3"],
    ["a node without a tag", ["01"], both, "entry 0: node without a tag"],
    ["an unknown node tag", ["0102"], both, "entry 0: unknown node tag 2"],
    ["a short hash", [`02${hash.slice(2)}`], both, "entry 0: hash of 31 bytes"],
    ["a long hash", [`02${hash}00`], both, "entry 0: hash of 33 bytes"],
    ["the empty hash", [`02${toHex(emptyHash)}`], both, /entry 0: the empty hash/],
    ["a leaf without lengths", ["0100"], both, "entry 0: leaf ends within its lengths"],
    ["a leaf that ends in its value's length", ["01000000000000"], both, /leaf ends within its lengths/],
    ["a leaf that ends in its key", ["010004006161610000"], both, /leaf ends within its key of 4 bytes/],
    ["a leaf that ends in its value", ["0100000002000000" + "61"], both, /value of 2 bytes, of which 1 are/],
    ["a value that announces 4 GiB", ["01000000ffffffff"], both, /value of 4294967295 bytes/],
    ["bytes after a leaf", [`01${leaf}00`], both, "entry 0: bytes after a leaf"],
    ["a key of 8,192 bytes", [`01000020${"00".repeat(8192 + 4)}`], both, /key of 8192 bytes: at most 8191/],
    ["an internal node without label", ["010101"], both, /node ends within its label's length/],
    ["a label that is cut", ["01010900ff"], both, /node ends within its label of 9 bits/],
    ["a label that announces 65,535 bits", ["0101ffff8002"], both, /within its label of 65535 bits/],
    ["nothing after the label", ["0101010080"], both, /within its label of 1 bits, or after it/],
    ["unused label bits", ["01010100c002"], both, "entry 0: unused bits of the label are not zero"],
    ["an unknown tag for the leaf", ["010101008001"], both, /unknown tag 1 in the place/],
    ["bytes after 02", ["01010100800200"], both, "entry 0: bytes after an internal node"],
    ["the full form", [`${internal}${hash}${hash}`], both, "entry 0: bytes after an internal node"],
    ["bytes after the leaf inside", [`0101010080${leaf}00`], [0], "entry 0: bytes after an internal node"],
    ["a leaf inside that is cut", [`0101010080${leaf.slice(0, -2)}`], [0], /value of 1 bytes, of which 0/],
    ["a leaf inside", [`0101010080${leaf}`], [1], /in V1 it is an entry of its own/],
    [
      "an internal node in a leaf's place",
      [internal, internal],
      [1],
      "entry 1: internal node in a leaf's place"
    ],
    ["no child", [internal, null, null, null], [1], /entry 3: ends an internal node that has fewer/],
    ["no child", [internal, null, null], [0], /entry 2: ends an internal node that has fewer than two/],
    ["one child", [internal, null, `02${hash}`], [0], /entry 2: ends an internal node that has fewer/],
    ["one child", [internal, `01${leaf}`, null], [0], /entry 2: ends an internal node that has fewer/],
    ["only its leaf", [`0101010080${leaf}`, null, null], [0], /entry 2: ends an internal node/],
    ["only its leaf", [internal, `02${hash}`, null, null], [1], /entry 3: ends an internal node/]
  ])("refuses: %s %#", (_title, entries, versions, reason) => {
    for (const version of versions) {
      const actual = refusal(entries, version)
      if (typeof reason === "string") expect(actual).toBe(reason)
      else expect(actual).toMatch(reason)
    }
  })

  it.each([
    ["00", "neither a byte string nor null"],
    ["9f", "neither a byte string nor null"],
    ["5f41f6ff", "indefinite"],
    ["5802" + "0100", "not minimal"],
    ["5affffffff", "byte string of 4294967295 bytes, of which 0 are there"],
    ["41", "byte string of 1 bytes, of which 0 are there"]
  ])("refuses other framing: %s", (bytes, reason) => {
    expect(refusal(fromHex(bytes)!, 0)).toMatch(`entry 0: `)
    expect(refusal(fromHex(bytes)!, 0)).toMatch(reason)
  })

  it("bounds the number of entries", () => {
    const entries = [internal, `02${hash}`, `02${hash}`]
    expect(refusal(entries, 0, { entriesMax: 3 })).toBeUndefined()
    expect(refusal(entries, 0, { entriesMax: 2 })).toBe("entry 2: at most 2 entries are allowed")
  })

  it("goes on in slices of any size, with the same calls", () => {
    holds(
      fc.property(
        someTree,
        fc.constantFrom<ProofVersion>(0, 1),
        fc.integer({ min: 1, max: 7 }),
        (tree, version, slice) => {
          const bytes = frameEntries(proveIterate(tree.root, new Uint8Array(0), 8, { version }).entries)
          const recorder = new Recorder(bytes)
          const scanner = new ProofScanner(bytes, version, recorder)
          let steps = 1
          for (; !scanner.step(slice); steps++) expect(scanner.entries).toBe(steps * slice)
          expect(recorder.calls).toEqual(scan(bytes, version))
          expect(steps).toBe(Math.max(1, Math.ceil(scanner.entries / slice)))
          expect(scanner.step(slice)).toBe(true)
        }
      ),
      200
    )
  })

  it("throws the same again once it has failed, and after a throw of the visitor", () => {
    const bytes = framed([null, null])
    const failed = new ProofScanner(bytes, 0, new Recorder(bytes))
    expect(() => failed.step(10)).toThrow("entry 1")
    expect(() => failed.step(10)).toThrow("entry 1")
    const full = new Error("no space left")
    const recorder = new Recorder(bytes)
    recorder.empty = () => {
      throw full
    }
    const scanner = new ProofScanner(bytes, 0, recorder)
    expect(() => scanner.step(1)).toThrow(full)
    expect(() => scanner.step(1)).toThrow(full)
  })

  it("takes 20,000 levels, and says how deep it was", () => {
    const { top, deepestKey } = deepTree(20_000)
    for (const version of both) {
      const bytes = frameEntries(proveIterate(top, deepestKey, 0, { version }).entries)
      const scanner = new ProofScanner(bytes, version, new Recorder(bytes))
      scanner.run()
      expect(scanner.depthMax).toBe(20_000)
    }
  })

  it("any bytes are scanned or refused", () => {
    const entry = fc.oneof(
      fc.constantFrom(null, internal, `01${leaf}`, `02${hash}`, `0101010080${leaf}`, "0101000002"),
      fc.uint8Array({ maxLength: 12 }).map(toHex)
    )
    let accepted = 0
    holds(
      fc.property(
        fc.array(entry, { maxLength: 8 }),
        fc.constantFrom<ProofVersion>(0, 1),
        (entries, version) => {
          const reason = refusal(entries, version)
          if (reason === undefined) accepted++
          else expect(reason).toMatch(/^entry \d+: /)
        }
      ),
      3_000
    )
    expect(accepted).toBeGreaterThan(0)
    holds(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(refusal(bytes, 0) ?? "entry 0: ").toMatch(/^entry \d+: /)
      }),
      3_000
    )
  })
})
