import { Effect, type Layer, Option, Schema, type Scope, Stream } from "effect"
import { type Root, rootType } from "../mkvs/Root.ts"
import { headerKey } from "../node/BlockHeader.ts"
import { blocksTable } from "../node/Blocks.ts"
import * as StateStorage from "../node/StateStorage.ts"
import { NodeDatabase } from "../storage/NodeDatabase.ts"
import { MultipartInProgress, type VersionNotFound, type WriteFailure } from "../storage/NodeDatabaseError.ts"

/** Databases as the commands open them. */

/** The directory is a node's: only the node, by executing blocks, may change its state. */
export class NodesDirectory extends Schema.TaggedError<NodesDirectory>()("NodesDirectory", {
  directory: Schema.String
}) {
  override get message() {
    return `${this.directory} is the directory of a node, whose state only its blocks may change: use another directory`
  }
}

/** Reads only: beside a running node, and on media that cannot be written. */
export const reading = (directory: string): ReturnType<typeof NodeDatabase.layerLmdb> =>
  NodeDatabase.layerLmdb({ directory, readOnly: true })

/** As `reading`, after a look through the whole data file. */
export const examining = (directory: string): ReturnType<typeof NodeDatabase.layerLmdb> =>
  NodeDatabase.layerLmdb({ directory, readOnly: true, examineBytesMax: Number.POSITIVE_INFINITY })

/** Created where absent. `namespace` is for a new database; one that exists must have it. */
export const writing = (
  directory: string,
  namespace?: Uint8Array
): Layer.Layer<NodeDatabase, Layer.Layer.Error<ReturnType<typeof reading>>> =>
  NodeDatabase.layerLmdb({ directory, namespace })

/** The database holds no version yet. */
export class NothingFinalized extends Schema.TaggedError<NothingFinalized>()("NothingFinalized", {
  directory: Schema.String
}) {
  override get message() {
    return `${this.directory} holds no version yet: make one with cairn tree apply or cairn start, or restore a checkpoint`
  }
}

/** The state's root of the version, or of the latest one. Says so where a restore has not been finished. */
export const stateRoot = (database: NodeDatabase.Service, at: Option.Option<bigint>) =>
  Effect.gen(function* () {
    if (Option.isNone(yield* database.latestVersion)) {
      const restore = yield* database.multipart.current
      if (Option.isSome(restore)) return yield* new MultipartInProgress({ version: restore.value.version })
      return yield* new NothingFinalized({ directory: Option.getOrElse(database.path, () => "the database") })
    }
    return yield* StateStorage.make(database).root(Option.getOrUndefined(at))
  })

/**
 * As `stateRoot`, and pinned until the scope closes, so that a node that prunes beside us leaves it. Where the latest
 * version is pruned before the pin is there, the then latest one is taken.
 */
export const pinnedRoot = (
  database: NodeDatabase.Service,
  at: Option.Option<bigint>
): Effect.Effect<
  Root,
  NothingFinalized | MultipartInProgress | VersionNotFound | WriteFailure,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const root = yield* stateRoot(database, at)
    yield* database.pin(root.version)
    return root
  }).pipe(Effect.retry({ times: 3, while: (error) => Option.isNone(at) && error._tag === "VersionNotFound" }))

/** Whether a node's blocks made what is there: they are stored beside it, or their header is in the state. */
export const isNodes = (database: NodeDatabase.Service) =>
  Effect.gen(function* () {
    if (Option.isSome(yield* Stream.runHead(database.records.range(blocksTable)))) return true
    const latest = yield* database.latestVersion
    if (Option.isNone(latest)) return false
    const roots = yield* database.rootsForVersion(latest.value)
    const root = roots.find(({ type }) => type === rootType.state)
    return root !== undefined && (yield* database.read(root, (state) => state.has(headerKey)))
  })
