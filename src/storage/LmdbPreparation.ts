import { randomBytes } from "node:crypto"
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  openSync,
  readdirSync,
  realpathSync,
  statSync,
  unlinkSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { isMainThread } from "node:worker_threads"
import { makeDirectory, syncFile } from "./Directories.ts"
import { dataFile, lockFile, whyNotToOpen } from "./LmdbFile.ts"
import { newDataFile } from "./LmdbLayout.ts"
import { StoreFailed } from "./StoreError.ts"
import { isOwnNumberTaken } from "./WriterLock.ts"

export interface Prepared {
  /** The directory's one true name. */
  readonly directory: string
  /** Whether there is a data file already. */
  readonly existed: boolean
}

/**
 * Makes a directory ready for LMDB, or finds out why it cannot be. Throws system errors and `StoreFailed`. Whatever can
 * be tried is tried here: an environment that LMDB itself fails to open can take the process with it (lmdb 3.5.6 uses
 * memory that it has freed).
 */
export const prepare = (path: string, readOnly: boolean): Prepared => {
  const file = dataFile(path)
  if (readOnly) findDatabase(path)
  else makeDirectory(path)
  const existed = existsSync(file)
  const reason = existed ? whyNotToOpen(file) : undefined
  if (reason !== undefined) throw refused(path, reason)
  if (readOnly) prepareForReading(path)
  else prepareForWriting(path)
  checkOwnNumber(path)
  return { directory: realpathSync(path), existed }
}

const findDatabase = (path: string): void => {
  const file = dataFile(path)
  try {
    accessSync(file, constants.R_OK)
  } catch (error) {
    if (!["ENOENT", "ENOTDIR"].includes(codeOf(error))) throw error
  }
  if (!existsSync(file)) throw refused(path, "there is no database here")
}

const prepareForReading = (path: string): void => {
  try {
    reserveLockFile(path)
  } catch (error) {
    // LMDB reads without a lock file where it cannot have one.
    if (!["EROFS", "EACCES", "EPERM"].includes(codeOf(error))) throw error
  }
}

const prepareForWriting = (path: string): void => {
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  reserveLockFile(path)
  accessSync(lockFile(path), constants.R_OK | constants.W_OK)
  const file = dataFile(path)
  if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK)
  else {
    tryRoom(path)
    // Whole from the start: an empty one is one that has lost its content.
    placeWhole(path, file, newDataFile())
  }
}

/**
 * LMDB tells processes apart by their ids, and containers give out the same ones. With two of a kind it waits for ten
 * seconds, and then ends the process. Only before the file is open in this process, and only in the main thread:
 * closing a descriptor of it undoes the locks that the process has on it.
 */
const checkOwnNumber = (path: string): void => {
  const file = lockFile(path)
  if (process.platform !== "linux" || !isMainThread || !isReadable(file) || isOpenHere(file)) return
  const descriptor = openSync(file, "r")
  const taken = isOwnNumberTaken(descriptor)
  // Another thread may have come in between: then the number is our own, and the descriptor stays open.
  if (isOpenHere(file, descriptor)) return
  closeSync(descriptor)
  if (taken) {
    const advice = "run this one under another process id, or both in one pid namespace"
    throw refused(path, `process ${process.pid} of another container has this database open: ${advice}`)
  }
}

const isReadable = (file: string): boolean => {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

/** Whether this process has the file open, in whatever thread, by another descriptor than the given one. */
const isOpenHere = (file: string, except?: number): boolean => {
  const { dev, ino } = statSync(file)
  return readdirSync("/proc/self/fd").some((descriptor) => {
    const open = statSync(join("/proc/self/fd", descriptor), { throwIfNoEntry: false })
    return descriptor !== `${except}` && open?.ino === ino && open.dev === dev
  })
}

/** Throws where a small database would not fit. */
const tryRoom = (path: string): void => {
  const scratch = scratchFile(path)
  try {
    writeFileSync(scratch, new Uint8Array(roomBytesMin), { flag: "wx", mode: 0o600 })
  } finally {
    if (existsSync(scratch)) unlinkSync(scratch)
  }
}

/** Makes the names of new files durable. */
export const settle = ({ directory, existed }: Prepared): void => {
  if (!existed) syncFile(directory)
}

/** Taken for a moment before a database is created. */
const roomBytesMin = 262_144

/** Room for 252 readers. */
const lockBytes = 16_384

/**
 * LMDB makes its lock file as a hole and writes to it through memory, which ends the process with SIGBUS when the disk
 * is full. So the file is made here, with its room taken. Under its own name only when it is complete: another process
 * may be opening the directory too.
 */
const reserveLockFile = (path: string): void => {
  if (existsSync(lockFile(path))) {
    if (!statSync(lockFile(path)).isFile()) throw refused(path, "lock.mdb is not a regular file")
    return
  }
  placeWhole(path, lockFile(path), new Uint8Array(lockBytes))
}

/** Makes a file that has its content from the moment it has its name. Nothing happens where the name is taken. */
const placeWhole = (path: string, file: string, content: Uint8Array): void => {
  const scratch = scratchFile(path)
  try {
    writeFileSync(scratch, content, { flag: "wx", mode: 0o600 })
    syncFile(scratch)
    linkSync(scratch, file)
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error
  } finally {
    if (existsSync(scratch)) unlinkSync(scratch)
  }
}

const scratchFile = (path: string): string =>
  join(path, `.scratch-${process.pid}-${randomBytes(6).toString("hex")}`)

const refused = (path: string, reason: string): StoreFailed =>
  new StoreFailed({ path, operation: "open", cause: new Error(reason) })

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""
