import { closeSync, constants, ftruncateSync, openSync, readSync, writeSync } from "node:fs"
import { createRequire } from "node:module"
import { hostname } from "node:os"
import { join } from "node:path"
import { Clock, Effect, Option, Schema, type Scope } from "effect"
import { attempt } from "./attempt.ts"
import { makeDirectory } from "./Directories.ts"
import { DatabaseHeld, StoreFailed, StoreFull, StoreReadOnly } from "./StoreError.ts"
import { type StoreError, toStoreError } from "./SystemFailure.ts"

export interface WriterLockOptions {
  /** Loads the native module; for tests of its absence. */
  readonly loadNative?: (() => unknown) | undefined
}

/**
 * Makes the caller the only writer of a directory until the scope closes; creates the directory where absent.
 *
 * The lock is the operating system's, on an open file: it goes with its holder however that ends, holds while the
 * holder is stopped, and is known to all processes and containers that share the file system, whatever their process
 * ids. The file `writer.lock` stays; what it says about the holder is for messages only.
 *
 * Fails with `DatabaseHeld` while somebody else has it, with `StoreReadOnly`, `StoreFull` or `StoreFailed` where the
 * file cannot be made, and with `StoreFailed` where the native module does not load: there is no running unlocked.
 */
export const acquire = (
  directory: string,
  options: WriterLockOptions = {}
): Effect.Effect<void, DatabaseHeld | StoreError, Scope.Scope> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.asVoid(
      Effect.acquireRelease(
        attempt(
          () => lock(directory, options.loadNative ?? loadNative, now),
          [DatabaseHeld, StoreFull, StoreReadOnly, StoreFailed]
        ),
        (descriptor) => Effect.sync(() => release(descriptor))
      )
    )
  )

const lock = (directory: string, load: () => unknown, now: number): number => {
  const tryLock = nativeLock(directory, load)
  const file = join(directory, "writer.lock")
  let descriptor: number | undefined
  try {
    makeDirectory(directory)
    descriptor = openSync(file, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0), 0o600)
    if (!tryLock(descriptor)) throw new DatabaseHeld({ path: directory, holder: holderOf(descriptor) })
    ftruncateSync(descriptor)
    writeSync(descriptor, encodeHolder({ host: hostname(), pid: process.pid, since: new Date(now) }), 0)
    return descriptor
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor)
    throw error instanceof DatabaseHeld ? error : toStoreError(directory, "lock", error)
  }
}

/** The file is left: whoever removed it could be removing one that others have locked by now. */
const release = (descriptor: number): void => {
  try {
    ftruncateSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Whether somebody has locked the byte of the open file that has the number of this process, as LMDB does for its
 * readers. `false` where it cannot be found out.
 */
export const isOwnNumberTaken = (descriptor: number): boolean => {
  let tryLock: TryLock
  try {
    tryLock = nativeLock("", loadNative)
  } catch {
    // Whoever needs the lock itself is told; this is only for a better message.
    return false
  }
  return !tryLock(descriptor, process.pid, 1, { shared: true })
}

/** Whether the lock on the open file, or on some bytes of it, could be had, without waiting. */
type TryLock = (
  descriptor: number,
  offset?: number,
  bytes?: number,
  options?: { readonly shared: boolean }
) => boolean

/** CommonJS, without types. */
const loadNative = (): unknown => createRequire(import.meta.url)("fs-native-extensions")

const nativeLock = (path: string, load: () => unknown): TryLock => {
  try {
    const native = load()
    if (isNative(native)) return native.tryLock
    throw new Error("it has no tryLock")
  } catch (cause) {
    const reason = `the native module fs-native-extensions, which locks the directory, does not load: ${cause}`
    throw new StoreFailed({ path, operation: "lock", cause: new Error(reason, { cause }) })
  }
}

const isNative = (module: unknown): module is { readonly tryLock: TryLock } =>
  typeof module === "object" && module !== null && "tryLock" in module && typeof module.tryLock === "function"

const Holder = Schema.parseJson(
  Schema.Struct({
    host: Schema.String.pipe(Schema.pattern(/^[\w.-]{1,255}$/)),
    pid: Schema.Int,
    since: Schema.Date
  })
)

const encodeHolder = Schema.encodeSync(Holder)

/** The holder may be about to write this, or its predecessor may have died without removing it. */
const holderOf = (descriptor: number): string => {
  const bytes = Buffer.alloc(1024)
  const text = bytes.toString("utf8", 0, readSync(descriptor, bytes, 0, bytes.length, 0))
  return Option.match(Schema.decodeOption(Holder)(text), {
    onNone: () => "it has not said who it is",
    onSome: ({ host, pid, since }) => `process ${pid} on ${host}, since ${since.toISOString()}`
  })
}
