import { readSync } from "node:fs"
import { compare } from "../mkvs/Bytes.ts"
import {
  integerKeyFlag,
  type LmdbMeta,
  type LmdbTree,
  noPage,
  pageHeaderBytes,
  treeAt,
  treeBytes
} from "./LmdbLayout.ts"

/**
 * Reads every page below a snapshot of LMDB's data file and checks that it is what LMDB would have written. LMDB has no
 * checksums and trusts what it maps: a flipped bit in a page can end the process, hide a record, or let a page in use be
 * overwritten later. After this walk none of that can happen. What it does not look at is the content of values, and
 * space that is not in use.
 *
 * Checked: each page is in one place only, and bears its own number; its nodes fill it without gap or overlap; keys are
 * in order, and between the keys that lead there; trees have the depth and the counts on record; pages on the lists of
 * free pages are not in use.
 */
export class LmdbWalk {
  /** A bit for each page that has its place. */
  private readonly taken: Uint8Array
  private readonly waiting: Array<Place> = []
  private readonly trees: Array<WalkedTree> = []
  private readonly page: Buffer

  constructor(
    private readonly descriptor: number,
    private readonly meta: LmdbMeta,
    /** Is told of each record but those of `skip`; the arrays are valid during the call. */
    private readonly onRecord: (table: string, key: Uint8Array, value: Uint8Array) => void,
    private readonly skip: string,
    /** How many leaves of tables are looked at; of those beyond it only the place in their tree is checked. */
    private leavesLeft: number
  ) {
    this.taken = new Uint8Array((meta.lastPage >>> 3) + 1)
    this.page = Buffer.alloc(meta.pageBytes)
    // The main tree comes first: what is free is known when all that is used is.
    this.enter({ kind: "free", name: "the list of free pages", found: meta.free }, meta.free)
    this.enter({ kind: "main", name: "the list of tables", found: meta.main }, meta.main)
  }

  /** Looks at so many pages; `true` when none is left. Throws `LmdbDamage`. */
  run(pages: number): boolean {
    for (let left = pages; left > 0; left--) {
      const place = this.waiting.pop()
      if (place === undefined) {
        for (const tree of this.trees) checkCounts(tree)
        return true
      }
      this.visit(place)
    }
    return false
  }

  private enter(tree: Pick<WalkedTree, "kind" | "name" | "found">, { root, depth, flags }: LmdbTree): void {
    const walked = { ...tree, partly: false, branches: 0, leaves: 0, overflows: 0, entries: 0 }
    this.trees.push(walked)
    if (flags !== (tree.kind === "free" ? integerKeyFlag : 0))
      throw new LmdbDamage(root, `flags of ${tree.name}`)
    if (root === noPage) {
      if (depth !== 0) throw new LmdbDamage(root, `depth of ${tree.name}`)
    } else this.waiting.push({ tree: walked, page: root, depth, low: undefined, high: undefined })
  }

  private visit(place: Place): void {
    const { tree, depth } = place
    this.take(place.page)
    if (depth === 1 && tree.kind === "table" && this.leavesLeft-- <= 0) {
      tree.leaves++
      tree.partly = true
      return
    }
    const { page } = this
    if (readSync(this.descriptor, page, 0, page.length, place.page * page.length) !== page.length) {
      throw new LmdbDamage(place.page, "it lies beyond the end of the file")
    }
    this.checkHeader(place, depth > 1 ? branchFlag : leafFlag)
    const nodes = this.nodesOf(place)
    this.checkOrder(place, nodes)
    if (depth > 1) {
      tree.branches++
      this.descend(place, nodes)
    } else {
      tree.leaves++
      tree.entries += nodes.length
      for (const node of nodes) this.record(place, node)
      if (tree.kind === "main") this.waiting.sort((a, b) => turnOf(b) - turnOf(a))
    }
  }

  private take(number: number): void {
    if (number < firstPage || number > this.meta.lastPage)
      throw new LmdbDamage(number, "there is no such page")
    const bit = 1 << (number & 7)
    if ((this.taken[number >>> 3]! & bit) !== 0) throw new LmdbDamage(number, "it is in two places")
    this.taken[number >>> 3]! |= bit
  }

  private checkHeader({ page: number }: Place, flags: number): void {
    const { page } = this
    if (Number(page.readBigUInt64LE(0)) !== number) throw new LmdbDamage(number, "it bears another number")
    if (Number(page.readBigUInt64LE(8)) > this.meta.transaction)
      throw new LmdbDamage(number, "it is from the future")
    if (page.readUInt16LE(18) !== flags) throw new LmdbDamage(number, "it is of another kind")
  }

  /** Nodes in key order. They must fill the page from its upper mark to its end. */
  private nodesOf({ page: number, depth }: Place): ReadonlyArray<Node> {
    const { page } = this
    const lower = page.readUInt16LE(20)
    const upper = pageHeaderBytes + page.readUInt16LE(22)
    const count = lower >>> 1
    const pointersEnd = pageHeaderBytes + lower
    if (lower % 2 !== 0 || count < (depth > 1 ? 2 : 1) || pointersEnd > upper || upper > page.length) {
      throw new LmdbDamage(number, "its marks are wrong")
    }
    const nodes: Array<Node> = []
    for (let at = pageHeaderBytes; at < pointersEnd; at += 2) {
      const node = readNode(page, pageHeaderBytes + page.readUInt16LE(at), depth)
      if (node === undefined) throw new LmdbDamage(number, "a node lies outside")
      nodes.push(node)
    }
    let end = upper
    for (const node of [...nodes].sort((a, b) => a.at - b.at)) {
      if (node.at !== end) throw new LmdbDamage(number, "its nodes overlap or leave gaps")
      end = node.end
    }
    if (end !== page.length) throw new LmdbDamage(number, "its nodes overlap or leave gaps")
    return nodes
  }

  private checkOrder({ tree, page: number, depth, low, high }: Place, nodes: ReadonlyArray<Node>): void {
    const order = tree.kind === "free" ? compareNumbers : compare
    let before = low
    let strict = false
    for (const [index, node] of nodes.entries()) {
      // The first key of a branch is not looked at: everything below the second one lies there.
      if (depth > 1 && index === 0) continue
      const key = this.keyOf(node)
      if (tree.kind === "free" && key.length !== numberBytes)
        throw new LmdbDamage(number, "a key has a wrong length")
      if (before !== undefined && order(before, key) >= (strict ? 0 : 1)) {
        throw new LmdbDamage(number, "its keys are out of order")
      }
      before = key
      strict = true
    }
    if (high !== undefined && before !== undefined && order(before, high) >= 0) {
      throw new LmdbDamage(number, "its keys are out of order")
    }
  }

  private descend({ tree, depth, low, high }: Place, nodes: ReadonlyArray<Node>): void {
    const keys = nodes.map((node, index) => (index === 0 ? low : new Uint8Array(this.keyOf(node))))
    // The last one in comes out first: pages are mostly read in the order in which they lie.
    for (let i = nodes.length - 1; i >= 0; i--) {
      this.waiting.push({
        tree,
        page: nodes[i]!.child,
        depth: depth - 1,
        low: keys[i],
        high: keys[i + 1] ?? high
      })
    }
  }

  private record({ tree, page: number }: Place, node: Node): void {
    const key = this.keyOf(node)
    if (tree.kind === "main") return this.table(number, node, tableName(key))
    if (node.flags !== 0 && node.flags !== bigFlag)
      throw new LmdbDamage(number, "a node is of an unknown kind")
    const value = node.flags === bigFlag ? this.bigValue(tree, number, node) : this.valueOf(node)
    if (value === undefined) return
    if (tree.kind === "free") this.freePages(number, value)
    else if (tree.name !== this.skip) this.onRecord(tree.name, key, value)
  }

  private table(number: number, node: Node, name: string): void {
    if (node.flags !== tableFlag || node.valueBytes !== treeBytes)
      throw new LmdbDamage(number, "a table is damaged")
    const found = treeAt(this.page, node.valueAt)
    this.enter({ kind: "table", name, found }, found)
  }

  /** A value on pages of its own; read only where somebody looks at it. */
  private bigValue(tree: WalkedTree, number: number, node: Node): Uint8Array | undefined {
    const first = readNumber(this.page, node.valueAt)
    const count = readNumber(this.page, node.valueAt + 16)
    const { pageBytes } = this.meta
    if (count < Math.ceil((pageHeaderBytes + node.valueBytes) / pageBytes) || count > this.meta.lastPage) {
      throw new LmdbDamage(number, "a large value has too few pages")
    }
    for (let i = 0; i < count; i++) this.take(first + i)
    tree.overflows += count
    const isRead = tree.name !== this.skip
    const bytes = Buffer.alloc(pageHeaderBytes + (isRead ? node.valueBytes : 0))
    if (readSync(this.descriptor, bytes, 0, bytes.length, first * pageBytes) !== bytes.length) {
      throw new LmdbDamage(first, "it lies beyond the end of the file")
    }
    if (
      readNumber(bytes, 0) !== first ||
      bytes.readUInt16LE(18) !== overflowFlag ||
      bytes.readUInt32LE(20) !== count
    ) {
      throw new LmdbDamage(first, "it is not the start of a large value")
    }
    return isRead ? bytes.subarray(pageHeaderBytes) : undefined
  }

  /** `u64 count`, then page numbers; 0 is nothing, and a negative number is the length of the run that starts next. */
  private freePages(number: number, list: Uint8Array): void {
    const view = new DataView(list.buffer, list.byteOffset, list.length)
    const count = list.length < numberBytes ? 0 : Number(view.getBigUint64(0, true))
    if (list.length < numberBytes || (count + 1) * numberBytes > list.length) {
      throw new LmdbDamage(number, "a list of free pages is longer than it can be")
    }
    let run = 1
    for (let i = 1; i <= count; i++) {
      const entry = Number(view.getBigInt64(i * numberBytes, true))
      if (entry < 0) run = -entry
      else if (entry > 0) {
        if (run > this.meta.lastPage) throw new LmdbDamage(number, "a list of free pages is damaged")
        for (let free = entry; free < entry + run; free++) this.take(free)
        run = 1
      }
    }
  }

  private keyOf(node: Node): Uint8Array {
    return this.page.subarray(node.keyAt, node.keyAt + node.keyBytes)
  }

  private valueOf(node: Node): Uint8Array {
    return this.page.subarray(node.valueAt, node.valueAt + node.valueBytes)
  }
}

/** Something that LMDB did not write. */
export class LmdbDamage extends Error {
  constructor(
    readonly page: number,
    readonly reason: string
  ) {
    super(`page ${page} of data.mdb: ${reason}`)
  }
}

interface Counts {
  branches: number
  leaves: number
  overflows: number
  entries: number
}

interface WalkedTree extends Counts {
  readonly kind: "free" | "main" | "table"
  readonly name: string
  /** What is on record about it. */
  readonly found: LmdbTree
  /** Some leaves have not been looked at, so what they hold has not been counted. */
  partly: boolean
}

interface Place {
  readonly tree: WalkedTree
  readonly page: number
  /** Levels from here on down: 1 for a leaf. */
  readonly depth: number
  /** Keys here are not below `low`, and below `high`. */
  readonly low: Uint8Array | undefined
  readonly high: Uint8Array | undefined
}

interface Node {
  readonly at: number
  readonly end: number
  readonly flags: number
  readonly keyAt: number
  readonly keyBytes: number
  readonly valueAt: number
  readonly valueBytes: number
  /** In a branch. */
  readonly child: number
}

const firstPage = 2
const branchFlag = 0x01
const leafFlag = 0x02
const overflowFlag = 0x04
const bigFlag = 0x01
const tableFlag = 0x02
const numberBytes = 8
const nodeHeaderBytes = 8
/** What stands in a node whose value has pages of its own: `u64 first page ‖ u64 transaction ‖ u64 pages`. */
const bigBytes = 24

/** `undefined` where the node does not lie within the page. */
const readNode = (page: Buffer, at: number, depth: number): Node | undefined => {
  if (at + nodeHeaderBytes > page.length) return undefined
  const low = page.readUInt32LE(at)
  const flags = page.readUInt16LE(at + 4)
  const keyBytes = page.readUInt16LE(at + 6)
  const keyAt = at + nodeHeaderBytes
  const valueAt = keyAt + keyBytes
  const inPage = depth > 1 ? 0 : (flags & bigFlag) !== 0 ? bigBytes : low
  const end = valueAt + inPage + ((keyBytes + inPage) & 1)
  if (end > page.length) return undefined
  return { at, end, flags, keyAt, keyBytes, valueAt, valueBytes: low, child: low + flags * 2 ** 32 }
}

const readNumber = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at))

/** Keys of the list of free pages are numbers, little-endian. */
const compareNumbers = (a: Uint8Array, b: Uint8Array): number => {
  for (let i = numberBytes - 1; i >= 0; i--) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}

const tableName = (key: Uint8Array): string => Buffer.from(key).toString("utf8", 0, key.length - 1)

/** Lower ones first: what is left of the list of tables, then tables, small ones first, then what is free. */
const turnOf = ({ tree }: Place): number =>
  tree.kind === "main" ? -1 : tree.kind === "table" ? tree.found.leaves : Number.POSITIVE_INFINITY

const checkCounts = (tree: WalkedTree): void => {
  const { found, name, partly } = tree
  const right =
    tree.branches === found.branches &&
    tree.leaves === found.leaves &&
    (partly || (tree.overflows === found.overflows && tree.entries === found.entries))
  if (!right) throw new LmdbDamage(found.root, `the counts of ${name} are wrong`)
}
