import { statSync } from "node:fs"
import { Effect, type Scope } from "effect"
import { type Database, open as openLmdb, type RootDatabase } from "lmdb"
import { attempt } from "./attempt.ts"
import { syncFile } from "./Directories.ts"
import { dataFile } from "./LmdbFile.ts"
import { mapBytes } from "./LmdbLayout.ts"
import { prepare, settle } from "./LmdbPreparation.ts"
import {
  type Change,
  checkBounds,
  checkKey,
  keyBytesMax,
  type PageStore,
  type RangeOptions,
  type WriteOptions
} from "./PageStore.ts"
import { StoreFailed, StoreFull, StoreReadOnly } from "./StoreError.ts"
import { type StoreError, toStoreError, toWriteError } from "./SystemFailure.ts"

export interface LmdbPageStoreOptions<E = never> {
  /** Directory of the environment. Created with its parents (mode 0700) where absent, unless `readOnly`. */
  readonly path: string
  /** Refuses writes with `StoreReadOnly`. Creates no database, waits for no writer. Default false. */
  readonly readOnly?: boolean | undefined
  /**
   * Looks at an existing data file before anything is read through LMDB; a read transaction is open meanwhile, so that
   * nothing of the latest state is written over. Default: the file is trusted, but for its first pages and its length.
   */
  readonly examine?: ((directory: string) => Effect.Effect<void, E>) | undefined
}

/**
 * An LMDB environment of at most 64 tables, closed with the scope. The same directory can be open any number of times,
 * in this process, its threads and others. Not a lock: several writers take turns, transaction by transaction.
 *
 * Fails with `StoreFailed` where a read-only directory holds no database, and where the data file is damaged or cut
 * short; with `StoreFull` or `StoreReadOnly` where it cannot be created. Threads of a process that will write must not
 * open the directory before its writer does.
 */
export const open = <E = never>(
  options: LmdbPageStoreOptions<E>
): Effect.Effect<PageStore, StoreError | E, Scope.Scope> =>
  Effect.gen(function* () {
    const { path, readOnly = false, examine } = options
    const { store, existed } = yield* Effect.acquireRelease(
      attempt(() => LmdbPageStore.enter(path, readOnly), openFailures),
      ({ store }) => Effect.promise(() => store.close())
    )
    if (existed && examine !== undefined) yield* store.pinned(examine(path))
    yield* attempt(() => store.openTables(), openFailures)
    return store
  })

const openFailures = [StoreFull, StoreReadOnly, StoreFailed] as const

type Root = RootDatabase<Uint8Array, Uint8Array>
type Table = Database<Uint8Array, Uint8Array>
type Pair = readonly [key: Uint8Array, value: Uint8Array]

/** Keys of this table only grow, so that its records can be appended: faster, and pages are filled. */
const appended = "pages"

const tablesMax = 64

/** Abortable and committed before the call returns, as is lmdb's default. */
const durableFlags = 0x3
/** The data is on disk before the commit refers to it; the reference itself follows with the next sync. */
const lazyFlags = durableFlags | 0x40000

/** lmdb lends values up to 16 MiB from one buffer of its own, larger ones straight from the map. */
const lentBytesMax = 16 * 1_048_576

/** A range reads ahead by so much, so that it holds no cursor between two steps. */
const aheadRecords = 256
const aheadBytes = 262_144
const aheadRecordsFirst = 8

const empty = new Uint8Array(0)
/** Bounds that no key lies beyond. */
const first = Uint8Array.of(0)
const last = new Uint8Array(keyBytesMax).fill(0xff)

/** Handles of this thread that read only, by directory, and directories that this thread is writing to. */
const readers = new Map<string, Set<LmdbPageStore>>()
const writers = new Set<string>()

class LmdbPageStore implements PageStore {
  readonly name = "lmdb"
  private readonly tables = new Map<string, Table>()
  private root: Root | undefined
  private writing = false
  private openedInWrite: Array<string> = []
  private unsynced = false
  private closed = false

  /** Enters the environment and reads nothing yet; `existed`: there was a data file before. */
  static enter(
    path: string,
    readOnly: boolean
  ): { readonly store: LmdbPageStore; readonly existed: boolean } {
    try {
      const prepared = prepare(path, readOnly)
      // LMDB shares one environment per process, and one that began read-only stays so: its readers make room, and
      // come back with their next read.
      if (!readOnly) for (const reader of readers.get(prepared.directory) ?? []) reader.detach()
      const store = new LmdbPageStore(path, prepared.directory, readOnly)
      store.root = store.join()
      settle(prepared)
      return { store, existed: prepared.existed }
    } catch (error) {
      const failure = toStoreError(path, "open", error)
      if (!readOnly || failure._tag !== "StoreReadOnly") throw failure
      // Nobody wanted to write: it is reading that was refused.
      throw new StoreFailed({ path, operation: "open", cause: error })
    }
  }

  private constructor(
    private readonly path: string,
    private readonly directory: string,
    readonly readOnly: boolean
  ) {}

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    checkKey(key)
    this.environment()
    try {
      const bytes = this.table(table)?.getBinaryFast(key)
      if (bytes === undefined) return undefined
      // `length` is lmdb's own property here: methods of the array would go by the whole buffer.
      const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
      return bytes.length > lentBytesMax ? view.slice() : view
    } catch (error) {
      throw this.readFailure("read", error)
    }
  }

  range(table: string, options: RangeOptions = {}): IterableIterator<Pair> {
    checkBounds(options)
    return this.walk(table, options)
  }

  /** With `durable: false` one of the two flushes to disk is saved; the tables themselves are always in order. */
  write(changes: Iterable<Change>, options: WriteOptions & { readonly guard?: () => void } = {}): void {
    if (this.readOnly) throw new StoreReadOnly({ path: this.path })
    const root = this.environment()
    this.refuseWithinWrite()
    const { guard, durable = true } = options
    const progress = { applying: false }
    writers.add(this.directory)
    this.writing = true
    try {
      root.transactionSync(
        () => {
          progress.applying = true
          guard?.()
          this.apply(changes)
          progress.applying = false
        },
        durable ? durableFlags : lazyFlags
      )
      this.unsynced ||= !durable
    } catch (error) {
      // LMDB closes the tables that an aborted transaction has opened.
      for (const name of this.openedInWrite) this.tables.delete(name)
      throw progress.applying ? error : this.writeFailure("write", error)
    } finally {
      this.openedInWrite = []
      this.writing = false
      writers.delete(this.directory)
    }
  }

  sync(): void {
    if (!this.unsynced) return
    try {
      syncFile(dataFile(this.path))
      this.unsynced = false
    } catch (error) {
      throw this.writeFailure("sync", error)
    }
  }

  /** Bytes of the data file. It never shrinks; what is deleted is used again. */
  size(): number {
    try {
      return statSync(dataFile(this.path)).size
    } catch (error) {
      throw toStoreError(this.path, "size", error)
    }
  }

  refresh(): void {
    this.root?.resetReadTxn()
  }

  async close(): Promise<void> {
    this.closed = true
    readers.get(this.directory)?.delete(this)
    await this.detach()
  }

  /** Leaves the environment; the next use enters it again. Done when it returns, but for writes in the background. */
  private async detach(): Promise<void> {
    const root = this.root
    this.root = undefined
    this.tables.clear()
    await root?.close()
  }

  private environment(): Root {
    if (this.closed) throw new Error(`the database at ${this.path} is used after it was closed`)
    if (this.root === undefined) {
      this.root = this.join()
      this.openTables()
    }
    return this.root
  }

  private join(): Root {
    const root = openEnvironment(this.directory, this.readOnly)
    if (this.readOnly) readers.set(this.directory, (readers.get(this.directory) ?? new Set()).add(this))
    return root
  }

  /** All at once, in order: LMDB gives tables out by number, and other threads must find the same numbers. */
  openTables(): void {
    try {
      for (const name of [...this.environment().getKeys()].map(tableName)) this.table(name)
    } catch (error) {
      void this.detach()
      throw toStoreError(this.path, "open", error)
    }
  }

  /** Runs `effect` in a read transaction; again where a writer of this thread made this handle leave meanwhile. */
  pinned<E>(effect: Effect.Effect<void, E>): Effect.Effect<void, E | StoreError> {
    return Effect.flatMap(
      attempt(() => this.environment(), openFailures),
      (root) =>
        Effect.acquireUseRelease(
          Effect.sync(() => root.useReadTransaction()),
          () => effect,
          (transaction) => Effect.sync(() => transaction.done())
        ).pipe(
          Effect.catchIf(
            () => this.root !== root,
            () => this.pinned(effect)
          )
        )
    )
  }

  /** `undefined` where nothing was ever written to it. */
  private table(name: string): Table | undefined {
    const known = this.tables.get(name)
    if (known !== undefined) return known
    const exists = this.environment().doesExist(tableKey(name))
    return exists ? this.openTable(name) : undefined
  }

  private openTable(name: string): Table {
    // Outside its own write a writer opens a table in a transaction, which would wait for the one that runs.
    if (!this.readOnly && !this.writing) this.refuseWithinWrite()
    const table = this.environment().openDB<Uint8Array, Uint8Array>({ name, ...binary })
    if (this.writing) this.openedInWrite.push(name)
    this.tables.set(name, table)
    return table
  }

  private refuseWithinWrite(): void {
    if (writers.has(this.directory)) throw new Error("a write within a write: finish the first one before")
  }

  private apply(changes: Iterable<Change>): void {
    let appending = true
    for (const { table: name, key, value } of changes) {
      checkKey(key)
      try {
        if (value === undefined) {
          this.table(name)?.removeSync(key)
          continue
        }
        const table = this.table(name) ?? this.openTable(name)
        // Where the first key is not beyond the last record, the next ones are not either.
        if (name === appended) appending &&= put(table, key, value, { append: true })
        if ((name !== appended || !appending) && !put(table, key, value))
          throw new Error("a record was refused")
      } catch (error) {
        throw this.writeFailure("write", error)
      }
    }
  }

  private *walk(name: string, options: RangeOptions): IterableIterator<Pair> {
    let after: Uint8Array | undefined
    for (let count = aheadRecordsFirst; ; count = Math.min(4 * count, aheadRecords)) {
      const pairs = this.readAhead(name, { ...options, after, count })
      if (pairs.length === 0) return
      // A copy: the caller may do with a pair as it likes.
      after = pairs.at(-1)![0].slice()
      yield* pairs
    }
  }

  /** The next records; none at the end. */
  private readAhead(name: string, { from, to, reverse, after, count }: Ahead): ReadonlyArray<Pair> {
    if (to?.length === 0) return []
    this.environment()
    const range = reverse
      ? {
          reverse,
          start: after ?? to ?? last,
          exclusiveStart: (after ?? to) !== undefined,
          end: from ?? empty,
          inclusiveEnd: true
        }
      : { start: after ?? from ?? first, exclusiveStart: after !== undefined, ...(to && { end: to }) }
    const pairs: Array<Pair> = []
    try {
      let bytes = 0
      for (const { key, value } of this.table(name)?.getRange({ ...range, limit: count }) ?? []) {
        pairs.push([plain(key), plain(value)])
        bytes += value.length
        if (bytes >= aheadBytes) break
      }
    } catch (error) {
      throw this.readFailure("read", error)
    }
    return pairs
  }

  private readFailure(operation: string, error: unknown): StoreError {
    // LMDB refuses everything else in the snapshot in which it met damage.
    this.refresh()
    return toStoreError(this.path, operation, error)
  }

  private writeFailure(operation: string, error: unknown): StoreError {
    return toWriteError(this.path, dataFile(this.path), operation, error)
  }
}

interface Ahead extends RangeOptions {
  /** The key to go on behind. */
  readonly after: Uint8Array | undefined
  readonly count: number
}

/** The key's or value's own bytes as an array that is no `Buffer`. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)

/** Whether the record was stored: lmdb says so by a result that its types leave out. */
const put = (
  table: Table,
  key: Uint8Array,
  value: Uint8Array,
  options?: { readonly append: true }
): boolean => {
  const stored: unknown =
    options === undefined ? table.putSync(key, value) : table.putSync(key, value, options)
  return stored === true
}

const binary = { encoding: "binary", keyEncoding: "binary" } as const

/** LMDB keeps its tables under their names, each with a zero byte at its end. */
const tableKey = (name: string): Uint8Array => Buffer.from(`${name}\0`)

const tableName = (key: Uint8Array): string => {
  const text = Buffer.from(key).toString()
  if (text.indexOf("\0") !== text.length - 1) throw new Error("data.mdb belongs to another program")
  return text.slice(0, -1)
}

const openEnvironment = (directory: string, readOnly: boolean): Root => {
  const options = {
    ...binary,
    path: directory,
    readOnly,
    // lmdb takes a path with a dot for a file.
    noSubdir: false,
    // Commits flush before they are visible; the overlapping kind would need repair after a power cut.
    overlappingSync: false,
    mapSize: mapBytes,
    maxDbs: tablesMax,
    permissionsMode: 0o600
  }
  return openLmdb<Uint8Array, Uint8Array>(options)
}
