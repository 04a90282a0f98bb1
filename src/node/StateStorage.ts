import { Chunk, Context, Effect, Layer, Option, Stream } from "effect"
import * as Bytes from "../mkvs/Bytes.ts"
import type { KeyTooLong } from "../mkvs/MkvsError.ts"
import { type Root, rootType } from "../mkvs/Root.ts"
import type { Entry, IterateOptions } from "../mkvs/Tree.ts"
import { NodeDatabase, type Snapshot } from "../storage/NodeDatabase.ts"
import { VersionNotFound } from "../storage/NodeDatabaseError.ts"
import * as BlockHeader from "./BlockHeader.ts"
import type { RecordUnreadable } from "./RecordCodec.ts"
import { type Loan, lendReadable, type ReadableState, settled } from "./State.ts"

/**
 * The state of finished blocks. `at` is a version, which is the number of a block; without it the latest is read.
 * Everything fails with `VersionNotFound` where the version is not there: not yet, no longer, or, without `at`, because
 * there is no block at all.
 */
export class StateStorage extends Context.Tag("effect-cairn/StateStorage")<
  StateStorage,
  StateStorage.Service
>() {
  static readonly layer: Layer.Layer<StateStorage, never, NodeDatabase> = Layer.effect(
    StateStorage,
    Effect.map(NodeDatabase, (database) => make(database))
  )
}

export declare namespace StateStorage {
  interface Service {
    readonly root: (at?: bigint) => Effect.Effect<Root, StateUnavailable>
    /** `None` where the key is absent. */
    readonly get: (
      key: Uint8Array,
      at?: bigint
    ) => Effect.Effect<Option.Option<Uint8Array>, StateUnavailable | KeyTooLong>
    /** Entries in key order, all of one version, which is kept while the stream runs. */
    readonly entries: (
      options?: IterateOptions,
      at?: bigint
    ) => Stream.Stream<Entry, StateUnavailable | KeyTooLong>
    /** What the block that made the version wrote about itself. */
    readonly header: (
      at?: bigint
    ) => Effect.Effect<BlockHeader.BlockHeader, StateUnavailable | RecordUnreadable>
    /** Lends the state of one version to a machine's own code. */
    readonly lend: <A, E>(
      use: (state: ReadableState) => Effect.Effect<A, E>,
      at?: bigint
    ) => Effect.Effect<A, E | StateUnavailable>
    /** For proofs and everything else that needs the tree itself. Synchronous: for short work. */
    readonly read: <A>(
      use: (state: Snapshot) => A,
      at?: bigint
    ) => Effect.Effect<A, StateUnavailable | KeyTooLong>
  }

  type StateUnavailable = VersionNotFound | NodeDatabase.ReadFailure
}

export const make = (database: NodeDatabase.Service): StateStorage.Service => {
  const root = (at?: bigint) => stateRoot(database, at)
  const read: StateStorage.Service["read"] = (use, at) =>
    root(at).pipe(
      Effect.flatMap((root) =>
        Effect.catchTags(database.read(root, use), {
          RootNotFound: () => versionNotFound(database, root.version),
          BadNamespace: Effect.die
        })
      ),
      latestAgain(at)
    )
  const snapshot = (at?: bigint) =>
    root(at).pipe(
      Effect.flatMap((root) =>
        Effect.catchTags(database.snapshot(root), {
          RootNotFound: () => versionNotFound(database, root.version),
          BadNamespace: Effect.die
        })
      ),
      latestAgain(at)
    )
  return {
    root,
    read,
    get: (key, at) => read((state) => Option.map(Option.fromNullable(state.get(key)), Bytes.copy), at),
    entries: (options, at) =>
      Stream.unwrapScoped(Effect.map(snapshot(at), (state) => entries(database, state, options))),
    lend: (use, at) =>
      Effect.scoped(Effect.flatMap(snapshot(at), (state) => lent(database, lendReadable(state), use))),
    header: (at) =>
      read((state) => Bytes.copy(state.get(BlockHeader.headerKey) ?? Bytes.empty), at).pipe(
        Effect.catchTag("KeyTooLong", Effect.die),
        Effect.flatMap(BlockHeader.codec.decode)
      )
  }
}

const lent = <A, E>(
  database: NodeDatabase.Service,
  loan: Loan<ReadableState>,
  use: (state: ReadableState) => Effect.Effect<A, E>
): Effect.Effect<A, E | NodeDatabase.ReadFailure> =>
  Effect.suspend(() => use(loan.state)).pipe(
    Effect.exit,
    Effect.flatMap((exit) => Effect.zipRight(settled(loan, database.attempt), exit))
  )

const stateRoot = Effect.fnUntraced(function* (database: NodeDatabase.Service, at: bigint | undefined) {
  const latest = at === undefined ? yield* database.latestVersion : Option.some(at)
  if (Option.isNone(latest)) return yield* versionNotFound(database, 0n)
  const roots = yield* database.rootsForVersion(latest.value)
  const root = roots.find(({ type }) => type === rootType.state)
  return root ?? (yield* versionNotFound(database, latest.value))
})

/** Between finding the latest root and pinning it, blocks may go on and that version be pruned: then look again. */
const latestAgain =
  (at: bigint | undefined) =>
  <A, E extends { readonly _tag: string }, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.retry(self, { times: 3, while: (error) => at === undefined && error._tag === "VersionNotFound" })

const versionNotFound = Effect.fnUntraced(function* (database: NodeDatabase.Service, version: bigint) {
  const [earliest, latest] = yield* Effect.all([database.earliestVersion, database.latestVersion])
  return yield* new VersionNotFound({ version, earliest, latest })
})

const pageEntries = 256

const entries = (database: NodeDatabase.Service, state: Snapshot, options: IterateOptions | undefined) => {
  const iterator = state.iterate(options)
  const page = database.attempt(() => {
    const found: Array<Entry> = []
    while (found.length < pageEntries) {
      const next = iterator.next()
      if (next.done === true) break
      found.push([Bytes.copy(next.value[0]), Bytes.copy(next.value[1])])
    }
    return Chunk.unsafeFromArray(found)
  })
  return Stream.repeatEffectChunkOption(
    page.pipe(
      Effect.mapError(Option.some),
      Effect.filterOrFail(Chunk.isNonEmpty, () => Option.none())
    )
  )
}
