import { Effect, Layer, Option, Stream } from "effect"
import { NodeDatabase } from "../storage/NodeDatabase.ts"
import type { WriteFailure } from "../storage/NodeDatabaseError.ts"
import { BlockEvent, BlockEvents } from "./BlockEvents.ts"

/**
 * Removes old versions of the state beside the blocks, so that the newest `retainVersions` are left. A pinned version
 * (being read, or made into a checkpoint) holds up those after it until the first block after the pin is gone.
 */
export const layer = (retainVersions: number): Layer.Layer<never, never, NodeDatabase | BlockEvents> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      if (!Number.isSafeInteger(retainVersions) || retainVersions < 1) {
        return yield* Effect.dieMessage(`retainVersions is ${retainVersions}: a positive integer is expected`)
      }
      const database = yield* NodeDatabase
      const events = yield* BlockEvents
      const executed = yield* events.subscribe
      const turn = prune(database, events, BigInt(retainVersions)).pipe(
        // It is tried again after the next block.
        Effect.catchAll((error) => Effect.logWarning("pruning failed", error))
      )
      const turns = Stream.fromQueue(executed).pipe(
        Stream.filter(BlockEvent.$is("BlockExecuted")),
        Stream.buffer({ capacity: 1, strategy: "sliding" }),
        Stream.runForEach(() => turn)
      )
      // What an earlier process left over does not wait for a block.
      yield* Effect.forkScoped(Effect.zipRight(turn, turns))
    })
  )

const prune = (
  database: NodeDatabase.Service,
  events: BlockEvents.Service,
  retain: bigint
): Effect.Effect<void, NodeDatabase.ReadFailure | WriteFailure> =>
  Effect.gen(function* () {
    for (;;) {
      const [earliest, latest] = yield* Effect.all([database.earliestVersion, database.latestVersion])
      if (Option.isNone(earliest) || Option.isNone(latest)) return
      if (latest.value - earliest.value < retain) return
      const isPruned = yield* pruneVersion(database, earliest.value)
      if (!isPruned) return
      yield* events.publish(BlockEvent.VersionPruned({ version: earliest.value }))
    }
  })

const pruneVersion = (database: NodeDatabase.Service, version: bigint) =>
  database.prune(version).pipe(
    Effect.as(true),
    Effect.catchTags({
      VersionPinned: () => Effect.succeed(false),
      MultipartInProgress: () => Effect.succeed(false),
      // The version was the earliest, and not the latest, a moment ago; only we prune.
      CannotPruneLatest: Effect.die,
      NotEarliest: Effect.die,
      NotFinalized: Effect.die
    }),
    Effect.withSpan("Pruner.prune", { attributes: { version } })
  )
