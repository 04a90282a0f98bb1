import { bytesOf } from "../Bits.ts"
import * as Bytes from "../Bytes.ts"
import type { Kernel } from "../kernel/Kernel.ts"
import {
  nodeHashAt,
  readU16,
  readU32,
  readU48,
  tagEmpty,
  tagInternal,
  tagLeaf,
  tagReference
} from "./Page.ts"

/** A page that another one refers to, and the hash it must have. */
export interface PageReference {
  readonly id: number
  readonly hash: Uint8Array
}

/**
 * References in a page, in pre-order: a page is a run of nodes, so one scan from front to back finds them. Throws
 * `MalformedPage` where the bytes are no page.
 */
export const pageReferences = (page: Uint8Array): Array<PageReference> => {
  const references: Array<PageReference> = []
  scanPage(page, {
    node: () => {},
    reference: (at) =>
      references.push({ id: readU48(page, at + 1), hash: Bytes.copy(page.subarray(at + 7, at + 39)) })
  })
  return references
}

/** Whether a page refers to others: an inner page. */
export const isInner = (page: Uint8Array): boolean => {
  let found = false
  scanPage(page, { node: () => {}, reference: () => (found = true) })
  return found
}

/** Checks every hash in a page against the node it belongs to. Its children's hashes are taken as stored. */
export const checkPage = (page: Uint8Array, kernel: Kernel): { readonly keys: number } => {
  kernel.reserve(kernel.base + page.length + 32)
  const at = kernel.base
  const memory = kernel.memory
  memory.set(page, at)
  const out = at + page.length
  let keys = 0
  scanPage(page, {
    node: (start, slot, hashAt, left, right) => {
      if (slot < 0) {
        keys++
        kernel.hashLeaf(at + start, out)
      } else {
        const hash = (child: number) =>
          page[child] === tagEmpty ? kernel.emptyHash : at + nodeHashAt(page, child)
        kernel.hashInternal(at + start, slot - start, hash(slot), hash(left), hash(right), out)
      }
      for (let i = 0; i < 32; i++) {
        if (memory[out + i] !== page[hashAt + i])
          throw new MalformedPage("a node does not have the hash stored with it", start)
      }
    },
    reference: () => {}
  })
  return { keys }
}

/** Bytes that passed their checksum but are no page, or no consistent one. */
export class MalformedPage extends Error {
  constructor(
    readonly reason: string,
    readonly at: number
  ) {
    super(`${reason} at byte ${at}`)
  }
}

interface PageVisitor {
  /** A leaf (`slot` is -1) or an internal node. */
  node(start: number, slot: number, hashAt: number, left: number, right: number): void
  reference(at: number): unknown
}

/** Visits the nodes of a page in pre-order; bounds-checked, because this is what looks for damage. */
const scanPage = (page: Uint8Array, visitor: PageVisitor): void => {
  let at = 0
  // Nodes still to come: the root, then two more for each internal node.
  for (let open = 1; open > 0; open--) {
    switch (page[at]) {
      case tagEmpty:
        at += 1
        break
      case tagReference:
        need(page, at, at + 39)
        visitor.reference(at)
        at += 39
        break
      case tagLeaf:
        at = scanLeaf(page, at, visitor)
        break
      case tagInternal:
        at = scanInternal(page, at, visitor)
        open += 2
        break
      default:
        throw new MalformedPage("no node", at)
    }
  }
  if (at !== page.length) throw new MalformedPage("bytes after the last node", at)
}

const scanLeaf = (page: Uint8Array, at: number, visitor: PageVisitor): number => {
  need(page, at, at + 7)
  const valueAt = at + 7 + readU16(page, at + 1)
  need(page, at, valueAt)
  const hashAt = valueAt + readU32(page, valueAt - 4)
  need(page, at, hashAt + 32)
  visitor.node(at, -1, hashAt, 0, 0)
  return hashAt + 32
}

/** Visits an internal node and its slot; gives where left begins. */
const scanInternal = (page: Uint8Array, at: number, visitor: PageVisitor): number => {
  need(page, at, at + 3)
  const slot = at + 3 + bytesOf(readU16(page, at + 1))
  let hashAt = slot + 1
  if (page[slot] === tagLeaf) hashAt = scanLeaf(page, slot, visitor)
  else if (page[slot] === tagReference) {
    need(page, at, slot + 39)
    visitor.reference(slot)
    hashAt = slot + 39
  } else if (page[slot] !== tagEmpty) throw new MalformedPage("no leaf in a slot", slot)
  need(page, at, hashAt + 36)
  const left = hashAt + 36
  const right = left + readU32(page, hashAt + 32)
  need(page, at, right + 1)
  visitor.node(at, slot, hashAt, left, right)
  return left
}

const need = (page: Uint8Array, at: number, end: number): void => {
  if (end > page.length) throw new MalformedPage("node goes beyond its page", at)
}
