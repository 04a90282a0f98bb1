import { bytesOf } from "../mkvs/Bits.ts"
import * as Bytes from "../mkvs/Bytes.ts"
import { readU16, readU48, tagReference } from "../mkvs/paged/Page.ts"
import { pageReferences } from "../mkvs/paged/PageWalk.ts"
import type { PartSink, SpineNode } from "../mkvs/paged/PartImporter.ts"
import type { Root } from "../mkvs/Root.ts"
import type { DatabaseCore } from "./DatabaseCore.ts"
import type { Change } from "./PageStore.ts"
import * as Records from "./Records.ts"
import type { PageCollector } from "./StoredPages.ts"

/**
 * Records of a multipart insert, per root (type and hash): which parts are done, which subtrees are complete (their
 * page and number of keys, by hash), and the spine: nodes above subtrees of which some are still missing, by hash.
 */
export const partsTable = "parts"

const tagDone = 0
const tagSubtree = 1
const tagSpine = 2

export const partKey = (root: Root, index: number): Uint8Array => {
  const suffix = new Uint8Array(4)
  new DataView(suffix.buffer).setUint32(0, index)
  return keyOf(root, tagDone, suffix)
}

export const subtreeKey = (root: Root, hash: Uint8Array): Uint8Array => keyOf(root, tagSubtree, hash)

export const spineKey = (root: Root, hash: Uint8Array): Uint8Array => keyOf(root, tagSpine, hash)

/** Where a key has its tag: behind type and hash of the root. */
const tagAt = 33

const keyOf = (root: Root, tag: number, suffix: Uint8Array): Uint8Array =>
  Bytes.concat(Uint8Array.of(root.type), root.hash, Uint8Array.of(tag), suffix)

const encodeComplete = (page: number, keys: number): Uint8Array =>
  new Records.FieldWriter().u64(page).u64(keys).done()

export const decodeComplete = (bytes: Uint8Array): { readonly page: number; readonly keys: number } => {
  const fields = new Records.FieldReader(bytes, "parts subtree")
  return { page: fields.number(), keys: fields.number() }
}

const encodeSpine = ({ bytes, left, right }: SpineNode): Uint8Array =>
  new Records.FieldWriter()
    .blob(left ?? Bytes.empty)
    .blob(right ?? Bytes.empty)
    .blob(bytes)
    .done()

export const decodeSpine = (bytes: Uint8Array): SpineNode => {
  const fields = new Records.FieldReader(bytes, "parts spine")
  const left = fields.blob()
  const right = fields.blob()
  return {
    left: left.length === 0 ? undefined : left,
    right: right.length === 0 ? undefined : right,
    bytes: fields.blob()
  }
}

/** Turns what an importer finds into changes; new pages go to the collector, which the caller writes with them. */
export const collectParts = (
  core: DatabaseCore,
  root: Root,
  collector: PageCollector
): PartSink & { readonly changes: Array<Change> } => {
  const changes: Array<Change> = []
  const here = new Set<string>()
  return {
    changes,
    complete: (hash, memory, at, end, keys) => {
      const key = subtreeKey(root, hash)
      const name = Bytes.toHex(hash)
      if (here.has(name) || core.store.get(partsTable, key) !== undefined) {
        // Parts that overlap bring a subtree twice; its pages would belong to nobody.
        return dropPages(core, memory.slice(at, end))
      }
      here.add(name)
      const page = memory[at] === tagReference ? readU48(memory, at + 1) : collector.write(memory, at, end)
      changes.push(Records.put(partsTable, key, encodeComplete(page, keys)))
    },
    spine: (hash, node) => {
      const key = spineKey(root, hash)
      const name = Bytes.toHex(hash)
      if (here.has(name) || core.store.get(partsTable, key) !== undefined) {
        // Each part that leads through this node brings the node's own leaf again.
        return core.pages.drop(slotPage(node))
      }
      here.add(name)
      changes.push(Records.put(partsTable, key, encodeSpine(node)))
    }
  }
}

/** The page that a node's own leaf is in; 0 where the leaf is inside the node, or there is none. */
export const slotPage = ({ bytes }: SpineNode): number => {
  const slot = 3 + bytesOf(readU16(bytes, 1))
  return bytes[slot] === tagReference ? readU48(bytes, slot + 1) : 0
}

/**
 * Pages that records of parts refer to. Parts may overlap, so not all of them are in the assembled tree: a subtree may
 * have become part of a larger one, or stand by itself in one part and within its parent in another.
 */
export const partPages = (core: DatabaseCore): ReadonlyArray<number> => {
  const pages: Array<number> = []
  for (const [key, value] of Records.range(core.store, partsTable)) {
    const tag = key[tagAt]
    if (tag === tagSubtree) pages.push(decodeComplete(value).page)
    else if (tag === tagSpine) pages.push(slotPage(decodeSpine(value)))
  }
  return pages.filter((page) => page !== 0)
}

/** Forgets pages that are not written yet: those the subtree `bytes` refers to, and theirs. */
const dropPages = (core: DatabaseCore, bytes: Uint8Array): void => {
  const stack = pageReferences(bytes)
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const record = core.pages.pending.get(next.id)
    if (record === undefined) continue
    stack.push(...pageReferences(record.subarray(0, record.length - 4)))
    core.pages.pending.delete(next.id)
  }
}
