import type { FileSystem } from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import { Context, Effect, Layer, Option, Stream } from "effect"
import { equal, toHex } from "../mkvs/Bytes.ts"
import type { Root } from "../mkvs/Root.ts"
import * as Directory from "./CheckpointDirectory.ts"
import {
  CheckpointNotFound,
  type CheckpointStorageFailed,
  ChunkNotFound,
  type InvalidMetadata
} from "./CheckpointError.ts"
import { type CheckpointLimits, defaultCheckpointLimits } from "./CheckpointLimits.ts"
import { type ChunkMetadata, formatVersion, type GetCheckpointsRequest, type Metadata } from "./Metadata.ts"

/** Finished checkpoints, to be served to whoever restores them. Nothing is checked on the way: the receiver does. */
export class ChunkProvider extends Context.Tag("effect-cairn/ChunkProvider")<
  ChunkProvider,
  ChunkProvider.Service
>() {
  /** The checkpoints in `directory`, which need not exist yet. */
  static readonly layer = (
    options: ChunkProvider.Options
  ): Layer.Layer<ChunkProvider, never, FileSystem | Path> => Layer.effect(ChunkProvider, make(options))
}

export declare namespace ChunkProvider {
  interface Options {
    readonly directory: string
    readonly limits?: Partial<CheckpointLimits> | undefined
  }

  interface Service {
    /**
     * Finished checkpoints of the namespace (and version, where given), by version, then hash, then type. `[]` for an
     * unknown format. A damaged one is passed over, with a warning in the log.
     */
    readonly list: (
      request: GetCheckpointsRequest
    ) => Effect.Effect<ReadonlyArray<Metadata>, CheckpointStorageFailed>
    /**
     * The chunk's bytes. Fails with `CheckpointNotFound` where the root has no finished checkpoint, and with
     * `ChunkNotFound` where that has no such chunk, or one of another digest: it was made with other parameters.
     */
    readonly getChunk: (
      chunk: ChunkMetadata
    ) => Stream.Stream<
      Uint8Array,
      CheckpointNotFound | ChunkNotFound | InvalidMetadata | CheckpointStorageFailed
    >
  }
}

export const make = (
  options: ChunkProvider.Options
): Effect.Effect<ChunkProvider.Service, never, FileSystem | Path> =>
  Effect.gen(function* () {
    const { directory } = options
    const limits = { ...defaultCheckpointLimits, ...options.limits }
    const files = yield* Effect.context<FileSystem | Path>()

    const list = Effect.fn("ChunkProvider.list")(function* (request: GetCheckpointsRequest) {
      if (request.version !== formatVersion) return []
      const found = yield* Directory.list(directory, limits, request.rootVersion)
      return found
        .map(({ metadata }) => metadata)
        .filter(({ root }) => equal(root.namespace, request.namespace))
    }, Effect.provide(files))

    const getChunk = (chunk: ChunkMetadata) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const { root, index } = chunk
          const { place, metadata } = yield* findCheckpoint(directory, root, limits)
          const notFound = new ChunkNotFound({
            rootVersion: root.version,
            rootHash: toHex(root.hash),
            index
          })
          const digest = metadata.chunks[index]
          if (digest === undefined || !equal(digest, chunk.digest)) return yield* notFound
          const bytes = yield* Directory.streamChunk(place, index)
          return Option.isSome(bytes) ? bytes.value : yield* notFound
        }).pipe(Effect.withSpan("ChunkProvider.getChunk"), Effect.provide(files))
      )

    return { list, getChunk }
  })

/** The finished checkpoint of exactly this root. */
export const findCheckpoint = (
  directory: string,
  root: Root,
  limits: CheckpointLimits
): Effect.Effect<
  Directory.FoundCheckpoint,
  CheckpointNotFound | InvalidMetadata | CheckpointStorageFailed,
  FileSystem | Path
> =>
  Effect.gen(function* () {
    for (const place of Directory.placesOf(directory, root)) {
      const metadata = yield* Directory.readMetadata(place, limits)
      if (Option.isSome(metadata) && metadata.value.root.equals(root)) {
        return { place, metadata: metadata.value }
      }
    }
    return yield* new CheckpointNotFound({ what: root.toString() })
  })
