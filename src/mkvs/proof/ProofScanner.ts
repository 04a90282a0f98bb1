import { bytesOf, keyBytesMax } from "../Bits.ts"
import { EntryReader } from "../CborEntries.ts"
import { ProofVerificationFailed } from "../MkvsError.ts"
import { isEmptyHash } from "../Node.ts"
import type { ProofVersion } from "./Proof.ts"

/**
 * What a scan tells, in pre-order. All positions are offsets into the scanned bytes; nothing is copied. The scan checks
 * form only: whether the hashes end in a trusted root is the visitor's business.
 *
 * After `internal` come its children, each as one of the five calls (or a whole subtree, which ends in its own
 * `endInternal`), then its `endInternal`. Children of V0: left, right. Of V1: leaf, left, right.
 */
export interface ProofVisitor {
  /**
   * An internal node. `[head, headEnd)` is `01 ‖ labelBits ‖ label`, with which its hash preimage begins. `[leaf,
   * leafEnd)` is the storage form of the leaf inside it; `leaf` is -1 where there is none, and always in V1.
   */
  internal(head: number, headEnd: number, labelBits: number, leaf: number, leafEnd: number): void
  /** A leaf as a node of its own; `[at, end)` is its storage form. */
  leaf(at: number, end: number): void
  /** A node that is left out; its hash is `[at, at + 32)`, and is not the empty hash. */
  hash(at: number): void
  /** An absent child; for the whole proof: an empty tree. */
  empty(): void
  /** The last internal node that has not ended has all its children, of which at least two are present. */
  endInternal(): void
}

export interface ScanOptions {
  /** Part of `bytes` to scan. Default: all of it. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** More entries are refused. Default: no bound beyond that of the input, of which each takes at least a byte. */
  readonly entriesMax?: number | undefined
}

/**
 * One pass over the entries of a proof, each framed as CBOR, as in a decompressed checkpoint chunk (an array of
 * entries is framed by `frameEntries`). Iterative and bounds-checked; memory beyond the input is a byte for each
 * level of depth. `bytes` must stay as it is until the scan ends.
 *
 * Throws `ProofVerificationFailed`, naming the entry. After that, or after a throw of the visitor, the scan is over:
 * each further `step` throws the same.
 */
export class ProofScanner {
  /** Entries read so far. */
  entries = 0
  /** Most internal nodes above one another so far. */
  depthMax = 0

  readonly bytes: Uint8Array
  private readonly visitor: ProofVisitor
  private readonly reader: EntryReader
  private readonly firstLeft: number
  private readonly entriesMax: number
  /** For each open internal node: children to come (low 2 bits) and children present. */
  private pending = new Uint8Array(128)
  private open = 0
  private complete = false
  private failure: { readonly error: unknown } | undefined

  constructor(bytes: Uint8Array, version: ProofVersion, visitor: ProofVisitor, options: ScanOptions = {}) {
    this.bytes = bytes
    this.visitor = visitor
    this.reader = new EntryReader(bytes, options.from ?? 0, options.to ?? bytes.length)
    this.firstLeft = version === 0 ? 2 : 3
    this.entriesMax = options.entriesMax ?? Number.POSITIVE_INFINITY
  }

  /** Reads at most `entriesMax` further entries; `true` once all are read and the proof is complete. */
  step(entriesMax: number): boolean {
    if (this.failure !== undefined) throw this.failure.error
    try {
      for (let i = 0; i < entriesMax && !this.complete; i++) this.entry()
    } catch (error) {
      this.failure = { error }
      throw error
    }
    return this.complete
  }

  /** All of it in one go. */
  run(): void {
    this.step(Number.POSITIVE_INFINITY)
  }

  private entry(): void {
    const { reader } = this
    if (reader.done) this.fail("is missing: the tree is not complete")
    if (this.entries >= this.entriesMax) this.fail(`at most ${this.entriesMax} entries are allowed`)
    const reason = reader.next()
    if (reason !== undefined) this.fail(reason)
    this.dispatch(reader.start, reader.end)
    this.entries++
    if (this.complete && !reader.done) this.fail("is left over: the tree is complete without it")
  }

  private dispatch(at: number, end: number): void {
    const tag = at < end ? this.bytes[at]! : -1
    if (tag === 1) {
      this.node(at + 1, end)
    } else if (tag === 2) {
      this.hash(at + 1, end)
    } else if (at < 0) {
      this.visitor.empty()
      this.fill(0)
    } else {
      this.fail(tag < 0 ? "is an empty byte string" : `unknown tag ${tag}`)
    }
  }

  private node(at: number, end: number): void {
    const tag = at < end ? this.bytes[at]! : -1
    if (tag === 1) {
      this.internal(at, end)
    } else if (tag === 0) {
      if (this.leafEnd(at, end) !== end) this.fail("bytes after a leaf")
      this.visitor.leaf(at, end)
      this.fill(1)
    } else {
      this.fail(tag < 0 ? "node without a tag" : `unknown node tag ${tag}`)
    }
  }

  private hash(at: number, end: number): void {
    if (end - at !== 32) this.fail(`hash of ${end - at} bytes`)
    if (isEmptyHash(this.bytes, at)) this.fail("the empty hash stands for a node that is left out")
    this.visitor.hash(at)
    this.fill(1)
  }

  private internal(at: number, end: number): void {
    const { bytes } = this
    // Only leaves have a place in a leaf's place; the hash could not match, but readers may rely on the shape.
    if (this.open > 0 && (this.pending[this.open - 1]! & 3) === 3)
      this.fail("internal node in a leaf's place")
    if (end - at < 3) this.fail("node ends within its label's length")
    const labelBits = bytes[at + 1]! | (bytes[at + 2]! << 8)
    const headEnd = at + 3 + bytesOf(labelBits)
    if (headEnd >= end) this.fail(`node ends within its label of ${labelBits} bits, or after it`)
    const unused = -labelBits & 7
    if ((bytes[headEnd - 1]! & ((1 << unused) - 1)) !== 0) this.fail("unused bits of the label are not zero")
    const leaf = this.embeddedLeaf(headEnd, end)
    this.push(leaf < 0 ? this.firstLeft : this.firstLeft | onePresent)
    this.visitor.internal(at, headEnd, labelBits, leaf, leaf < 0 ? -1 : end)
  }

  /** Start of the leaf inside an internal node, or -1; the node must end with it. */
  private embeddedLeaf(at: number, end: number): number {
    if (this.bytes[at] === 2) {
      if (at + 1 !== end) this.fail("bytes after an internal node")
      return -1
    }
    if (this.bytes[at] !== 0)
      this.fail(`unknown tag ${this.bytes[at]} in the place of an internal node's leaf`)
    if (this.firstLeft === 3) this.fail("leaf inside an internal node: in V1 it is an entry of its own")
    if (this.leafEnd(at, end) !== end) this.fail("bytes after an internal node")
    return at
  }

  private leafEnd(at: number, limit: number): number {
    const { bytes } = this
    if (limit - at < 7) this.fail("leaf ends within its lengths")
    const keyBytes = bytes[at + 1]! | (bytes[at + 2]! << 8)
    if (keyBytes > keyBytesMax) this.fail(`key of ${keyBytes} bytes: at most ${keyBytesMax} are allowed`)
    const value = at + 7 + keyBytes
    if (value > limit) this.fail(`leaf ends within its key of ${keyBytes} bytes, or after it`)
    const valueBytes =
      (bytes[value - 4]! |
        (bytes[value - 3]! << 8) |
        (bytes[value - 2]! << 16) |
        (bytes[value - 1]! << 24)) >>>
      0
    if (valueBytes > limit - value) {
      this.fail(`value of ${valueBytes} bytes, of which ${limit - value} are there`)
    }
    return value + valueBytes
  }

  private push(state: number): void {
    if (this.open === this.pending.length) {
      const grown = new Uint8Array(2 * this.open)
      grown.set(this.pending)
      this.pending = grown
    }
    this.pending[this.open++] = state
    if (this.open > this.depthMax) this.depthMax = this.open
  }

  /** One place is filled; ends the nodes that this completes. */
  private fill(present: 0 | 1): void {
    let state = present
    while (this.open > 0) {
      const top = this.pending[this.open - 1]! - 1 + (state === 1 ? onePresent : 0)
      this.pending[this.open - 1] = top
      if ((top & 3) !== 0) return
      if (top < 2 * onePresent) this.fail("ends an internal node that has fewer than two children")
      this.open--
      this.visitor.endInternal()
      state = 1
    }
    this.complete = true
  }

  private fail(reason: string): never {
    throw new ProofVerificationFailed({ reason: `entry ${this.entries}: ${reason}` })
  }
}

/** Added to a state for each child that is present. */
const onePresent = 4
