import type { FileSystem } from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import { type Duration, Effect, Layer, Option, Stream } from "effect"
import { CheckpointCreator } from "../checkpoint/CheckpointCreator.ts"
import { Checkpointer } from "../checkpoint/Checkpointer.ts"
import type { InvalidCheckpointerConfig } from "../checkpoint/CheckpointerConfig.ts"
import type { CheckpointerEvent } from "../checkpoint/Checkpointing.ts"
import { CheckpointSource } from "../checkpoint/CheckpointSource.ts"
import { CheckpointVersions } from "../checkpoint/CheckpointVersions.ts"
import type { ChunkProvider } from "../checkpoint/ChunkProvider.ts"
import { NodeDatabase } from "../storage/NodeDatabase.ts"
import { BlockEvent, BlockEvents } from "./BlockEvents.ts"

/** When a node makes checkpoints, and where. */
export interface CheckpointOptions {
  /** Where they go; created when the first is made. */
  readonly directory: string
  /** Versions between two checkpoints; 0: none but those asked for by `Checkpointer.forceCheckpoint`. */
  readonly interval: bigint
  /** Checkpoints kept; 3 by default. */
  readonly numKept?: number | undefined
  /** The version from which `interval` counts, whose checkpoint is always kept; 0 by default. */
  readonly initialVersion?: bigint | undefined
  /** Bytes in a chunk, about; 8 MiB by default. */
  readonly chunkSize?: number | undefined
  /** Parts of the tree that are chunked at the same time; 0 by default. */
  readonly threads?: number | undefined
  /** Time between two looks for what is missing; a due version is looked at at once. 1 minute by default. */
  readonly checkInterval?: Duration.DurationInput | undefined
}

export const defaults = {
  numKept: 3,
  initialVersion: 0n,
  chunkSize: 8 * 1024 * 1024,
  threads: 0,
  checkInterval: "1 minute"
} as const

export type CheckpointServices = Checkpointer | CheckpointCreator | ChunkProvider

/** Makes checkpoints beside the blocks. The node's events tell of them. `name` stands in the log. */
export const layer = (
  name: string,
  options: CheckpointOptions
): Layer.Layer<
  CheckpointServices,
  InvalidCheckpointerConfig | NodeDatabase.ReadFailure,
  NodeDatabase | BlockEvents | FileSystem | Path
> => {
  const creator = CheckpointCreator.layer({ directory: options.directory }).pipe(
    Layer.provide(CheckpointSource.layer)
  )
  return followers(options).pipe(
    Layer.provideMerge(checkpointer(name, options)),
    Layer.provideMerge(Layer.merge(creator, CheckpointVersions.layer))
  )
}

const checkpointer = (name: string, options: CheckpointOptions) =>
  Layer.unwrapEffect(
    Effect.map(NodeDatabase, ({ namespace }) =>
      Checkpointer.layer({
        name,
        namespace,
        rootsPerVersion: 1,
        checkInterval: options.checkInterval ?? defaults.checkInterval,
        parameters: {
          interval: options.interval,
          numKept: options.numKept ?? defaults.numKept,
          initialVersion: options.initialVersion ?? defaults.initialVersion,
          chunkSize: options.chunkSize ?? defaults.chunkSize,
          threads: options.threads ?? defaults.threads
        }
      })
    )
  )

/** Carry the news from the blocks to the checkpointer and back. */
const followers = (options: CheckpointOptions) =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const checkpointer = yield* Checkpointer
      const events = yield* BlockEvents
      const executed = yield* events.subscribe
      const news = yield* checkpointer.subscribe
      yield* Stream.fromQueue(news).pipe(
        Stream.filterMap(toBlockEvent),
        Stream.runForEach(events.publish),
        Effect.forkScoped
      )
      yield* Stream.fromQueue(executed).pipe(
        Stream.filter(BlockEvent.$is("BlockExecuted")),
        Stream.runForEach(({ round }) => notify(checkpointer, options, round)),
        Effect.forkScoped
      )
      // What an earlier process left undone does not wait for a block.
      const version = yield* (yield* NodeDatabase).latestVersion
      if (Option.isSome(version)) {
        yield* Effect.zipRight(checkpointer.notifyNewVersion(version.value), checkpointer.flush)
      }
    })
  )

const notify = (
  checkpointer: Checkpointer.Service,
  { initialVersion = defaults.initialVersion, interval }: CheckpointOptions,
  version: bigint
): Effect.Effect<void> => {
  const isDue = interval > 0n && version >= initialVersion && (version - initialVersion) % interval === 0n
  return Effect.zipRight(checkpointer.notifyNewVersion(version), isDue ? checkpointer.flush : Effect.void)
}

const toBlockEvent = (event: CheckpointerEvent): Option.Option<BlockEvent> => {
  const { version } = event
  switch (event._tag) {
    case "Creating":
      return Option.some(BlockEvent.CheckpointStarted({ version }))
    case "Created":
      return Option.some(BlockEvent.CheckpointCreated({ version, checkpoints: event.checkpoints }))
    case "Removed":
      return Option.some(BlockEvent.CheckpointRemoved({ version }))
    case "Failed":
      return Option.some(BlockEvent.CheckpointFailed({ version, cause: event.cause }))
  }
}
