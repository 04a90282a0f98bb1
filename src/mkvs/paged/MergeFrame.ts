import { PageBuffer } from "./PageSource.ts"

/** A node under work. Frames are reused; all fields are set by `push`, `child`, `load`, `divide` and `open`. */
export class MergeFrame {
  /** What comes next: left, right, or the node's end. */
  phase: 0 | 1 | 2 = 0
  /** Bits above the node, and where it ends. */
  path = 0
  bits = 0
  /** The changes at this place; of those, the first may concern the leaf child, then [rest, middle) left, [middle, hi) right. */
  lo = 0
  hi = 0
  ownLeaf = false
  rest = 0
  middle = 0
  /** What stood here, as the parent holds it: perhaps a reference. */
  outer: Uint8Array | undefined = undefined
  outerAt = 0
  outerEnd = 0
  outerSkip = 0
  /** The same, looked up; `skip` label bits belong to nodes above. `page` is its id where it was a reference, else 0. */
  old: Uint8Array | undefined = undefined
  at = 0
  end = 0
  skip = 0
  page = 0
  private ownBuffer: PageBuffer | undefined = undefined
  /** Old children, and how many of their label bits this node takes. */
  slotOld: Uint8Array | undefined = undefined
  slotAt = 0
  slotEnd = 0
  leftOld: Uint8Array | undefined = undefined
  leftAt = 0
  leftEnd = 0
  leftSkip = 0
  rightOld: Uint8Array | undefined = undefined
  rightAt = 0
  rightEnd = 0
  rightSkip = 0
  /** Positions in the builder. */
  start = 0
  slot = 0
  left = 0
  right = 0
  changed = false

  /** Where the page lies while this node and what is below it are worked on. */
  get buffer(): PageBuffer {
    this.ownBuffer ??= new PageBuffer()
    return this.ownBuffer
  }

  oldSlot(bytes: Uint8Array, at: number, end: number): void {
    this.slotOld = bytes
    this.slotAt = at
    this.slotEnd = end
  }

  oldLeft(bytes: Uint8Array, at: number, end: number, skip: number): void {
    this.leftOld = bytes
    this.leftAt = at
    this.leftEnd = end
    this.leftSkip = skip
  }

  oldRight(bytes: Uint8Array, at: number, end: number, skip: number): void {
    this.rightOld = bytes
    this.rightAt = at
    this.rightEnd = end
    this.rightSkip = skip
  }
}
