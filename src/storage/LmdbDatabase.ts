import { existsSync, readdirSync } from "node:fs"
import { hostname } from "node:os"
import { Effect, Option, type Scope } from "effect"
import { attempt } from "./attempt.ts"
import { checkLmdb } from "./LmdbCheck.ts"
import { dataFile } from "./LmdbFile.ts"
import * as LmdbPageStore from "./LmdbPageStore.ts"
import { makeDatabase, type OpenRefused } from "./makeDatabase.ts"
import type { LmdbOptions, NodeDatabase } from "./NodeDatabase.ts"
import { type DatabaseHeld, StoreFailed } from "./StoreError.ts"
import * as WriterLock from "./WriterLock.ts"

/** A fifth of a second of processor time; smaller databases are examined whole. */
const examineBytesDefault = 256 * 1_048_576

/** What we put beside the data file. */
const ownNames = new Set(["lock.mdb", "writer.lock", "checkpoints"])
/** What a process that was killed may have left of ours (see `LmdbPreparation` and `SystemFailure`). */
const leftNames = /^\.(scratch|probe)-/

/** A database is not laid out among somebody else's files. */
const refuseForeign = (path: string): void => {
  if (existsSync(dataFile(path)) || !existsSync(path)) return
  let names: ReadonlyArray<string>
  try {
    names = readdirSync(path)
  } catch {
    // Not a directory, or not ours to read: taking the lock there says so.
    return
  }
  const foreign = names.find((name) => !ownNames.has(name) && !leftNames.test(name))
  if (foreign === undefined) return
  const cause = new Error(
    `it holds no database but other files (${foreign}): use a new or an empty directory`
  )
  throw new StoreFailed({ path, operation: "create", cause })
}

/** A node database in an LMDB environment; closed with the scope. */
export const makeLmdbDatabase = (
  options: LmdbOptions
): Effect.Effect<NodeDatabase.Service, OpenRefused | DatabaseHeld, Scope.Scope> =>
  Effect.gen(function* () {
    const { directory: path, readOnly = false, examineBytesMax = examineBytesDefault } = options
    if (!readOnly) {
      yield* attempt(() => refuseForeign(path), [StoreFailed])
      yield* WriterLock.acquire(path)
    }
    const store = yield* LmdbPageStore.open({
      path,
      readOnly,
      examine: (directory) => checkLmdb(directory, examineBytesMax)
    })
    const pinStore = readOnly ? LmdbPageStore.open({ path }) : Effect.succeed(store)
    const owner = `process ${process.pid} on ${hostname()}`
    return yield* makeDatabase({ store, path: Option.some(path), pinStore, owner }, options)
  })
