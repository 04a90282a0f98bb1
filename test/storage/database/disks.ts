import { Effect, Layer, Option, type Scope } from "effect"
import * as LmdbPageStore from "../../../src/storage/LmdbPageStore.ts"
import { MemoryDisk, makeMemoryPageStore } from "../../../src/storage/MemoryPageStore.ts"
import { type MakeOptions, makeDatabase } from "../../../src/storage/makeDatabase.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import type { Change, PageStore } from "../../../src/storage/PageStore.ts"
import { type Inventory, takeInventory } from "../../long/support/Inventory.ts"
import { temporaryDirectory } from "../temporary.ts"

/** Where a database keeps what it must find again when it is opened anew. */
export interface Disk {
  /** Each call is another start on the same data. One at a time, as in life. */
  readonly open: (options?: MakeOptions) => Effect.Effect<NodeDatabase.Service, unknown, Scope.Scope>
  /** The records below, beside the database or without it. */
  readonly store: (options: { readonly readOnly: boolean }) => Effect.Effect<PageStore, unknown, Scope.Scope>
}

export const memoryDisk: Effect.Effect<Disk> = Effect.sync(() => {
  const disk = new MemoryDisk()
  return {
    open: (options) =>
      Effect.suspend(() => {
        const store = makeMemoryPageStore({ disk })
        const medium = { store, path: Option.none(), pinStore: Effect.succeed(store), owner: "test" }
        return makeDatabase(medium, options)
      }),
    store: ({ readOnly }) => Effect.sync(() => makeMemoryPageStore({ disk, readOnly }))
  }
})

export const directoryDisk = (directory: string): Disk => ({
  open: (options) =>
    Effect.flatMap(
      Effect.promise(() => import("../../../src/storage/LmdbDatabase.ts")),
      ({ makeLmdbDatabase }) => makeLmdbDatabase({ directory, ...options })
    ),
  store: ({ readOnly }) => LmdbPageStore.open({ path: directory, readOnly })
})

export const lmdbDisk: Effect.Effect<Disk, never, Scope.Scope> = Effect.map(temporaryDirectory, directoryDisk)

/** Opens the database, runs the body with it, closes it. */
export const withDatabase = <A, E, R>(
  disk: Disk,
  body: Effect.Effect<A, E, R>
): Effect.Effect<A, unknown, Exclude<Exclude<R, NodeDatabase>, Scope.Scope>> =>
  Effect.scoped(
    Effect.flatMap(disk.open(), (database) => Effect.provideService(body, NodeDatabase, database))
  )

/** What lies on the disk, against what there is reason for. */
export const inventoryOf = (disk: Disk): Effect.Effect<Inventory, unknown> =>
  Effect.scoped(Effect.map(disk.store({ readOnly: true }), takeInventory))

/** No page, list or part that nobody needs; none that is needed and missing. */
export const clean = {
  leaked: [],
  lacking: [],
  garbage: 0,
  parts: 0,
  multipart: undefined
}

/** Writes records below the database, as another program or an earlier one might have. */
export const writeBelow = (disk: Disk, changes: Iterable<Change>) =>
  Effect.scoped(Effect.map(disk.store({ readOnly: false }), (store) => store.write(changes)))

/** Opening must fail; with what. */
export const refusal = (options: Parameters<typeof NodeDatabase.layerLmdb>[0]) =>
  Effect.flip(Effect.scoped(Layer.build(NodeDatabase.layerLmdb(options))))
