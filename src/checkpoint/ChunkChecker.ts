import { equal, toHex } from "../mkvs/Bytes.ts"
import { type Hasher, hashBytes } from "../mkvs/Hasher.ts"
import { ProofVerificationFailed } from "../mkvs/MkvsError.ts"
import { EntryHasher } from "../mkvs/proof/EntryHasher.ts"
import { ProofScanner, type ProofVisitor } from "../mkvs/proof/ProofScanner.ts"
import { emptyHash } from "../mkvs/Root.ts"
import { OpenReferences } from "./OpenReferences.ts"

/**
 * Whether chunks together show a whole tree, told without keeping the tree: only the references that are still open,
 * and what belongs to the chunk at hand.
 *
 * At first the root is open. A node that is shown while it is open is *settled*: it is open no longer, those of its
 * descendants that the chunk shows are settled with it, and what the chunk leaves out below them is open. A node that
 * was settled by an earlier chunk (those above a part that another chunk shows) settles nothing, so every key is
 * counted once. When nothing is open, all is there.
 */
export class CoverageChecker {
  readonly open = new OpenReferences()
  /** Keys of settled nodes. */
  keys = 0
  readonly #root: Uint8Array
  readonly #hasher: Hasher

  constructor(root: Uint8Array, hasher: Hasher) {
    this.#root = root
    this.#hasher = hasher
    if (!equal(root, emptyHash)) this.open.add(root)
  }

  /**
   * Checks the entries of one chunk (framed as CBOR) in slices: call `step` until it returns `true`. It throws
   * `ProofVerificationFailed`, after which this checker is of no more use.
   */
  chunk(entries: Uint8Array): { readonly step: (entriesMax: number) => boolean } {
    const visitor = new ChunkVisitor(entries, this, this.#hasher)
    const scanner = new ProofScanner(entries, 0, visitor)
    return {
      step: (entriesMax) => {
        if (!scanner.step(entriesMax)) return false
        const hash = visitor.top ?? emptyHash
        if (equal(hash, this.#root)) return true
        throw new ProofVerificationFailed({
          reason: `its hashes end in ${toHex(hash)}, not in the root ${toHex(this.#root)}`
        })
      }
    }
  }
}

/**
 * Hashes are known from the bottom up, while settling goes from the top down: so what a node would settle is put by
 * until the nearest node above that turns out to be open, or is dropped at the top.
 */
class ChunkVisitor implements ProofVisitor {
  readonly #bytes: Uint8Array
  readonly #checker: CoverageChecker
  readonly #hasher: EntryHasher
  /** Hashes of filled places whose parent has not ended: of each open node its leaf, then left, then right. */
  readonly #places: Array<Uint8Array | undefined> = []
  /** Of each open node: start and end of its head, keys put by, and how many left-out nodes were put by before it. */
  readonly #frames: Array<number> = []
  /** Hashes of nodes left out, put by. */
  readonly #leftOut: Array<Uint8Array> = []

  constructor(bytes: Uint8Array, checker: CoverageChecker, hasher: Hasher) {
    this.#bytes = bytes
    this.#checker = checker
    this.#hasher = new EntryHasher(hasher)
  }

  get top(): Uint8Array | undefined {
    return this.#places[0]
  }

  internal(head: number, headEnd: number, _labelBits: number, leaf: number, leafEnd: number): void {
    this.#frames.push(head, headEnd, leaf < 0 ? 0 : 1, this.#leftOut.length)
    this.#places.push(leaf < 0 ? undefined : this.#hasher.leaf(this.#bytes, leaf, leafEnd))
  }

  leaf(at: number, end: number): void {
    const hash = this.#hasher.leaf(this.#bytes, at, end)
    this.#settle(hash, 1, this.#leftOut.length)
    this.#places.push(hash)
  }

  hash(at: number): void {
    const hash = this.#bytes.subarray(at, at + hashBytes)
    this.#leftOut.push(hash)
    this.#places.push(hash)
  }

  empty(): void {
    this.#places.push(undefined)
  }

  endInternal(): void {
    const leftOutBefore = this.#frames.pop()!
    const keys = this.#frames.pop()!
    const headEnd = this.#frames.pop()!
    const head = this.#frames.pop()!
    const right = this.#places.pop()
    const left = this.#places.pop()
    const leaf = this.#places.pop()
    const hash = this.#hasher.internal(this.#bytes, head, headEnd, leaf, left, right)
    this.#settle(hash, keys, leftOutBefore)
    this.#places.push(hash)
  }

  /** A node with its keys and, from `leftOutBefore` on, what is left out below it. */
  #settle(hash: Uint8Array, keys: number, leftOutBefore: number): void {
    if (this.#checker.open.delete(hash)) {
      this.#checker.keys += keys
      for (let i = leftOutBefore; i < this.#leftOut.length; i++) this.#checker.open.add(this.#leftOut[i]!)
      this.#leftOut.length = leftOutBefore
    } else if (this.#frames.length > 0) {
      this.#frames[this.#frames.length - 2]! += keys
    }
  }
}
