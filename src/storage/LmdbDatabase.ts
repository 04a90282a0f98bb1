import { hostname } from "node:os"
import { Effect, Option, type Scope } from "effect"
import { checkLmdb } from "./LmdbCheck.ts"
import * as LmdbPageStore from "./LmdbPageStore.ts"
import { makeDatabase, type OpenRefused } from "./makeDatabase.ts"
import type { LmdbOptions, NodeDatabase } from "./NodeDatabase.ts"
import type { DatabaseHeld } from "./StoreError.ts"
import * as WriterLock from "./WriterLock.ts"

/** A tenth of a second or two; a small database is examined whole. */
const examineBytesDefault = 64 * 1_048_576

/** A node database in an LMDB environment; closed with the scope. */
export const makeLmdbDatabase = (
  options: LmdbOptions
): Effect.Effect<NodeDatabase.Service, OpenRefused | DatabaseHeld, Scope.Scope> =>
  Effect.gen(function* () {
    const { directory: path, readOnly = false, examineBytesMax = examineBytesDefault } = options
    if (!readOnly) yield* WriterLock.acquire(path)
    const store = yield* LmdbPageStore.open({
      path,
      readOnly,
      examine: (directory) => checkLmdb(directory, examineBytesMax)
    })
    const pinStore = readOnly ? LmdbPageStore.open({ path }) : Effect.succeed(store)
    const owner = `process ${process.pid} on ${hostname()}`
    return yield* makeDatabase({ store, path: Option.some(path), pinStore, owner }, options)
  })
