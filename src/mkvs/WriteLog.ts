import type { Writer } from "./Tree.ts"

/** One changed key: its value afterwards, or `undefined` where it was removed. */
export interface WriteLogEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/**
 * What one tree has to be told to become another, in key order: keys whose value differs afterwards, and keys that
 * existed and are gone. Applying the log of (A → B) to A gives B.
 */
export type WriteLog = ReadonlyArray<WriteLogEntry>

/** Makes the changes of a write log. */
export const applyWriteLog = (log: Iterable<WriteLogEntry>, writer: Writer): void => {
  for (const { key, value } of log) {
    if (value === undefined) writer.remove(key)
    else writer.insert(key, value)
  }
}
