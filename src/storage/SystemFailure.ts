import { randomBytes } from "node:crypto"
import { closeSync, openSync, statSync, unlinkSync, writeSync } from "node:fs"
import { constants } from "node:os"
import { join } from "node:path"
import { StoreFailed, StoreFull, StoreReadOnly } from "./StoreError.ts"

export type StoreError = StoreFull | StoreReadOnly | StoreFailed

export const isStoreError = (error: unknown): error is StoreError =>
  error instanceof StoreFull || error instanceof StoreReadOnly || error instanceof StoreFailed

/** LMDB's own code for a map that cannot grow; its other codes of this kind mean neither full nor read-only. */
const mapFull = -30792

const codesOf = (...names: ReadonlyArray<keyof typeof constants.errno>): ReadonlySet<unknown> =>
  new Set([...names, ...names.map((name) => constants.errno[name])])

const fullCodes = new Set([...codesOf("ENOSPC", "EDQUOT", "EFBIG"), mapFull])
const readOnlyCodes = codesOf("EROFS", "EACCES", "EPERM")
const ioCodes = codesOf("EIO")

/**
 * What a failed system call (an error of Node with a name as its code, or of LMDB with a number) means for the caller.
 * Errors of ours pass unchanged.
 */
export const toStoreError = (path: string, operation: string, cause: unknown): StoreError => {
  if (isStoreError(cause)) return cause
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
  if (fullCodes.has(code)) return new StoreFull({ path })
  if (readOnlyCodes.has(code)) return new StoreReadOnly({ path })
  return new StoreFailed({ path, operation, cause })
}

/**
 * For a failed write to `file`: LMDB reports a write that was cut short for want of room as an I/O error, so the room
 * is probed.
 */
export const toWriteError = (path: string, file: string, operation: string, cause: unknown): StoreError => {
  const error = toStoreError(path, operation, cause)
  if (error._tag !== "StoreFailed") return error
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
  return ioCodes.has(code) && !hasRoom(path, file) ? new StoreFull({ path }) : error
}

const probe = new Uint8Array(1_048_576).fill(0xa5)

/**
 * Whether something can be added at the end of `file`. Tried with a file of its own, written at the same offset: that
 * meets the disk, the quota and the process's limit for a file's size alike.
 */
const hasRoom = (directory: string, file: string): boolean => {
  const scratch = join(directory, `.probe-${process.pid}-${randomBytes(6).toString("hex")}`)
  try {
    const end = statSync(file).size
    const descriptor = openSync(scratch, "wx", 0o600)
    try {
      return writeSync(descriptor, probe, 0, probe.length, end) === probe.length
    } finally {
      closeSync(descriptor)
      unlinkSync(scratch)
    }
  } catch (error) {
    return toStoreError(directory, "probe", error)._tag !== "StoreFull"
  }
}
