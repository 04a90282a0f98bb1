import type { TreeNode } from "./TreeNode.ts"
import type { WriteLog } from "./WriteLog.ts"

/** A key and its value. Both may share memory with the tree: copy before changing them. */
export type Entry = readonly [key: Uint8Array, value: Uint8Array]

export interface IterateOptions {
  /** Forward: the first key ≥ `from`. Reverse: the last key ≤ `from`. Absent: from the first (or last) key. */
  readonly from?: Uint8Array | undefined
  /** Only keys that begin with these bytes. */
  readonly prefix?: Uint8Array | undefined
  readonly reverse?: boolean | undefined
}

/** What can be read: a tree, or an overlay on one. Keys are ordered bytewise; a key sorts before its extensions. */
export interface Reader {
  /** The value, or `undefined` where the key is absent. An empty value is present. */
  get(key: Uint8Array): Uint8Array | undefined
  has(key: Uint8Array): boolean
  /** Entries in key order. Changing the tree while iterating ends the iteration's meaning: make a new one. */
  iterate(options?: IterateOptions): IterableIterator<Entry>
}

/** What can be changed. The caller may reuse its buffers afterwards: keys and values are copied. */
export interface Writer extends Reader {
  /** Throws `KeyTooLong` for a key of more than 8,191 bytes. */
  insert(key: Uint8Array, value: Uint8Array): void
  /** Removing an absent key is no error. */
  remove(key: Uint8Array): void
}

/** What a commit leaves behind. */
export interface Committed {
  readonly rootHash: Uint8Array
  readonly writeLog: WriteLog
  /** Keys in the tree after the commit minus keys before it. */
  readonly keysDelta: number
}

/**
 * A tree with uncommitted changes on top. Reads see the changes; `root`, and so every proof, is of the last commit.
 */
export interface Tree extends Writer {
  /** The top node of the last commit; `undefined` when it was empty. */
  readonly root: TreeNode | undefined
  /** The hash of the last commit; the empty hash when it was empty. */
  readonly rootHash: Uint8Array
  /** Applies the changes. */
  commit(): Committed
}
