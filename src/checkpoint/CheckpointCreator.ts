import type { FileSystem } from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import { Context, Effect, Layer, Option, type Scope } from "effect"
import type { Root } from "../mkvs/Root.ts"
import type { TreeNode } from "../mkvs/TreeNode.ts"
import type { NodeDatabase } from "../storage/NodeDatabase.ts"
import { CheckpointNotFound, type CheckpointStorageFailed, type InvalidMetadata } from "./CheckpointError.ts"
import { type CheckpointLimits, defaultCheckpointLimits } from "./CheckpointLimits.ts"
import * as Publishing from "./CheckpointPublishing.ts"
import { CheckpointSource } from "./CheckpointSource.ts"
import type { CreationProgress, ProducedChunks } from "./ChunkProducer.ts"
import * as Provider from "./ChunkProvider.ts"
import { ChunkProvider } from "./ChunkProvider.ts"
import { createInThread } from "./CreateInThread.ts"
import { type CreationWorker, jobRoot, makeCreationWorker, workerUrl } from "./CreationWorker.ts"
import { makeKeyedLock } from "./KeyedLock.ts"
import { formatVersion, type Metadata } from "./Metadata.ts"
import * as PlainFiles from "./PlainFiles.ts"

/**
 * Makes checkpoints in a directory, and takes them away. A checkpoint is either wholly there or absent: its chunks are
 * durable before its `meta` is, and without that it is neither listed nor served.
 */
export class CheckpointCreator extends Context.Tag("effect-cairn/CheckpointCreator")<
  CheckpointCreator,
  CheckpointCreator.Service
>() {
  /**
   * Checkpoints as files below `directory`, which is created when first needed. Where the source allows it, those of
   * larger trees are made by a worker thread.
   */
  static readonly layer = (
    options: CheckpointCreator.Options
  ): Layer.Layer<CheckpointCreator | ChunkProvider, never, CheckpointSource | FileSystem | Path> =>
    Layer.scopedContext(
      Effect.map(make(options), (creator) =>
        Context.make(CheckpointCreator, creator).pipe(Context.add(ChunkProvider, creator))
      )
    )
}

export declare namespace CheckpointCreator {
  interface Options extends ChunkProvider.Options {
    /** Program of the worker, for databases that the usual one cannot open. */
    readonly worker?: URL | undefined
  }

  interface CreateOptions {
    /** Called now and then; may begin anew when the work is handed to a worker. Must not throw. */
    readonly onProgress?: ((progress: CreationProgress) => void) | undefined
  }

  type CreateError =
    | NodeDatabase.RootUnavailable
    | NodeDatabase.ReadFailure
    | InvalidMetadata
    | CheckpointStorageFailed

  interface Service extends ChunkProvider.Service {
    /**
     * Makes a checkpoint of the root, or returns the one that exists, whatever its parameters were. `chunkSize` ≥ 0
     * bytes, `threads` 0 … 65,535 (`ChunkerOptions` says what they do). Calls for one version wait for one another.
     * When it fails or is interrupted, nothing of the checkpoint is left; when it returns, a power cut cannot undo it.
     */
    readonly create: (
      root: Root,
      chunkSize: number,
      threads: number,
      options?: CreateOptions
    ) => Effect.Effect<Metadata, CreateError>
    /** `CheckpointNotFound` also for other format versions than 1. */
    readonly get: (
      formatVersion: number,
      root: Root
    ) => Effect.Effect<Metadata, CheckpointNotFound | InvalidMetadata | CheckpointStorageFailed>
    /**
     * Removes the checkpoint, also one whose `meta` is damaged; its version's directory too when that is empty then.
     * `CheckpointNotFound` where there is none, and for other format versions than 1.
     */
    readonly delete: (
      formatVersion: number,
      root: Root
    ) => Effect.Effect<void, CheckpointNotFound | CheckpointStorageFailed>
  }
}

type Files = FileSystem | Path

export const make = (
  options: CheckpointCreator.Options
): Effect.Effect<CheckpointCreator.Service, never, CheckpointSource | Files | Scope.Scope> =>
  Effect.gen(function* () {
    const { directory } = options
    const limits = { ...defaultCheckpointLimits, ...options.limits }
    const files = yield* Effect.context<Files>()
    const source = yield* CheckpointSource
    const provider = yield* Provider.make(options)
    const writeChunks = yield* makeWriteChunks(source, limits, options.worker)
    const lock = makeKeyedLock()

    const create: CheckpointCreator.Service["create"] = Effect.fn("CheckpointCreator.create")(
      function* (root, chunkSize, threads, createOptions) {
        if (!(chunkSize >= 0)) return yield* Effect.dieMessage(`chunkSize ${chunkSize} is not 0 or more`)
        if (!(Number.isInteger(threads) && threads >= 0 && threads <= 0xffff)) {
          return yield* Effect.dieMessage(`threads ${threads} is not 0 … 65535`)
        }
        const onProgress = createOptions?.onProgress ?? (() => {})
        const survey = yield* Publishing.survey(directory, root, limits)
        if (Option.isSome(survey.existing)) return survey.existing.value.metadata
        const place = yield* survey.free
        return yield* source.withRoot(root, (top) =>
          Publishing.publish(place, root, (chunksDirectory) =>
            writeChunks({ root, top, directory: chunksDirectory, chunkSize, threads, onProgress })
          )
        )
      },
      (effect, root) => lock(root.version.toString())(effect),
      Effect.provide(files)
    )

    const get: CheckpointCreator.Service["get"] = Effect.fn("CheckpointCreator.get")(function* (
      version,
      root
    ) {
      if (version !== formatVersion) return yield* new CheckpointNotFound({ what: `format ${version}` })
      return (yield* Provider.findCheckpoint(directory, root, limits)).metadata
    }, Effect.provide(files))

    const remove: CheckpointCreator.Service["delete"] = Effect.fn("CheckpointCreator.delete")(
      function* (version, root) {
        if (version !== formatVersion) return yield* new CheckpointNotFound({ what: `format ${version}` })
        const survey = yield* Publishing.survey(directory, root, limits)
        const place = Option.orElse(
          Option.map(survey.existing, (found) => found.place),
          () => survey.damaged
        )
        if (Option.isNone(place)) return yield* new CheckpointNotFound({ what: root.toString() })
        yield* Publishing.remove(place.value)
      },
      (effect, _version, root) => lock(root.version.toString())(effect),
      Effect.provide(files)
    )

    return { ...provider, create, get, delete: remove }
  })

interface ChunksWanted {
  readonly root: Root
  readonly top: TreeNode | undefined
  /** Exists and is empty. */
  readonly directory: string
  readonly chunkSize: number
  readonly threads: number
  readonly onProgress: (progress: CreationProgress) => void
}

/**
 * Writes chunk files, each of them durable, and tells their digests. A small tree is done in this thread before a worker
 * would have loaded its program; for a larger one the worker is started, where there can be one.
 */
const makeWriteChunks = (
  source: CheckpointSource.Service,
  limits: CheckpointLimits,
  program: URL | undefined
) =>
  Effect.gen(function* () {
    const worker = yield* makeWorker(source, program)
    const { chunksMax } = limits
    const inThread = (wanted: ChunksWanted, turnsMax: number) =>
      createInThread(wanted.top, source.attempt, { ...wanted, chunksMax, turnsMax })
    const wholly = (wanted: ChunksWanted) =>
      Effect.flatMap(
        inThread(wanted, Number.POSITIVE_INFINITY),
        Option.match({
          onNone: () => Effect.dieMessage("without a limit, the turns suffice"),
          onSome: Effect.succeed
        })
      )
    const inWorker = (worker: CreationWorker, databasePath: string, wanted: ChunksWanted) => {
      const { directory, chunkSize, threads } = wanted
      const job = { databasePath, root: jobRoot(wanted.root), directory, chunkSize, threads, chunksMax }
      // a root that is not finalised yet can be read by this thread alone
      return Effect.catchTag(worker.run(job, wanted.onProgress), "RootNotFound", () => wholly(wanted))
    }
    const write = (wanted: ChunksWanted) =>
      Effect.gen(function* () {
        if (Option.isNone(worker)) return yield* wholly(wanted)
        const { worker: thread, databasePath } = worker.value
        if (!(yield* thread.started)) {
          const produced = yield* inThread(wanted, turnsWithoutWorker)
          if (Option.isSome(produced)) return produced.value
          yield* PlainFiles.removeAll(wanted.directory)
          yield* PlainFiles.makeDirectory(wanted.directory)
        }
        return yield* inWorker(thread, databasePath, wanted)
      })
    return (wanted: ChunksWanted) =>
      Effect.map(
        Effect.tap(write(wanted), (produced) => warnOfLimits(produced, limits)),
        (produced) => produced.digests
      )
  })

/** Less than what loading the worker's program costs; enough for some 150,000 small keys. */
const turnsWithoutWorker = 50

const makeWorker = (source: CheckpointSource.Service, program: URL | undefined) =>
  Effect.gen(function* () {
    if (Option.isNone(source.worker)) return Option.none()
    const url = program ?? workerUrl()
    if (url === undefined) {
      yield* Effect.logWarning("checkpoints are made in this thread: the worker's program has not been built")
      return Option.none()
    }
    const { databasePath } = source.worker.value
    return Option.some({ worker: yield* makeCreationWorker(url), databasePath })
  })

/** The checkpoint is right, but not everybody will be able to restore it. */
const warnOfLimits = (produced: ProducedChunks, limits: CheckpointLimits): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (produced.depth > referenceDepthMax) {
      yield* Effect.logWarning(
        `the tree is ${produced.depth} nodes deep: Oasis Core restores no checkpoint deeper than ${referenceDepthMax}`
      )
    }
    if (produced.longestChunkBytes > limits.chunkBytesMax) {
      yield* Effect.logWarning(
        `a chunk has ${produced.longestChunkBytes} bytes: restoring takes a limit above ${limits.chunkBytesMax}`
      )
    }
  })

const referenceDepthMax = 128
