import type { InternalNode, LeafNode, TreeNode } from "../TreeNode.ts"
import {
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
import type { PageSource } from "./PageSource.ts"

/** A leaf inside a page. Shares the page's memory. */
class PagedLeaf implements LeafNode {
  readonly isLeaf = true

  constructor(
    private readonly page: Uint8Array,
    private readonly at: number,
    private readonly hashAt: number
  ) {}

  get hash(): Uint8Array {
    return this.page.subarray(this.hashAt, this.hashAt + 32)
  }

  get key(): Uint8Array {
    return this.page.subarray(this.at + 3, this.at + 3 + readU16(this.page, this.at + 1))
  }

  get value(): Uint8Array {
    return this.page.subarray(this.at + 7 + readU16(this.page, this.at + 1), this.hashAt)
  }

  get compactSize(): number {
    return this.hashAt - this.at
  }

  writeCompact(out: Uint8Array, at: number): number {
    out.set(this.page.subarray(this.at, this.hashAt), at)
    return at + this.hashAt - this.at
  }
}

/** An internal node inside a page. Children are looked up when asked for. */
class PagedInternal implements InternalNode {
  readonly isLeaf = false
  private readonly slot: number
  private readonly hashAt: number

  constructor(
    private readonly source: PageSource,
    private readonly page: Uint8Array,
    /** Id of the page, so that it can be cached when a reference out of it is followed; 0 where it already was. */
    private readonly pageId: number,
    private readonly at: number,
    private readonly end: number
  ) {
    this.slot = slotAt(page, at)
    this.hashAt = slotEnd(page, this.slot)
  }

  get hash(): Uint8Array {
    return this.page.subarray(this.hashAt, this.hashAt + 32)
  }

  get labelBits(): number {
    return readU16(this.page, this.at + 1)
  }

  get label(): Uint8Array {
    return this.page.subarray(this.at + 3, this.slot)
  }

  get leaf(): LeafNode | undefined {
    const node = this.child(this.slot, this.hashAt)
    return node?.isLeaf ? node : undefined
  }

  get left(): TreeNode | undefined {
    return this.child(this.hashAt + 36, this.rightAt)
  }

  get right(): TreeNode | undefined {
    return this.child(this.rightAt, this.end)
  }

  get leafHash(): Uint8Array | undefined {
    return childHash(this.page, this.slot)
  }

  get leftHash(): Uint8Array | undefined {
    return childHash(this.page, this.hashAt + 36)
  }

  get rightHash(): Uint8Array | undefined {
    return childHash(this.page, this.rightAt)
  }

  get compactSize(): number {
    const { page, slot } = this
    if (page[slot] === tagEmpty) return slot + 1 - this.at
    if (page[slot] === tagLeaf) return this.hashAt - 32 - this.at
    return slot - this.at + this.leaf!.compactSize
  }

  writeCompact(out: Uint8Array, at: number): number {
    const { page, slot } = this
    if (page[slot] === tagReference) {
      out.set(page.subarray(this.at, slot), at)
      return this.leaf!.writeCompact(out, at + slot - this.at)
    }
    return copyShort(page, this.at, page[slot] === tagEmpty ? slot + 1 : this.hashAt - 32, out, at)
  }

  writeCompactV1(out: Uint8Array, at: number): number {
    const next = copyShort(this.page, this.at, this.slot, out, at)
    out[next] = tagEmpty
    return next + 1
  }

  private get rightAt(): number {
    return this.hashAt + 36 + readU32(this.page, this.hashAt + 32)
  }

  private child(at: number, end: number): TreeNode | undefined {
    const { page } = this
    switch (page[at]) {
      case tagEmpty:
        return undefined
      case tagReference:
        if (this.pageId !== 0) this.source.keep(this.pageId, page)
        return pagedRoot(this.source, readU48(page, at + 1))
      case tagLeaf:
        return new PagedLeaf(page, at, leafHashAt(page, at))
      default:
        return new PagedInternal(this.source, page, this.pageId, at, end)
    }
  }
}

/** The node that a page holds. */
export const pagedRoot = (source: PageSource, id: number): TreeNode => {
  const page = source.page(id)
  return page[0] === tagLeaf
    ? new PagedLeaf(page, 0, leafHashAt(page, 0))
    : new PagedInternal(source, page, id, 0, page.length)
}

const childHash = (page: Uint8Array, at: number): Uint8Array | undefined => {
  switch (page[at]) {
    case tagEmpty:
      return undefined
    case tagReference:
      return page.subarray(at + 7, at + 39)
    default: {
      const hashAt = page[at] === tagLeaf ? leafHashAt(page, at) : slotEnd(page, slotAt(page, at))
      return page.subarray(hashAt, hashAt + 32)
    }
  }
}

/** Most internal nodes have a few bytes, for which a loop beats `set`. */
const copyShort = (page: Uint8Array, from: number, to: number, out: Uint8Array, at: number): number => {
  if (to - from > 48) {
    out.set(page.subarray(from, to), at)
    return at + to - from
  }
  let next = at
  for (let i = from; i < to; i++) out[next++] = page[i]!
  return next
}
