import { Effect, Option, type Scope } from "effect"
import { makeLmdbDatabase } from "../../../src/storage/LmdbDatabase.ts"
import * as LmdbPageStore from "../../../src/storage/LmdbPageStore.ts"
import { makeDatabase } from "../../../src/storage/makeDatabase.ts"
import type { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import * as WriterLock from "../../../src/storage/WriterLock.ts"
import { type Inventory, takeInventory } from "./Inventory.ts"
import { type Doing, markedPageStore } from "./MarkedPageStore.ts"

/** As `NodeDatabase.layerLmdb` opens it, but each write says where it is. */
export const openMarked = (path: string, doing: Doing) =>
  Effect.gen(function* () {
    yield* WriterLock.acquire(path)
    const store = markedPageStore(yield* LmdbPageStore.open({ path }), doing)
    return yield* makeDatabase({
      store,
      path: Option.some(path),
      pinStore: Effect.succeed(store),
      owner: "victim"
    })
  })

/** A database directory opened to be looked at. */
export interface Opened {
  readonly database: NodeDatabase.Service
  readonly inventory: Effect.Effect<Inventory, unknown>
}

/** Opens it as a user's next process does. */
export const openPlain = (path: string): Effect.Effect<Opened, unknown, Scope.Scope> =>
  Effect.map(makeLmdbDatabase({ directory: path }), (database) => ({
    database,
    inventory: Effect.scoped(Effect.map(LmdbPageStore.open({ path, readOnly: true }), takeInventory))
  }))
