import { getBit } from "../Bits.ts"
import { iterateNode } from "../NodeIterator.ts"
import type { Entry, IterateOptions, Reader } from "../Tree.ts"
import type { TreeNode } from "../TreeNode.ts"
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
import { pagedRoot } from "./PagedNode.ts"
import type { PageSource } from "./PageSource.ts"

/** Reads one root. Values and keys it gives are copies, or share memory with pages that stay as they are. */
export class PagedReader implements Reader {
  constructor(
    private readonly source: PageSource,
    /** The root's page; 0 for an empty tree. */
    private readonly rootPage: number
  ) {}

  get top(): TreeNode | undefined {
    return this.rootPage === 0 ? undefined : pagedRoot(this.source, this.rootPage)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return findLeaf(this.source, this.rootPage, key)
      ? found.page.slice(found.valueAt, found.valueEnd)
      : undefined
  }

  has(key: Uint8Array): boolean {
    return findLeaf(this.source, this.rootPage, key)
  }

  iterate(options?: IterateOptions): IterableIterator<Entry> {
    return iterateNode(this.top, options)
  }
}

/** Where `findLeaf` found its leaf: one record instead of one per look-up. Valid until the source's next call. */
const found: { page: Uint8Array; valueAt: number; valueEnd: number } = {
  page: new Uint8Array(0),
  valueAt: 0,
  valueEnd: 0
}

/**
 * Follows the key's bits at the end of each node without looking at labels: the leaf carries its whole key, so one
 * comparison there decides.
 */
const findLeaf = (source: PageSource, rootPage: number, key: Uint8Array): boolean => {
  if (rootPage === 0) return false
  const keyBits = key.length << 3
  let id = rootPage
  let page = source.view(id)
  let at = 0
  let bits = 0
  for (;;) {
    const tag = page[at]
    if (tag === tagLeaf) return isLeafOf(page, at, key)
    if (tag === tagEmpty) return false
    if (tag === tagReference) {
      const next = readU48(page, at + 1)
      source.keep(id, page)
      id = next
      page = source.view(id)
      at = 0
      continue
    }
    bits += readU16(page, at + 1)
    if (bits > keyBits) return false
    const slot = slotAt(page, at)
    if (bits === keyBits) {
      at = slot
      continue
    }
    const hashAt = slotEnd(page, slot)
    at = getBit(key, bits) === 0 ? hashAt + 36 : hashAt + 36 + readU32(page, hashAt + 32)
  }
}

const isLeafOf = (page: Uint8Array, at: number, key: Uint8Array): boolean => {
  if (readU16(page, at + 1) !== key.length) return false
  for (let i = 0; i < key.length; i++) if (page[at + 3 + i] !== key[i]) return false
  found.page = page
  found.valueAt = at + 7 + key.length
  found.valueEnd = leafHashAt(page, at)
  return true
}
