import { closeSync, fstatSync, openSync } from "node:fs"
import { join } from "node:path"
import {
  type LmdbMeta,
  type LmdbTree,
  noPage,
  pageHeaderBytes,
  readAt,
  readMeta,
  readU64,
  treeAt,
  treeBytes
} from "./LmdbLayout.ts"

/**
 * A look at LMDB's data file before LMDB maps it. LMDB trusts what it maps: a file that has been cut short ends the
 * process with SIGBUS, and a damaged first page can bring back an older state without a word. Both are found here.
 */

/** A node is `u32 value length or page number ‖ u16 flags ‖ u16 key length ‖ key ‖ value`. */
const nodeHeaderBytes = 8
const treeNodeFlag = 0x02
/** Kinds of pages. */
const branchFlag = 0x01
const leafFlag = 0x02

/** The part of a tree's record that says where it is. */
type Tree = Pick<LmdbTree, "root" | "depth">

/** `data.mdb` of an LMDB directory. */
export const dataFile = (directory: string): string => join(directory, "data.mdb")

export const lockFile = (directory: string): string => join(directory, "lock.mdb")

/**
 * Why the file must not be opened, with advice; `undefined` when it may. An empty one must not, though LMDB would take it
 * for a new one: ours have content as soon as they have a name.
 */
export const whyNotToOpen = (file: string): string | undefined => {
  const descriptor = openSync(file, "r")
  try {
    return new LmdbFile(descriptor).examine()
  } finally {
    closeSync(descriptor)
  }
}

export const restore = "restore the directory from a checkpoint or a backup"

class LmdbFile {
  constructor(private readonly descriptor: number) {}

  examine(): string | undefined {
    if (!fstatSync(this.descriptor).isFile()) return "data.mdb is not a regular file"
    if (fstatSync(this.descriptor).size === 0) return `data.mdb is empty: ${restore}`
    // A writer at work may change pages between our reads: then look again. It would not be at work on a bad file.
    for (let attempt = 0; attempt < 10; attempt++) {
      const before = this.state()
      const reason = this.examineOnce()
      if (reason === undefined || before === this.state()) return reason
    }
    return undefined
  }

  private examineOnce(): string | undefined {
    const first = this.meta(0, undefined)
    const second = first && this.meta(1, first.pageBytes)
    if (first === undefined || second === undefined) {
      return `data.mdb is no LMDB data file of a known version, or its first pages are damaged: ${restore}`
    }
    const damaged = `the first pages of data.mdb are damaged: ${restore}`
    // The latest is the one with the higher number. One bit could make the older one win, or neither be right.
    const [older, latest] = first.transaction > second.transaction ? [second, first] : [first, second]
    if (first.transaction % 2 !== 0 || !follows(older, latest)) return damaged
    const size = fstatSync(this.descriptor).size
    if (size < (latest.lastPage + 1) * latest.pageBytes && this.reachesBeyond(latest, size)) {
      return `data.mdb has only ${size} bytes, pages that are in use are missing (cut short while being copied?): ${restore}`
    }
    return this.ownsItsRoots(first) && this.ownsItsRoots(second) ? undefined : damaged
  }

  private state(): string {
    const first = this.meta(0, undefined)
    return JSON.stringify([first, first && this.meta(1, first.pageBytes)])
  }

  private meta(number: 0 | 1, pageBytes: number | undefined): LmdbMeta | undefined {
    return readMeta(this.descriptor, number, pageBytes)
  }

  /** Every transaction writes the roots of the main tree and of the free tree anew, and marks them with its number. */
  private ownsItsRoots(meta: LmdbMeta): boolean {
    const { free, main, transaction } = meta
    return (
      (main.root === noPage ? transaction === 0 : this.ownsRoot(meta, main)) &&
      (free.root === noPage || this.ownsRoot(meta, free))
    )
  }

  private ownsRoot({ lastPage, pageBytes, transaction }: LmdbMeta, { root, depth }: LmdbTree): boolean {
    if (root > lastPage || depth === 0) return false
    const page = this.read(root * pageBytes, pageHeaderBytes)
    return (
      page.length === pageHeaderBytes &&
      readU64(page, 0) === root &&
      readU64(page, 8) === transaction &&
      page.readUInt16LE(18) === (depth > 1 ? branchFlag : leafFlag)
    )
  }

  /**
   * Whether a page in use lies beyond `size`. Pages that were allocated and freed in one transaction are never
   * written, so that a sound file is often shorter than its number of pages; only the trees tell. Values of several
   * pages are not looked for: that would mean to read every leaf.
   */
  private reachesBeyond({ free, main, pageBytes }: LmdbMeta, size: number): boolean {
    const pages = Math.floor(size / pageBytes)
    const waiting: Array<Tree & { readonly holdsTrees?: boolean }> = [free, { ...main, holdsTrees: true }]
    let visits = 0
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { root, depth, holdsTrees = false } = next
      if (root === noPage) continue
      // More visits than pages: they lead in a circle.
      if (root >= pages || visits++ > pages) return true
      if (depth === 1 && !holdsTrees) continue
      const page = this.read(root * pageBytes, pageBytes)
      if (depth > 1) {
        for (const child of childrenOf(page)) {
          if (child >= pages) return true
          if (depth > 2 || holdsTrees) waiting.push({ root: child, depth: depth - 1, holdsTrees })
        }
      } else {
        waiting.push(...treesOf(page))
      }
    }
    return false
  }

  private read(from: number, bytes: number): Buffer {
    return readAt(this.descriptor, from, bytes)
  }
}

/** A record is written when its predecessor is on disk. Pages are given out in order, and never taken back. */
const follows = (older: LmdbMeta, latest: LmdbMeta): boolean =>
  latest.transaction === 0 ||
  (latest.transaction === older.transaction + 1 && latest.lastPage >= older.lastPage)

/** Where a page's nodes begin; those that a damaged page puts outside it are left out. */
const nodesOf = (page: Buffer): ReadonlyArray<number> => {
  const count = page.readUInt16LE(20) >>> 1
  const nodes: Array<number> = []
  for (let i = 0, at = pageHeaderBytes; i < count && at + 2 <= page.length; i++, at += 2) {
    const node = pageHeaderBytes + page.readUInt16LE(at)
    if (node + nodeHeaderBytes <= page.length) nodes.push(node)
  }
  return nodes
}

/** Page numbers in a branch: 48 bits, in three parts. */
const childrenOf = (page: Buffer): ReadonlyArray<number> =>
  nodesOf(page).map((node) => page.readUInt32LE(node) + page.readUInt16LE(node + 4) * 2 ** 32)

/** Records of named tables in a leaf of the main tree. */
const treesOf = (page: Buffer): ReadonlyArray<Tree> =>
  nodesOf(page).flatMap((node) => {
    const value = node + nodeHeaderBytes + page.readUInt16LE(node + 6)
    const isTree = (page.readUInt16LE(node + 4) & treeNodeFlag) !== 0 && value + treeBytes <= page.length
    return isTree ? [treeAt(page, value)] : []
  })
