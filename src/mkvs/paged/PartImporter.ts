import { ProofVerificationFailed } from "../MkvsError.ts"
import { ProofScanner, type ProofVisitor } from "../proof/ProofScanner.ts"
import type { NodeBuilder } from "./NodeBuilder.ts"
import { nodeHashAt, readU16, readU32, readU48, tagEmpty, tagReference } from "./Page.ts"

/** What a part of a tree comes to: whole subtrees, stored as pages, and the nodes above them that know only hashes. */
export interface PartSink {
  /** The subtree with this hash is complete: `memory[at, end)`, which holds `keys` keys. */
  complete(hash: Uint8Array, memory: Uint8Array, at: number, end: number, keys: number): void
  /** A node below which something is still missing: its head and slot as in a page, and its children's hashes. */
  spine(hash: Uint8Array, node: SpineNode): void
}

export interface SpineNode {
  /** `head ‖ slot` as in a page. */
  readonly bytes: Uint8Array
  /** `undefined` for an absent child. */
  readonly left: Uint8Array | undefined
  readonly right: Uint8Array | undefined
}

/**
 * Takes in one part of a tree: the entries of a V0 proof. Recomputes every hash from the bottom up; nodes that turn
 * out complete are built into pages on the way. Resumable, so that a large part can give way to other work. Whoever
 * gives the sinks holds back what they are told until `run` has returned true: only then the root has been checked.
 *
 * In the builder, a subtree that is not (wholly) here stands as a reference to page 0 with its hash.
 */
export class PartImporter implements ProofVisitor {
  private readonly scanner: ProofScanner
  private readonly frames: Array<Frame> = []
  private depth = -1
  private keys = 0

  constructor(
    private readonly entries: Uint8Array,
    private readonly rootHash: Uint8Array,
    private readonly builder: NodeBuilder,
    private readonly sink: PartSink,
    entriesMax: number
  ) {
    builder.reset()
    this.scanner = new ProofScanner(entries, 0, this, { entriesMax })
  }

  /** True when the whole part has been taken in and its root is right. Throws `ProofVerificationFailed`. */
  run(entries: number): boolean {
    if (!this.scanner.step(entries)) return false
    const { builder } = this
    const root = builder.kernel.base
    if (builder.memory[root] === tagEmpty) {
      this.check(builder.memory.subarray(builder.kernel.emptyHash, builder.kernel.emptyHash + 32))
      return true
    }
    this.check(hashOf(builder.memory, root))
    this.report(root, builder.end, this.keys)
    return true
  }

  internal(head: number, headEnd: number, _labelBits: number, leaf: number): void {
    const { builder, entries } = this
    this.depth++
    if (this.depth === this.frames.length) this.frames.push(new Frame())
    const frame = this.frames[this.depth]!
    frame.whole = true
    frame.right = 0
    frame.keys = this.keys
    frame.start = builder.end
    builder.copy(entries, head, headEnd)
    frame.slot = builder.end
    if (leaf < 0) builder.empty()
    else this.writeLeaf(leaf)
    builder.gap()
    frame.left = builder.end
  }

  leaf(at: number): void {
    this.writeLeaf(at)
    this.childDone(true)
  }

  hash(at: number): void {
    this.builder.reference(0, this.entries, at)
    this.childDone(false)
  }

  empty(): void {
    this.builder.empty()
    this.childDone(true)
  }

  endInternal(): void {
    const frame = this.frames[this.depth--]!
    this.builder.finishInternal(frame.start, frame.slot, frame.left, frame.right)
    if (!frame.whole) this.endSpine(frame)
    this.childDone(frame.whole)
  }

  private childDone(whole: boolean): void {
    if (this.depth < 0) return
    const frame = this.frames[this.depth]!
    if (!whole) frame.whole = false
    if (frame.right === 0) {
      frame.right = this.builder.end
      frame.keysLeft = this.keys
    }
  }

  /** Hands over the whole children and the node itself, and leaves only its hash in the builder. */
  private endSpine(frame: Frame): void {
    const { builder } = this
    const { memory } = builder
    // Finishing may have moved large children out, so positions are read anew.
    const hashAt = nodeHashAt(memory, frame.start)
    const left = hashAt + 36
    const right = left + readU32(memory, hashAt + 32)
    this.report(right, builder.end, this.keys - frame.keysLeft)
    this.report(left, right, frame.keysLeft - frame.keys - (memory[frame.slot] === tagEmpty ? 0 : 1))
    const hash = memory.slice(hashAt, hashAt + 32)
    this.sink.spine(hash, {
      bytes: memory.slice(frame.start, hashAt),
      left: memory[left] === tagEmpty ? undefined : hashOf(memory, left),
      right: memory[right] === tagEmpty ? undefined : hashOf(memory, right)
    })
    builder.end = frame.start
    builder.reference(0, hash, 0)
  }

  private report(at: number, end: number, keys: number): void {
    const { memory } = this.builder
    if (memory[at] === tagEmpty || (memory[at] === tagReference && readU48(memory, at + 1) === 0)) return
    this.sink.complete(hashOf(memory, at), memory, at, end, keys)
  }

  private writeLeaf(at: number): void {
    const { entries } = this
    const keyLength = readU16(entries, at + 1)
    const valueAt = at + 7 + keyLength
    this.builder.leaf(entries, at + 3, keyLength, entries, valueAt, readU32(entries, valueAt - 4))
    this.keys++
  }

  private check(hash: Uint8Array): void {
    for (let i = 0; i < 32; i++) {
      if (hash[i] !== this.rootHash[i]) {
        throw new ProofVerificationFailed({ reason: "the hashes do not end in the trusted root" })
      }
    }
  }
}

class Frame {
  start = 0
  slot = 0
  left = 0
  /** Where the right child begins; 0 while the left one is being written. */
  right = 0
  /** Whether everything below is here. */
  whole = true
  /** Keys counted before this node (its own leaf included afterwards), and up to its right child. */
  keys = 0
  keysLeft = 0
}

const hashOf = (memory: Uint8Array, at: number): Uint8Array => {
  const hashAt = nodeHashAt(memory, at)
  return memory.slice(hashAt, hashAt + 32)
}
