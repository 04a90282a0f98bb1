import { closeSync, openSync } from "node:fs"
import { Effect } from "effect"
import { attempt } from "./attempt.ts"
import { dataFile } from "./LmdbFile.ts"
import { type LmdbMeta, readMeta } from "./LmdbLayout.ts"
import { LmdbDamage, LmdbWalk } from "./LmdbWalk.ts"
import { DatabaseDamaged } from "./NodeDatabaseError.ts"
import * as Records from "./Records.ts"
import { pagesTable } from "./StoredPages.ts"
import { StoreFailed, StoreFull, StoreReadOnly } from "./StoreError.ts"
import { type StoreError, toStoreError } from "./SystemFailure.ts"
import { yieldToEventLoop } from "./yieldToEventLoop.ts"

/**
 * Looks through the latest snapshot in `directory` (see `LmdbWalk`) and opens the seal of each record, so that neither a
 * wrong answer nor a missing one can come of a damaged file. Pages of the tree are left out: there are many, each is
 * checked when it is read, and one that cannot be found is an error then. Fails with `DatabaseDamaged`, which names the
 * page of the file, or the record.
 *
 * The caller holds a read transaction meanwhile: then LMDB writes over none of the pages looked at, whoever writes.
 * Gives way to other work every few milliseconds. Reads all inner pages, and of the leaves about `bytesMax` bytes, small
 * tables first; what is left out is found by a check without a bound.
 */
export const checkLmdb = (
  directory: string,
  bytesMax: number = Number.POSITIVE_INFINITY
): Effect.Effect<void, StoreError | DatabaseDamaged> =>
  Effect.acquireUseRelease(
    attempt(() => openData(directory), failures),
    (descriptor) =>
      Effect.gen(function* () {
        const turn = <A>(body: () => A) => attempt(() => naming(directory, body), failures)
        const walk = yield* turn(() => walkOf(descriptor, bytesMax))
        while (!(yield* turn(() => walk.run(pagesPerTurn)))) yield* yieldToEventLoop
      }),
    (descriptor) => Effect.sync(() => closeSync(descriptor))
  ).pipe(Effect.withSpan("LmdbCheck"))

const walkOf = (descriptor: number, bytesMax: number): LmdbWalk => {
  const meta = latestMeta(descriptor)
  return new LmdbWalk(descriptor, meta, openRecord, pagesTable, bytesMax / meta.pageBytes)
}

const failures = [DatabaseDamaged, StoreFull, StoreReadOnly, StoreFailed] as const

const pagesPerTurn = 1024

const openData = (directory: string): number => {
  try {
    return openSync(dataFile(directory), "r")
  } catch (error) {
    throw toStoreError(directory, "open", error)
  }
}

const openRecord = (table: string, key: Uint8Array, record: Uint8Array): void =>
  void Records.open(table, key, record)

/** Turns what the walk throws into errors that callers know. */
const naming = <A>(directory: string, body: () => A): A => {
  try {
    return body()
  } catch (error) {
    if (error instanceof DatabaseDamaged) throw error
    if (!(error instanceof LmdbDamage)) throw toStoreError(directory, "check", error)
    throw new DatabaseDamaged({ record: `page ${error.page} of data.mdb`, reason: error.reason })
  }
}

/** Another process may be writing one of the two: what is read twice in a row is whole. */
const latestMeta = (descriptor: number): LmdbMeta => {
  let before = ""
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = readMeta(descriptor, 0, undefined)
    const second = first && readMeta(descriptor, 1, first.pageBytes)
    const now = JSON.stringify([first, second])
    if (first !== undefined && second !== undefined && now === before) {
      return first.transaction > second.transaction ? first : second
    }
    before = now
  }
  throw new LmdbDamage(0, "the first pages cannot be read")
}
