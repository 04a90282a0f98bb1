/**
 * The medium below a node database: named, ordered tables of byte strings, changed in atomic, durable batches.
 * Narrow on purpose: everything about versions, roots and pages lives above it, so a medium (or a fault injected into
 * one) is a page of code. Reads are synchronous, because the tree's core is.
 */

/**
 * A change of one record. Keys are 1 to 511 bytes and ordered bytewise; another length is a mistake of the caller and
 * throws a `RangeError`, in reads too. Deleting an absent key changes nothing.
 */
export type Change =
  | { readonly table: string; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly table: string; readonly key: Uint8Array; readonly value: undefined }

export interface RangeOptions {
  /** First key, included. At most 511 bytes; empty is the same as absent. */
  readonly from?: Uint8Array | undefined
  /** End, excluded. At most 511 bytes; empty ends before the first key. */
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
   * The value, or `undefined`; a table that was never written is empty. The bytes are only valid until the next call
   * of this store: copy what must live. Throws `StoreFailed`.
   */
  get(table: string, key: Uint8Array): Uint8Array | undefined
  /**
   * Records in key order; each pair may be kept. Each record is as it was at the moment of the call, or later: what
   * is written between two steps may show. Abandoning it half-way holds nothing. Throws `StoreFailed`.
   */
  range(
    table: string,
    options?: RangeOptions
  ): IterableIterator<readonly [key: Uint8Array, value: Uint8Array]>
  /**
   * Applies all changes or none, in order. `guard` runs inside the write transaction, before the changes, so that what
   * it reads through this store is current even when another process writes too; when it throws, nothing is applied.
   * `changes` is asked for one change after the other in the same transaction, each applied before the next is asked
   * for: it may depend on what the guard read, reads through this store see what has been applied, buffers can be
   * reused, and when it throws nothing is kept. A write within a write is a mistake of the caller and throws.
   * Throws `StoreFull`, `StoreReadOnly` or `StoreFailed`; then nothing was applied.
   */
  write(changes: Iterable<Change>, options?: WriteOptions & { readonly guard?: () => void }): void
  /** Makes everything written so far durable. */
  sync(): void
  /** Bytes in use on the medium. */
  size(): number
  /**
   * Lets go of the read snapshot, so that long walks do not keep old pages alive. Reads afterwards see everything
   * committed before, by other handles and processes too. Cheap.
   */
  refresh(): void
}

export const keyBytesMax = 511

export const checkKey = (key: Uint8Array): void => {
  if (key.length === 0 || key.length > keyBytesMax) throw badLength("key", key.length)
}

/** Bounds may be empty. */
export const checkBounds = ({ from, to }: RangeOptions): void => {
  for (const bound of [from, to]) {
    if (bound !== undefined && bound.length > keyBytesMax) throw badLength("range bound", bound.length)
  }
}

const badLength = (what: string, bytes: number): RangeError =>
  new RangeError(`a ${what} of ${bytes} bytes: a page store's keys have 1 to ${keyBytesMax}`)
