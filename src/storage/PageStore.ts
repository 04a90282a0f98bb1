/**
 * The medium below a node database: named, ordered tables of byte strings, changed in atomic, durable batches.
 * Narrow on purpose: everything about versions, roots and pages lives above it, so a medium (or a fault injected into
 * one) is a page of code. Reads are synchronous, because the tree's core is.
 */

/** A change of one record. Keys are at most 511 bytes and ordered bytewise. */
export type Change =
  | { readonly table: string; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly table: string; readonly key: Uint8Array; readonly value: undefined }

export interface RangeOptions {
  /** First key, included. */
  readonly from?: Uint8Array | undefined
  /** End, excluded. */
  readonly to?: Uint8Array | undefined
  readonly reverse?: boolean | undefined
}

export interface WriteOptions {
  /**
   * `true` (the default): when `write` returns, a power cut cannot undo it. `false`: it may be lost with everything
   * written after it, but never torn, and never lost while a later durable write is kept.
   */
  readonly durable?: boolean | undefined
}

export interface PageStore {
  readonly name: "lmdb" | "memory" | "overlay" | (string & {})
  readonly readOnly: boolean
  /**
   * The value, or `undefined`. The bytes are only valid until the next call of this store: copy what must live.
   */
  get(table: string, key: Uint8Array): Uint8Array | undefined
  /** Records in key order; each pair may be kept. Sees the state of the moment of the call, or a later one. */
  range(table: string, options?: RangeOptions): IterableIterator<readonly [key: Uint8Array, value: Uint8Array]>
  /**
   * Applies all changes or none, in order. `guard` runs inside the write transaction, before the changes, so that what
   * it reads through this store is current even when another process writes too; when it throws, nothing is applied.
   * Throws `StoreFull`, `StoreReadOnly` or `StoreFailed`.
   */
  write(changes: Iterable<Change>, options?: WriteOptions & { readonly guard?: () => void }): void
  /** Makes everything written so far durable. */
  sync(): void
  /** Bytes in use on the medium. */
  size(): number
  /** Lets go of the read snapshot, so that long walks do not keep old pages alive. Cheap. */
  refresh(): void
}
