import { Context, Effect, Either, Layer, Option } from "effect"
import { equal, toHex } from "../mkvs/Bytes.ts"
import { NodeDatabase } from "../storage/NodeDatabase.ts"
import type * as DatabaseErrors from "../storage/NodeDatabaseError.ts"
import {
  CheckpointIncomplete,
  ChunkAlreadyRestored,
  type ChunkCorrupted,
  type ChunkNotFound,
  ChunkProofVerificationFailed,
  InvalidMetadata,
  NoRestoreInProgress,
  RestoreAlreadyInProgress
} from "./CheckpointError.ts"
import { type CheckpointLimits, defaultCheckpointLimits, tooManyChunks } from "./CheckpointLimits.ts"
import { checkDigest } from "./CheckpointVerifier.ts"
import { decodeChunk } from "./ChunkCodec.ts"
import { makeKeyedLock } from "./KeyedLock.ts"
import { decodeMetadata, encodeMetadata, type Metadata } from "./Metadata.ts"
import { MalformedSnappy } from "./SnappyFraming.ts"

/**
 * Brings a checkpoint into the node database, chunk by chunk, from whoever offers them: nothing is believed that the
 * root does not prove. One restore at a time. Each chunk is durable when `restoreChunk` returns, so after a crash the
 * restore is there again when the service is next made, and goes on or is aborted by the caller.
 *
 * When the last chunk is in, the root is whole but not final: `NodeDatabase.finalize` makes it so, together with the
 * other roots of its version, which are restored one after the other before.
 */
export class Restorer extends Context.Tag("effect-cairn/Restorer")<Restorer, Restorer.Service>() {
  static readonly layer = (
    options: Restorer.Options = {}
  ): Layer.Layer<Restorer, NodeDatabase.ReadFailure, NodeDatabase> => Layer.effect(Restorer, make(options))
}

export declare namespace Restorer {
  interface Options {
    readonly limits?: Partial<CheckpointLimits> | undefined
  }

  interface Service {
    /** `InvalidMetadata` starts nothing. Database errors say why its version cannot be inserted now. */
    readonly startRestore: (
      metadata: Metadata
    ) => Effect.Effect<
      void,
      | InvalidMetadata
      | RestoreAlreadyInProgress
      | DatabaseErrors.MultipartInProgress
      | DatabaseErrors.AlreadyFinalized
      | DatabaseErrors.NotFinalized
      | DatabaseErrors.WriteFailure
    >
    /**
     * `true` when this was the last missing chunk and the tree is whole: then no restore is in progress any more. The
     * errors say in `spec/checkpoint.md` whether the restore goes on or has been aborted. Chunks may come in any order
     * and at once; a second call for one index waits for the first.
     */
    readonly restoreChunk: (
      index: number,
      bytes: Uint8Array
    ) => Effect.Effect<boolean, RestoreChunkError | DatabaseErrors.WriteFailure>
    /** Removes what was restored; no error without a restore. Calls in flight fail with `NoRestoreInProgress`. */
    readonly abortRestore: Effect.Effect<void, DatabaseErrors.WriteFailure>
    /**
     * `None` without a restore. One whose chunks are all there was interrupted before it was finalised: that ends it, or
     * the start of the next root of its version.
     */
    readonly currentCheckpoint: Effect.Effect<Option.Option<Metadata>, NodeDatabase.ReadFailure>
    /** Ascending; `[]` without a restore. */
    readonly missingChunks: Effect.Effect<ReadonlyArray<number>, NodeDatabase.ReadFailure>
  }

  type RestoreChunkError =
    | NoRestoreInProgress
    | ChunkNotFound
    | ChunkAlreadyRestored
    | ChunkCorrupted
    | ChunkProofVerificationFailed
    | CheckpointIncomplete
}

/** A restore in progress. The object is its identity: after an abort, calls in flight see that it is not theirs. */
interface Restore {
  readonly metadata: Metadata
  readonly done: Set<number>
}

/** Chunks decompressed at once: the database takes one at a time, and one more may be got ready. */
const chunksAtOnce = 2

export const make = (
  options: Restorer.Options
): Effect.Effect<Restorer.Service, NodeDatabase.ReadFailure, NodeDatabase> =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const limits = { ...defaultCheckpointLimits, ...options.limits }
    let current = yield* interrupted(database, limits)
    const perIndex = makeKeyedLock()
    const decoding = Effect.unsafeMakeSemaphore(chunksAtOnce)
    const starting = Effect.unsafeMakeSemaphore(1)

    /** The restore in progress. One that an earlier process completed is over when its version has been finalised. */
    const running = Effect.gen(function* () {
      const restore = current
      if (restore === undefined || !isComplete(restore)) return restore
      const insert = yield* database.multipart.current
      const goesOn = Option.exists(insert, ({ version }) => version === restore.metadata.root.version)
      if (!goesOn && current === restore) current = undefined
      return current
    })

    const startRestore = Effect.fn("Restorer.startRestore")(function* (metadata: Metadata) {
      yield* checkMetadata(database, metadata, limits)
      const before = yield* running
      if (before !== undefined && !mayFollow(before, metadata)) {
        const { root } = before.metadata
        return yield* new RestoreAlreadyInProgress({ rootVersion: root.version, rootHash: toHex(root.hash) })
      }
      yield* begin(database, metadata)
      const done = yield* database.multipart.done(metadata.root)
      current = { metadata, done: new Set(done) }
    }, starting.withPermits(1))

    const abort = (restore: Restore | undefined) =>
      Effect.suspend(() => {
        if (current !== restore) return Effect.void
        current = undefined
        return database.multipart.abort
      }).pipe(Effect.uninterruptible)

    const restoreChunk = Effect.fn("Restorer.restoreChunk")(
      function* (index: number, bytes: Uint8Array) {
        const restore = current
        if (restore === undefined) return yield* new NoRestoreInProgress()
        const chunk = yield* restore.metadata.getChunkMetadata(index)
        if (restore.done.has(index)) return yield* new ChunkAlreadyRestored({ index })
        yield* checkDigest(bytes, chunk)
        yield* decoding
          .withPermits(1)(insertChunk(database, restore, index, bytes, limits))
          .pipe(Effect.tapErrorTag("ChunkProofVerificationFailed", () => abort(restore)))
        if (current !== restore) return yield* new NoRestoreInProgress()
        restore.done.add(index)
        if (!isComplete(restore)) return false
        yield* checkWhole(database, restore, index).pipe(
          Effect.tapErrorTag("CheckpointIncomplete", () => abort(restore)),
          Effect.tapErrorTag("ChunkProofVerificationFailed", () => abort(restore))
        )
        if (current !== restore) return yield* new NoRestoreInProgress()
        current = undefined
        return true
      },
      (effect, index) => perIndex(String(index))(effect)
    )

    return {
      startRestore,
      restoreChunk,
      abortRestore: Effect.suspend(() => abort(current)),
      currentCheckpoint: Effect.map(running, (restore) => Option.fromNullable(restore?.metadata)),
      missingChunks: Effect.map(running, (restore) => (restore === undefined ? [] : missingOf(restore)))
    }
  })

/** The restore that an earlier process began: the insert's tag is the checkpoint's metadata. */
const interrupted = (database: NodeDatabase.Service, limits: CheckpointLimits) =>
  Effect.gen(function* () {
    const insert = yield* database.multipart.current
    if (Option.isNone(insert)) return undefined
    const metadata = decodeMetadata(insert.value.tag, limits)
    // Somebody else's insert: starting a restore will say that one is in progress.
    if (Either.isLeft(metadata)) return undefined
    const done = yield* database.multipart.done(metadata.right.root)
    const restore: Restore = { metadata: metadata.right, done: new Set(done) }
    return restore
  })

const checkMetadata = (database: NodeDatabase.Service, metadata: Metadata, limits: CheckpointLimits) => {
  if (!equal(metadata.root.namespace, database.namespace)) {
    const reason = `namespace ${toHex(metadata.root.namespace)} is not the database's ${toHex(database.namespace)}`
    return Effect.fail(new InvalidMetadata({ reason }))
  }
  return metadata.chunks.length > limits.chunksMax
    ? Effect.fail(tooManyChunks(limits.chunksMax))
    : Effect.void
}

/** A second root of the version being inserted joins the insert; anything else starts one. */
const begin = (database: NodeDatabase.Service, metadata: Metadata) =>
  Effect.gen(function* () {
    const tag = encodeMetadata(metadata)
    const { version } = metadata.root
    const insert = yield* database.multipart.current
    if (Option.isNone(insert) || insert.value.version !== version) {
      return yield* database.multipart.start(version, tag)
    }
    yield* Effect.catchTag(database.multipart.setTag(tag), "WrongMultipartVersion", Effect.die)
  })

const insertChunk = (
  database: NodeDatabase.Service,
  restore: Restore,
  index: number,
  bytes: Uint8Array,
  limits: CheckpointLimits
) =>
  Effect.gen(function* () {
    const refused = (reason: string) => new ChunkProofVerificationFailed({ index, reason })
    const entries = yield* Effect.try({
      try: () => decodeChunk(bytes, limits.chunkBytesMax),
      catch: (error) => {
        if (error instanceof MalformedSnappy) return refused(error.message)
        throw error
      }
    })
    yield* database.multipart.put({ index, root: restore.metadata.root, entries }).pipe(
      Effect.catchTags({
        ProofVerificationFailed: (error) => Effect.fail(refused(error.reason)),
        // The insert is gone: it was aborted while this chunk was on its way.
        WrongMultipartVersion: () => Effect.fail(new NoRestoreInProgress()),
        BadNamespace: Effect.die
      })
    )
  })

/** All chunks are in: is every reference resolved? The reference does not ask (`spec/checkpoint.md`, Restorer). */
const checkWhole = (database: NodeDatabase.Service, restore: Restore, index: number) =>
  Effect.gen(function* () {
    const missing = yield* database.multipart.missing(restore.metadata.root).pipe(
      Effect.catchTags({
        ProofVerificationFailed: ({ reason }) =>
          Effect.fail(new ChunkProofVerificationFailed({ index, reason })),
        WrongMultipartVersion: () => Effect.fail(new NoRestoreInProgress())
      })
    )
    if (Option.isSome(missing)) {
      const { missing: hashes, count } = missing.value
      return yield* new CheckpointIncomplete({ missing: hashes.map(toHex), count })
    }
  })

const isComplete = ({ done, metadata }: Restore): boolean => done.size === metadata.chunks.length

/** Whether the restore of `next`, another root of the same version, may begin where `before` was interrupted. */
const mayFollow = (before: Restore, { root }: Metadata): boolean =>
  isComplete(before) && before.metadata.root.version === root.version && !before.metadata.root.equals(root)

const missingOf = (restore: Restore): ReadonlyArray<number> =>
  Array.from(restore.metadata.chunks, (_, index) => index).filter((index) => !restore.done.has(index))
