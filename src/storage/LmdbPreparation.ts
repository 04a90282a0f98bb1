import { randomBytes } from "node:crypto"
import { existsSync, linkSync, realpathSync, statSync, unlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeDirectory, syncFile } from "./Directories.ts"
import { dataFile, lockFile, whyNotToOpen } from "./LmdbFile.ts"
import { StoreFailed } from "./StoreError.ts"

export interface Prepared {
  /** The directory's one true name. */
  readonly directory: string
  /** Whether there is a data file already. */
  readonly existed: boolean
}

/** Makes a directory ready for LMDB, or finds out why it cannot be. Throws system errors and `StoreFailed`. */
export const prepare = (path: string, readOnly: boolean): Prepared => {
  if (!readOnly) makeDirectory(path)
  const file = dataFile(path)
  const existed = existsSync(file)
  if (readOnly && (!existed || statSync(file).size === 0)) throw refused(path, "there is no database here")
  const reason = existed ? whyNotToOpen(file) : undefined
  if (reason !== undefined) throw refused(path, reason)
  try {
    reserveLockFile(path)
  } catch (error) {
    // LMDB reads without a lock file where it cannot create one.
    if (!readOnly || !isRefusal(error)) throw error
  }
  return { directory: realpathSync(path), existed }
}

/** Makes the names of new files durable. */
export const settle = ({ directory, existed }: Prepared): void => {
  if (!existed) syncFile(directory)
}

/** Removes a data file that could not be completed, so that the next attempt starts anew. */
export const tidy = ({ directory, existed }: Prepared): void => {
  const file = dataFile(directory)
  if (!existed && existsSync(file) && statSync(file).size < emptyBytesMin) unlinkSync(file)
}

/** An empty database is two pages; the smallest pages are this large together. */
const emptyBytesMin = 8192

/** Room for 252 readers. */
const lockBytes = 16_384

/**
 * LMDB makes its lock file as a hole and writes to it through memory, which ends the process with SIGBUS when the disk
 * is full. So the file is made here, with its room taken. Under its own name only when it is complete: another process
 * may be opening the directory too.
 */
const reserveLockFile = (path: string): void => {
  if (existsSync(lockFile(path))) return
  const scratch = join(path, `.lock-${process.pid}-${randomBytes(6).toString("hex")}`)
  try {
    writeFileSync(scratch, new Uint8Array(lockBytes), { flag: "wx", mode: 0o600 })
    linkSync(scratch, lockFile(path))
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error
  } finally {
    if (existsSync(scratch)) unlinkSync(scratch)
  }
}

const refused = (path: string, reason: string): StoreFailed =>
  new StoreFailed({ path, operation: "open", cause: new Error(reason) })

const isRefusal = (error: unknown): boolean => ["EROFS", "EACCES", "EPERM"].includes(codeOf(error))

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""
