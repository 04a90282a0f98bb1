import { equal } from "../Bytes.ts"
import {
  type CborEntry,
  EntryReader,
  framedSize,
  frameEntries,
  headerSize,
  writeArrayHeader
} from "../CborEntries.ts"
import { hashBytes } from "../Hasher.ts"
import { MalformedCbor } from "../MkvsError.ts"

/** 0: an internal node's leaf lies inside it. 1: it is an entry of its own, so that a path carries no foreign values. */
export type ProofVersion = 0 | 1

/**
 * A part of a tree that can be checked against the tree's hash. `entries` are nodes in pre-order: `null` an empty
 * place, `01 ‖ compact node` an included node, `02 ‖ hash` one that is left out.
 */
export interface Proof {
  readonly version: ProofVersion
  /** The hash of the node the proof starts at, as its maker says. Not to be believed. */
  readonly untrustedRoot: Uint8Array
  readonly entries: ReadonlyArray<CborEntry>
}

export interface ProofLimits {
  /** Bytes of a proof: of its CBOR when decoding, of its framed entries when verifying. */
  readonly bytesMax?: number | undefined
  readonly entriesMax?: number | undefined
}

export const defaultProofLimits = { bytesMax: 16 * 1024 * 1024, entriesMax: 1_000_000 } as const

/** Canonical CBOR: a map of `v` (only where it is not 0), `entries` and `untrusted_root`, in this order. */
export const encodeProof = (proof: Proof): Uint8Array => {
  const head = proof.version === 0 ? headV0 : headV1
  const entries = frameEntries(proof.entries)
  const entriesAt = head.length + headerSize(proof.entries.length)
  const out = new Uint8Array(entriesAt + entries.length + rootField.length + hashBytes)
  out.set(head, 0)
  writeArrayHeader(out, head.length, proof.entries.length)
  out.set(entries, entriesAt)
  out.set(rootField, entriesAt + entries.length)
  out.set(proof.untrustedRoot, out.length - hashBytes)
  return out
}

/**
 * Reads what `encodeProof` writes, and nothing else: `MalformedCbor` for other bytes and for more than `limits` allow.
 * Says nothing about the proof's truth. The entries are views of `input`.
 */
export const decodeProof = (input: Uint8Array, limits: ProofLimits = {}): Proof => {
  // Views of a Buffer would be Buffers.
  const bytes = new Uint8Array(input.buffer, input.byteOffset, input.length)
  const bytesMax = limits.bytesMax ?? defaultProofLimits.bytesMax
  if (bytes.length > bytesMax) refuse(`${bytes.length} bytes: at most ${bytesMax} are allowed`)
  const version = hasAt(bytes, 0, headV0) ? 0 : hasAt(bytes, 0, headV1) ? 1 : refuse(headReason)
  const at = (version === 0 ? headV0 : headV1).length
  const count = arrayLength(bytes, at)
  const entriesMax = limits.entriesMax ?? defaultProofLimits.entriesMax
  if (count > entriesMax) refuse(`${count} entries: at most ${entriesMax} are allowed`)
  const reader = new EntryReader(bytes, at + headerSize(count))
  const entries: Array<CborEntry> = []
  for (let index = 0; index < count; index++) {
    const reason = reader.next()
    if (reason !== undefined) refuse(`entry ${index}: ${reason}`)
    entries.push(reader.start < 0 ? null : bytes.subarray(reader.start, reader.end))
  }
  const rootAt = reader.at + rootField.length
  if (!hasAt(bytes, reader.at, rootField) || rootAt + hashBytes > bytes.length) {
    refuse(`no untrusted_root of ${hashBytes} bytes after the entries`)
  }
  if (rootAt + hashBytes < bytes.length) refuse("bytes left over")
  return { version, untrustedRoot: bytes.subarray(rootAt), entries }
}

/** The proof whose entries lie framed in `framed`, of which they become views. */
export const proofOfFramed = (
  version: ProofVersion,
  untrustedRoot: Uint8Array,
  framed: Uint8Array
): Proof => {
  const entries: Array<CborEntry> = []
  const reader = new EntryReader(framed)
  while (!reader.done) {
    const reason = reader.next()
    if (reason !== undefined) throw new Error(`framed entries: ${reason}`)
    entries.push(reader.start < 0 ? null : framed.subarray(reader.start, reader.end))
  }
  return { version, untrustedRoot, entries }
}

/** Size of the entry that stands for a node left out, framed: the tag `02` and its hash. */
export const framedHashSize = framedSize(1 + hashBytes)

const ascii = (text: string): ReadonlyArray<number> => Array.from(text, (letter) => letter.charCodeAt(0))
/** A map of two fields, the first of which is `entries`. */
const headV0 = Uint8Array.of(0xa2, 0x67, ...ascii("entries"))
/** A map of three fields: `v`, which is 1, then `entries`. */
const headV1 = Uint8Array.of(0xa3, 0x61, ...ascii("v"), 0x01, 0x67, ...ascii("entries"))
const rootField = Uint8Array.of(0x6e, ...ascii("untrusted_root"), 0x58, hashBytes)

const headReason =
  "does not begin as a map of v (left out for version 0, else 1), entries and untrusted_root, in canonical order"

const hasAt = (bytes: Uint8Array, at: number, part: Uint8Array): boolean =>
  equal(bytes.subarray(at, at + part.length), part)

/** The length of the array whose header is at `at`; each item takes at least a byte, and must be there. */
const arrayLength = (bytes: Uint8Array, at: number): number => {
  const first = at < bytes.length ? bytes[at]! : 0
  const info = first & 31
  if (first >>> 5 !== 4 || info > 26) refuse("entries: no array of definite length below 2^32")
  const width = info < 24 ? 0 : 1 << (info - 24)
  if (at + 1 + width > bytes.length) refuse("entries: input ends within the array's length")
  let count = width === 0 ? info : 0
  for (let i = 1; i <= width; i++) count = count * 256 + bytes[at + i]!
  if (headerSize(count) !== 1 + width) refuse("entries: the array's length is not minimal")
  if (count > bytes.length - at - 1 - width)
    refuse(`entries: ${count} are announced, but the input ends before`)
  return count
}

const refuse = (reason: string): never => {
  throw new MalformedCbor({ what: "proof", reason })
}
