import { Effect, Option, type Scope } from "effect"
import { KeyTooLong, ProofVerificationFailed } from "../mkvs/MkvsError.ts"
import type { Root } from "../mkvs/Root.ts"
import { attempt, readFailures, writeFailures } from "./attempt.ts"
import { newBatch } from "./Batches.ts"
import { DatabaseCore } from "./DatabaseCore.ts"
import { finalizeCandidates, versionOf } from "./Finalizing.ts"
import * as MultipartInsert from "./MultipartInsert.ts"
import type { FinalizeOptions, NodeDatabase } from "./NodeDatabase.ts"
import * as Errors from "./NodeDatabaseError.ts"
import { makeOverlayPageStore } from "./OverlayPageStore.ts"
import type { Change, PageStore } from "./PageStore.ts"
import { Pins } from "./Pins.ts"
import { prune, removeGarbage } from "./Pruning.ts"
import * as Reading from "./Reading.ts"
import * as Records from "./Records.ts"
import { toRoot } from "./Versions.ts"

export interface MakeOptions {
  /** 32 bytes. Default: that of the database; for a new one the reference's test namespace. Another one is refused. */
  readonly namespace?: Uint8Array | undefined
  /** Memory for cached inner pages. More makes reads of large states faster. Default 32 MiB. */
  readonly cacheBytes?: number | undefined
}

/** What a medium adds to its pages. */
export interface Medium {
  readonly store: PageStore
  readonly path: Option.Option<string>
  /** A store that can write pins; differs from `store` where that is read-only. */
  readonly pinStore: Effect.Effect<PageStore, Errors.WriteFailure, Scope.Scope>
  /** Who holds pins made here, for messages. */
  readonly owner: string
}

export type OpenRefused = Errors.BadNamespace | Errors.UnknownFormatVersion | Errors.WriteFailure

/** A node database on a medium. Finishes first what an earlier process left undone. */
export const makeDatabase = (
  medium: Medium,
  options: MakeOptions = {}
): Effect.Effect<NodeDatabase.Service, OpenRefused> =>
  Effect.gen(function* () {
    const core = yield* attempt(
      () => DatabaseCore.open(medium.store, options),
      [...writeFailures, Errors.BadNamespace, Errors.UnknownFormatVersion]
    )
    const pins = new Pins(core, medium.pinStore, medium.owner)
    if (!medium.store.readOnly) {
      yield* MultipartInsert.cleanUp(core)
      yield* removeGarbage(core)
    }
    const made = service(core, pins, medium)
    internals.set(made, { core, pins })
    return made
  })

/** What lies behind a service made here, for overlays on it. */
const internals = new WeakMap<NodeDatabase.Service, { readonly core: DatabaseCore; readonly pins: Pins }>()

/**
 * A database that begins as `base` is now and keeps its changes in memory; `base` never learns of them, and what it
 * finalises later is not seen here. Set-up costs the same for any state. Versions that `base` keeps now are not pruned
 * there until the scope closes.
 */
export const makeOverlayDatabase = (
  base: NodeDatabase.Service
): Effect.Effect<NodeDatabase.Service, OpenRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const below = internals.get(base)
    if (below === undefined)
      return yield* Effect.dieMessage("an overlay needs a database made by this package")
    const state = yield* attempt(() => below.core.state, readFailures)
    // Versions go from the earliest on, so this one keeps them all.
    if (state.kept !== undefined) yield* below.pins.hold(state.kept.earliest)
    const store = makeOverlayPageStore(below.core.store)
    // What is read through falls to the base, which goes on; this record fixes which versions and pages there are.
    yield* attempt(() => store.write([below.core.versions.putState(state)]), writeFailures)
    return yield* makeDatabase({
      store,
      path: Option.none(),
      pinStore: Effect.succeed(store),
      owner: "overlay"
    })
  })

const service = (core: DatabaseCore, pins: Pins, medium: Medium): NodeDatabase.Service => ({
  namespace: core.namespace,
  readOnly: core.store.readOnly,
  path: medium.path,
  latestVersion: attempt(() => Option.fromNullable(core.state.kept?.latest), readFailures),
  earliestVersion: attempt(() => Option.fromNullable(core.state.kept?.earliest), readFailures),
  rootsForVersion: (version) =>
    attempt(
      () => core.versions.roots(version).map((stored) => toRoot(core.namespace, version, stored)),
      [...readFailures, Errors.VersionNotFound]
    ),
  has: (root) => Reading.has(core, root),
  read: (root, use) => Reading.read(core, root, use),
  snapshot: (root) => Reading.snapshot(core, pins, root),
  attempt: (body) => attempt(body, [...readFailures, KeyTooLong]),
  node: (root, key, hash) => Reading.node(core, root, key, hash),
  getWriteLog: (start, end) => Reading.getWriteLog(core, pins, start, end),
  newBatch: (oldRoot, version) => newBatch(core, pins, oldRoot, version),
  finalize: (roots, finalizeOptions) => finalize(core, roots, finalizeOptions),
  prune: (version) => prune(core, pins, version),
  pin: (version) => pins.record(version),
  multipart: {
    current: attempt(() => {
      const state = MultipartInsert.current(core)
      return Option.fromNullable(state && { version: state.version, tag: state.tag })
    }, readFailures),
    start: (version, tag) => MultipartInsert.start(core, version, tag),
    setTag: (tag) => MultipartInsert.setTag(core, tag),
    put: (part) => MultipartInsert.put(core, part),
    done: (root) => attempt(() => MultipartInsert.done(core, root), readFailures),
    missing: (root) => MultipartInsert.missing(core, root),
    abort: MultipartInsert.abort(core)
  },
  records: {
    get: (table, key) =>
      attempt(() => Option.fromNullable(Records.get(core.store, callerTable(table), key)), readFailures),
    range: (table, range) => Reading.streamOf(() => Records.range(core.store, callerTable(table), range)),
    write: (changes) =>
      core.writing.withPermits(1)(
        attempt(() => {
          core.checkWritable("write records")
          core.write(callerChanges(changes))
        }, [...writeFailures, Errors.DatabaseReadOnly])
      )
  },
  size: attempt(() => core.store.size(), readFailures),
  sync: attempt(() => core.store.sync(), writeFailures),
  verify: (root, onDamage) => Reading.verify(core, pins, root, onDamage)
})

const finalize = (core: DatabaseCore, roots: ReadonlyArray<Root>, options: FinalizeOptions = {}) =>
  core.writing
    .withPermits(1)(
      Effect.gen(function* () {
        const changes = callerChanges(options.changes ?? [])
        const running = yield* attempt(() => {
          core.checkWritable("finalize")
          const state = MultipartInsert.current(core)
          if (state !== undefined && state.version !== versionOf(roots)) {
            throw new Errors.WrongMultipartVersion({
              given: versionOf(roots),
              running: Option.some(state.version)
            })
          }
          return state !== undefined
        }, finalizeFailures)
        if (running) yield* MultipartInsert.finalizeMultipart(core, roots, changes)
        else yield* attempt(() => finalizeCandidates(core, roots, changes), finalizeFailures)
      })
    )
    .pipe(Effect.zipRight(MultipartInsert.cleanUp(core)), Effect.zipRight(removeGarbage(core)))

const finalizeFailures = [
  ...writeFailures,
  Errors.DatabaseReadOnly,
  Errors.NotFinalized,
  Errors.AlreadyFinalized,
  Errors.RootNotFound,
  Errors.BadNamespace,
  Errors.WrongMultipartVersion,
  Errors.MultipartIncomplete,
  ProofVerificationFailed
] as const

/** The caller's tables live beside ours under a name of their own. */
const callerTable = (table: string): string => `records/${table}`

function* callerChanges(changes: Iterable<Change>): IterableIterator<Change> {
  for (const { table, key, value } of changes) {
    yield value === undefined
      ? Records.remove(callerTable(table), key)
      : Records.put(callerTable(table), key, value)
  }
}
