import { commonBits, getBit } from "../Bits.ts"
import { empty } from "../Bytes.ts"
import { keyRange } from "../KeyRange.ts"
import { lookup } from "../Lookup.ts"
import { NotCovered } from "../MkvsError.ts"
import type { Entry, IterateOptions } from "../Tree.ts"
import type { TreeNode } from "../TreeNode.ts"
import type { WriteLog, WriteLogEntry } from "../WriteLog.ts"
import { nodeEntries } from "./NodeEntries.ts"
import { covered, LeftOut, type ProvedChild, type ProvedNode } from "./ProvedNode.ts"

/** What a proof says about a key. */
export type ProvedAnswer =
  | { readonly status: "present"; readonly value: Uint8Array }
  | { readonly status: "absent" }
  | { readonly status: "notCovered" }

/** Where in a tree a node begins: at the end of its parent, whose path is the first `bits` bits of `path`. */
export interface Position {
  readonly path: Uint8Array
  readonly bits: number
}

/** The part of a tree that a verified proof shows. Byte strings it gives are views: copy before changing them. */
export class ProvedTree {
  /** The trusted root: the hash of `top`, or the empty hash. */
  readonly rootHash: Uint8Array
  private readonly topChild: ProvedChild
  /** `undefined`: the top of the tree. */
  private readonly position: Position | undefined

  constructor(top: ProvedChild, rootHash: Uint8Array, position?: Position) {
    this.topChild = top
    this.rootHash = rootHash
    this.position = position
  }

  /** The node the proof starts at; `undefined` for an empty tree. Throws `NotCovered` where the proof shows nothing. */
  get top(): TreeNode | undefined {
    return covered(this.topChild)
  }

  /** Of a proof by position: keys that do not lead to the position are not covered. */
  get(key: Uint8Array): ProvedAnswer {
    if (!this.leadsHere(key)) return { status: "notCovered" }
    try {
      const leaf = lookup(this.top, key, this.position?.bits)
      return leaf === undefined ? { status: "absent" } : { status: "present", value: leaf.value }
    } catch (error) {
      if (error instanceof NotCovered) return { status: "notCovered" }
      throw error
    }
  }

  /**
   * Entries in key order, as from the tree itself. Throws `NotCovered` from the step whose entry the proof does not
   * tell, so what was yielded before is complete up to there. Of a proof by position: entries below the position.
   */
  iterate(options?: IterateOptions): IterableIterator<Entry> {
    const { path, bits } = this.position ?? { path: empty, bits: 0 }
    return nodeEntries(() => this.top, keyRange(options), path, bits)
  }

  /** Keys and values of all leaves that the proof shows, in key order. */
  writeLog(): WriteLog {
    const log: Array<WriteLogEntry> = []
    const pending: Array<ProvedNode> = []
    if (this.topChild !== undefined && !(this.topChild instanceof LeftOut)) pending.push(this.topChild)
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (node.isLeaf) log.push({ key: node.key, value: node.value })
      else pending.push(...node.coveredChildren().toReversed())
    }
    return log
  }

  /** True where a look-up of `key` from the top of the whole tree comes past the position. */
  private leadsHere(key: Uint8Array): boolean {
    if (this.position === undefined || this.topChild instanceof LeftOut) return true
    const { path, bits } = this.position
    const { top } = this
    if (top === undefined || 8 * key.length < bits || commonBits(key, 0, 0, path, 0, 0, bits) < bits)
      return false
    // The bit that follows decides between the parent's children; where there is none, it is the parent's leaf.
    if (top.isLeaf) {
      const ends = 8 * top.key.length === bits
      return 8 * key.length === bits ? ends : !ends && getBit(top.key, bits) === getBit(key, bits)
    }
    // Only the top of a tree can have an empty label.
    return top.labelBits === 0 || (8 * key.length > bits && getBit(top.label, 0) === getBit(key, bits))
  }
}
