/**
 * A read-only view of a tree's nodes: what proofs, chunkers and comparisons walk. Every engine offers it
 * (reference tree, pages, a subtree proved by somebody else), so each of those algorithms exists once.
 */

/** A leaf. `key` and `value` must not be changed by the caller; they may share memory with a page. */
export interface LeafNode {
  readonly isLeaf: true
  readonly hash: Uint8Array
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** Length of the compact encoding; the same in V0 and V1. */
  readonly compactSize: number
  /** Writes the compact encoding at `at` and returns the position after it. `out` must have the room. */
  writeCompact(out: Uint8Array, at: number): number
}

/**
 * An internal node. A child that exists but cannot be had here (left out of a proof) makes its accessor throw
 * `NotCovered`; its hash is still known. An absent child is `undefined`, its hash too.
 */
export interface InternalNode {
  readonly isLeaf: false
  readonly hash: Uint8Array
  /** Bits in the label, so the end of this node is the end of its parent plus this. */
  readonly labelBits: number
  readonly label: Uint8Array
  readonly leaf: LeafNode | undefined
  readonly left: TreeNode | undefined
  readonly right: TreeNode | undefined
  readonly leafHash: Uint8Array | undefined
  readonly leftHash: Uint8Array | undefined
  readonly rightHash: Uint8Array | undefined
  /** Length of the compact V0 encoding (with the leaf inside). */
  readonly compactSize: number
  /** Compact V0 (with the leaf inside). Writes at `at`, returns the position after it. */
  writeCompact(out: Uint8Array, at: number): number
  /** Compact V1 (`02` in the leaf's place). Its length is 4 + the label's bytes. */
  writeCompactV1(out: Uint8Array, at: number): number
}

export type TreeNode = LeafNode | InternalNode
