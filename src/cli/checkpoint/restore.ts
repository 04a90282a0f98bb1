import { Effect, Either, Layer, Option, Schema } from "effect"
import * as Directory from "../../checkpoint/CheckpointDirectory.ts"
import { ChunkNotFound, ChunkProofVerificationFailed } from "../../checkpoint/CheckpointError.ts"
import { defaultCheckpointLimits } from "../../checkpoint/CheckpointLimits.ts"
import { framedBytesMax } from "../../checkpoint/ChunkCodec.ts"
import { encodeMetadata, type Metadata } from "../../checkpoint/Metadata.ts"
import { Restorer } from "../../checkpoint/Restorer.ts"
import { equal, toHex } from "../../mkvs/Bytes.ts"
import { NodeDatabase } from "../../storage/NodeDatabase.ts"
import * as DataDirectory from "../DataDirectory.ts"
import * as Output from "../Output.ts"
import * as Progress from "../Progress.ts"
import * as Places from "./places.ts"

export interface RestoreOptions {
  readonly directory: string
  readonly dataDir: string
  readonly root: Option.Option<Uint8Array>
  readonly json: boolean
}

/** The directory already holds versions. Nothing was changed. */
export class TargetNotEmpty extends Schema.TaggedError<TargetNotEmpty>()("TargetNotEmpty", {
  directory: Schema.String,
  version: Schema.BigIntFromSelf
}) {
  override get message() {
    return `${this.directory} already holds version ${this.version}: restore into a new directory`
  }
}

/** Another checkpoint is half restored there. Nothing was changed. */
export class OtherRestore extends Schema.TaggedError<OtherRestore>()("OtherRestore", {
  directory: Schema.String,
  version: Schema.BigIntFromSelf,
  rootHash: Schema.String
}) {
  override get message() {
    return `another checkpoint (root ${this.rootHash} of version ${this.version}) is half restored in ${this.directory}: restore that one, use another directory, or remove this one`
  }
}

/**
 * Restores the checkpoint and makes its version final. Where an earlier run was interrupted, the chunks that it left
 * are restored; where it was done but could not say so, this one says it.
 */
export const restore = ({ dataDir, directory, json, root }: RestoreOptions) =>
  Effect.gen(function* () {
    const { metadata, place } = yield* Places.ofRoot(directory, root)
    yield* Effect.gen(function* () {
      const database = yield* NodeDatabase
      if (!(yield* isRestored(database, metadata, dataDir))) {
        yield* prepare(yield* Restorer, metadata, dataDir)
        yield* restoreChunks(place, metadata)
        yield* database.finalize([metadata.root])
      }
      yield* print(database, metadata, json)
    }).pipe(Effect.provide(layer(dataDir, metadata)))
  })

const layer = (dataDir: string, { root }: Metadata) =>
  Restorer.layer().pipe(Layer.provideMerge(DataDirectory.writing(dataDir, root.namespace)))

/** Whether exactly this is there already. Fails where anything else is. */
const isRestored = (database: NodeDatabase.Service, { root }: Metadata, directory: string) =>
  Effect.gen(function* () {
    const latest = yield* database.latestVersion
    if (Option.isNone(latest)) return false
    const earliest = yield* database.earliestVersion
    const roots = yield* database.rootsForVersion(latest.value)
    const isAlone = Option.contains(earliest, latest.value) && roots.length === 1
    if (isAlone && roots[0]!.equals(root)) return true
    return yield* new TargetNotEmpty({ directory, version: latest.value })
  })

/** Starts the restore, or finds it begun. */
const prepare = (restorer: Restorer.Service, metadata: Metadata, directory: string) =>
  Effect.gen(function* () {
    const current = yield* restorer.currentCheckpoint
    if (Option.isNone(current)) return yield* restorer.startRestore(metadata)
    if (equal(encodeMetadata(current.value), encodeMetadata(metadata))) return
    const { hash, version } = current.value.root
    return yield* new OtherRestore({ directory, version, rootHash: toHex(hash) })
  })

const restoreChunks = (place: Directory.Place, metadata: Metadata) =>
  Effect.gen(function* () {
    const restorer = yield* Restorer
    const missing = yield* restorer.missingChunks
    const total = metadata.chunks.length
    const progress = yield* Progress.make("restoring", "chunks")
    let done = total - missing.length
    yield* Effect.forEach(
      missing,
      (index) =>
        Effect.gen(function* () {
          const bytes = yield* readChunk(place, metadata, index)
          yield* restorer.restoreChunk(index, bytes)
          progress.report(++done, total)
        }),
      // while one is being stored, the next is read and checked
      { concurrency: 2, discard: true }
    )
  }).pipe(Effect.scoped)

const readChunk = (place: Directory.Place, { root }: Metadata, index: number) =>
  Effect.gen(function* () {
    const found = yield* Directory.readChunk(
      place,
      index,
      framedBytesMax(defaultCheckpointLimits.chunkBytesMax)
    )
    if (Option.isNone(found)) {
      return yield* new ChunkNotFound({ rootVersion: root.version, rootHash: toHex(root.hash), index })
    }
    if (Either.isRight(found.value)) return found.value.right
    return yield* new ChunkProofVerificationFailed({ index, reason: found.value.left })
  })

const print = (database: NodeDatabase.Service, { root }: Metadata, json: boolean) =>
  Effect.gen(function* () {
    const keys = yield* database.read(root, (state) => state.keys)
    const hash = toHex(root.hash)
    yield* Output.result(json, {
      json: () => ({ version: root.version, root: hash, keys }),
      human: () => `restored version ${root.version}  root ${hash}  ${Progress.count(keys)} keys`
    })
  })
