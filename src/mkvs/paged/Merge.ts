import { commonBits, getBitAt } from "../Bits.ts"
import type { Changes } from "./Changes.ts"
import { MergeFrame } from "./MergeFrame.ts"
import type { NodeBuilder } from "./NodeBuilder.ts"
import {
  leafBytes,
  leafHashAt,
  readU16,
  readU32,
  readU48,
  slotAt,
  slotEnd,
  tagEmpty,
  tagLeaf,
  tagReference
} from "./Page.ts"
import type { PageSink, PageSource } from "./PageSource.ts"

/**
 * A commit: merges sorted changes with the old pages in one depth-first pass that writes the new nodes in order.
 * Untouched subtrees are copied as bytes, touched nodes are hashed once; a part in which nothing really changed is
 * left as it was, so its pages live on. Iterative (keys chosen to make a deep tree must not exhaust the stack) and
 * resumable (`run`), so that a large commit can give way to other work.
 *
 * One rule covers everything below a place in the tree, where changes [lo, hi) and perhaps an old subtree meet: the
 * new node ends where the first two of these part, so its label is what they share beyond the path. If that is before
 * the old node's end, the old node goes, its label shortened, to one side of a new one.
 */
export class Merge {
  /** Keys in the tree after minus before; complete when `run` has returned true. */
  keysDelta = 0
  /** Per change: 1 where it made a difference. */
  readonly effective: Uint8Array

  private readonly frames: Array<MergeFrame> = []
  private depth = -1
  /** Whether the subtree finished last differs from the old one. */
  private changed = false
  private first: Uint8Array = new Uint8Array(0)
  private firstAt = 0
  private firstBits = 0

  constructor(
    private readonly builder: NodeBuilder,
    private readonly source: PageSource,
    private readonly sink: PageSink,
    private readonly changes: Changes
  ) {
    this.effective = new Uint8Array(changes.count)
  }

  /** Begins on the old tree: the root's page, or 0 for an empty tree. The result goes to the builder's start. */
  start(rootPage: number): void {
    this.builder.reset()
    if (this.changes.count === 0) return
    const frame = this.push(0, 0, this.changes.count)
    if (rootPage === 0) frame.old = undefined
    else this.load(frame, rootPage)
    frame.outer = undefined
    this.enter(frame)
  }

  /** Works through at most `steps` nodes. True when the new tree is complete in the builder. */
  run(steps: number): boolean {
    for (let left = steps; left > 0 && this.depth >= 0; left--) this.step(this.frames[this.depth]!)
    return this.depth < 0
  }

  /** Whether anything differs; valid when `run` has returned true. */
  get different(): boolean {
    return this.changed
  }

  private step(frame: MergeFrame): void {
    switch (frame.phase) {
      case 0:
        frame.phase = 1
        return this.child(
          frame,
          frame.leftOld,
          frame.leftAt,
          frame.leftEnd,
          frame.leftSkip,
          frame.rest,
          frame.middle
        )
      case 1:
        frame.changed ||= this.changed
        frame.right = this.builder.end
        frame.phase = 2
        return this.child(
          frame,
          frame.rightOld,
          frame.rightAt,
          frame.rightEnd,
          frame.rightSkip,
          frame.middle,
          frame.hi
        )
      default:
        frame.changed ||= this.changed
        return this.finish(frame)
    }
  }

  /** Handles one child: at once where no change concerns it, else by a frame of its own. */
  private child(
    parent: MergeFrame,
    old: Uint8Array | undefined,
    at: number,
    end: number,
    skip: number,
    lo: number,
    hi: number
  ) {
    if (lo === hi) {
      this.changed = false
      if (old === undefined) this.builder.empty()
      else if (skip === 0) this.builder.copy(old, at, end)
      else this.shortened(old, at, end, skip)
      return
    }
    const frame = this.push(parent.bits, lo, hi)
    frame.outer = old
    frame.outerAt = at
    frame.outerEnd = end
    frame.outerSkip = skip
    if (old !== undefined && old[at] === tagReference) this.load(frame, readU48(old, at + 1))
    else if (old !== undefined && old[at] === tagEmpty) frame.old = undefined
    else {
      frame.old = old
      frame.at = at
      frame.end = end
      frame.skip = skip
    }
    this.enter(frame)
  }

  private push(path: number, lo: number, hi: number): MergeFrame {
    this.depth++
    if (this.depth === this.frames.length) this.frames.push(new MergeFrame())
    const frame = this.frames[this.depth]!
    frame.path = path
    frame.lo = lo
    frame.hi = hi
    frame.page = 0
    frame.changed = false
    frame.start = this.builder.end
    return frame
  }

  private load(frame: MergeFrame, id: number): void {
    frame.page = id
    frame.old = this.source.lend(id, frame.buffer)
    frame.at = 0
    frame.end = frame.old.length
    frame.skip = 0
  }

  /** Finds where the node ends and what goes to its leaf, left and right; or settles the place without a node. */
  private enter(frame: MergeFrame): void {
    const { changes } = this
    changes.select(frame.lo)
    const key = changes.key
    const keyAt = changes.keyAt
    const keyBits = changes.keyLength << 3
    const old = frame.old
    if (frame.hi - frame.lo === 1 && (old === undefined || old[frame.at] === tagLeaf)) {
      if (old === undefined || leafHasKey(old, frame.at, key, keyAt, changes.keyLength))
        return this.settle(frame)
      if (changes.valueLength < 0) return this.unchanged(frame)
    }
    let bits = keyBits
    if (frame.hi - frame.lo > 1) {
      changes.select(frame.hi - 1)
      bits = sharedBits(frame.path, key, keyAt, bits, changes.key, changes.keyAt, changes.keyLength << 3)
    }
    if (old !== undefined) {
      if (old[frame.at] === tagLeaf) {
        bits = sharedBits(frame.path, key, keyAt, bits, old, frame.at + 3, readU16(old, frame.at + 1) << 3)
      } else {
        const label = Math.min(readU16(old, frame.at + 1) - frame.skip, bits - frame.path)
        bits = frame.path + commonBits(old, frame.at + 3, frame.skip, key, keyAt, frame.path, label)
      }
    }
    frame.bits = bits
    this.first = key
    this.firstAt = keyAt
    this.firstBits = keyBits
    this.divide(frame)
    this.open(frame)
  }

  /** Shares out changes and old subtree between leaf, left and right of the node that ends at `frame.bits`. */
  private divide(frame: MergeFrame): void {
    const { old, at, bits } = frame
    frame.ownLeaf = this.firstBits === bits
    frame.rest = frame.ownLeaf ? frame.lo + 1 : frame.lo
    frame.middle = this.firstWithBit(bits, frame.rest, frame.hi)
    frame.slotOld = undefined
    frame.leftOld = undefined
    frame.rightOld = undefined
    if (old === undefined) return
    if (old[at] === tagLeaf) {
      const leafBits = readU16(old, at + 1) << 3
      if (leafBits === bits) frame.oldSlot(old, at, frame.end)
      else if (getBitAt(old, at + 3, bits) === 0) frame.oldLeft(old, at, frame.end, 0)
      else frame.oldRight(old, at, frame.end, 0)
      return
    }
    const taken = frame.skip + bits - frame.path
    if (taken < readU16(old, at + 1)) {
      if (getBitAt(old, at + 3, taken) === 0) frame.oldLeft(old, at, frame.end, taken)
      else frame.oldRight(old, at, frame.end, taken)
      return
    }
    const slot = slotAt(old, at)
    const hashAt = slotEnd(old, slot)
    const left = hashAt + 36
    const right = left + readU32(old, hashAt + 32)
    frame.oldSlot(old, slot, hashAt)
    frame.oldLeft(old, left, right, 0)
    frame.oldRight(old, right, frame.end, 0)
  }

  /** Writes head and slot; left comes next. */
  private open(frame: MergeFrame): void {
    const { builder } = this
    builder.head(this.first, this.firstAt, frame.path, frame.bits - frame.path)
    frame.slot = builder.end
    if (frame.ownLeaf) this.slot(frame)
    else if (frame.slotOld === undefined) builder.empty()
    else builder.copy(frame.slotOld, frame.slotAt, frame.slotEnd)
    builder.gap()
    frame.left = builder.end
    frame.phase = 0
  }

  /** The change `lo` concerns the leaf child itself. */
  private slot(frame: MergeFrame): void {
    const { builder, changes } = this
    changes.select(frame.lo)
    let old = frame.slotOld
    let at = frame.slotAt
    if (old !== undefined && old[at] === tagEmpty) old = undefined
    let page = 0
    if (old !== undefined && old[at] === tagReference) {
      page = readU48(old, at + 1)
      old = this.source.page(page)
      at = 0
    }
    if (old === undefined ? changes.valueLength < 0 : leafHasValue(old, at, changes)) {
      if (frame.slotOld === undefined) builder.empty()
      else builder.copy(frame.slotOld, frame.slotAt, frame.slotEnd)
      return
    }
    this.count(frame.lo, old !== undefined)
    frame.changed = true
    if (page !== 0) this.sink.replaced(page)
    if (changes.valueLength < 0) builder.empty()
    else this.leaf()
  }

  /** One change meets an empty place, or the leaf of the same key. */
  private settle(frame: MergeFrame): void {
    const { builder, changes } = this
    const { old, at } = frame
    if (old === undefined ? changes.valueLength < 0 : leafHasValue(old, at, changes))
      return this.unchanged(frame)
    this.count(frame.lo, old !== undefined)
    if (frame.page !== 0) this.sink.replaced(frame.page)
    if (changes.valueLength < 0) builder.empty()
    else this.leaf()
    this.changed = true
    this.depth--
  }

  private finish(frame: MergeFrame): void {
    if (!frame.changed) {
      this.builder.end = frame.start
      return this.unchanged(frame)
    }
    if (frame.page !== 0) this.sink.replaced(frame.page)
    this.builder.finishInternal(frame.start, frame.slot, frame.left, frame.right)
    this.changed = true
    this.depth--
  }

  /** The place stays as it was, reference and all. */
  private unchanged(frame: MergeFrame): void {
    const { builder } = this
    const outer = frame.outer
    if (outer === undefined) builder.empty()
    else if (frame.outerSkip === 0) builder.copy(outer, frame.outerAt, frame.outerEnd)
    else this.shortened(outer, frame.outerAt, frame.outerEnd, frame.outerSkip)
    this.changed = false
    this.depth--
  }

  /** An old node below a new one: without the first `skip` bits of its label, which are the new node's now. */
  private shortened(old: Uint8Array, at: number, end: number, skip: number): void {
    const { builder } = this
    const start = builder.end
    builder.head(old, at + 3, skip, readU16(old, at + 1) - skip)
    const slot = builder.end
    const oldSlot = slotAt(old, at)
    builder.copy(old, oldSlot, end)
    const hashAt = slotEnd(builder.memory, slot)
    const left = hashAt + 36
    builder.finishInternal(start, slot, left, left + readU32(builder.memory, hashAt + 32))
  }

  private leaf(): void {
    const { changes } = this
    this.builder.leaf(
      changes.key,
      changes.keyAt,
      changes.keyLength,
      changes.value,
      changes.valueAt,
      changes.valueLength
    )
  }

  /** Notes that change `index`, which is selected, makes a difference. */
  private count(index: number, existed: boolean): void {
    this.effective[index] = 1
    if (this.changes.valueLength < 0) this.keysDelta--
    else if (!existed) this.keysDelta++
  }

  /** First of the changes [lo, hi) whose key has a 1 at `bit`; all of them share the bits before and go on beyond it. */
  private firstWithBit(bit: number, lo: number, hi: number): number {
    const { changes } = this
    let from = lo
    let to = hi
    while (from < to) {
      const middle = (from + to) >>> 1
      changes.select(middle)
      if (getBitAt(changes.key, changes.keyAt, bit) === 0) from = middle + 1
      else to = middle
    }
    return from
  }
}

/** Bits that two keys share, knowing that they share the first `path`. */
const sharedBits = (
  path: number,
  a: Uint8Array,
  aAt: number,
  aBits: number,
  b: Uint8Array,
  bAt: number,
  bBits: number
): number => path + commonBits(a, aAt, path, b, bAt, path, Math.min(aBits, bBits) - path)

const leafHasKey = (bytes: Uint8Array, at: number, key: Uint8Array, keyAt: number, length: number): boolean =>
  readU16(bytes, at + 1) === length && same(bytes, at + 3, key, keyAt, length)

/** Whether the leaf already holds the selected change's value; false for a removal. */
const leafHasValue = (bytes: Uint8Array, at: number, changes: Changes): boolean => {
  const hashAt = leafHashAt(bytes, at)
  const length = changes.valueLength
  const valueAt = hashAt - length
  return (
    length >= 0 &&
    leafBytes(bytes, at) === 39 + changes.keyLength + length &&
    same(bytes, valueAt, changes.value, changes.valueAt, length)
  )
}

const same = (a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean => {
  for (let i = 0; i < length; i++) if (a[aAt + i] !== b[bAt + i]) return false
  return true
}
