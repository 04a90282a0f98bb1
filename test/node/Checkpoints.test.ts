import { join } from "node:path"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Checkpointer } from "../../src/checkpoint/Checkpointer.ts"
import { ChunkProvider } from "../../src/checkpoint/ChunkProvider.ts"
import { GetCheckpointsRequest } from "../../src/checkpoint/Metadata.ts"
import type { BlockEvent } from "../../src/node/BlockEvents.ts"
import { BlockEvents } from "../../src/node/BlockEvents.ts"
import { Executor } from "../../src/node/Executor.ts"
import { Node } from "../../src/node/Node.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { feedOf, ledger, transfers } from "./ledger.ts"
import { media, temporaryDirectory } from "./media.ts"
import { type Database, takeUntil } from "./running.ts"

const nodeLayer = (database: Database, directory: string, interval: bigint) =>
  Node.layer({
    stateMachine: ledger,
    feed: feedOf(transfers(5)).feed,
    blockTransactions: 1,
    checkpoints: { directory, interval, numKept: 2, checkInterval: "1 hour" }
  }).pipe(Layer.provideMerge(database), Layer.provide(NodeContext.layer))

/** Versions that have a checkpoint. */
const present = Effect.gen(function* () {
  const { namespace } = yield* NodeDatabase
  const found = yield* (yield* ChunkProvider).list(new GetCheckpointsRequest({ version: 1, namespace }))
  return found.map(({ root }) => root.version)
})

const about =
  (tag: BlockEvent["_tag"], version: bigint) =>
  (event: BlockEvent): boolean =>
    event._tag === tag && "version" in event && event.version === version

for (const medium of media) {
  describe(`Checkpoints of a node / ${medium.name}`, () => {
    it.scoped("due versions get checkpoints, old ones go, and the node's events tell of it", () =>
      Effect.gen(function* () {
        const database = yield* medium.make
        const directory = join(yield* temporaryDirectory(), "checkpoints")
        yield* Effect.gen(function* () {
          const executor = yield* Executor
          const events = yield* (yield* BlockEvents).subscribe
          for (let round = 1; round <= 6; round++) {
            yield* executor.executeBlock([], round)
            if (round % 2 === 0) yield* takeUntil(events, about("CheckpointCreated", BigInt(round)))
          }
          yield* takeUntil(events, about("CheckpointRemoved", 2n))
          expect(yield* present).toEqual([4n, 6n])
          yield* (yield* Checkpointer).forceCheckpoint(5n)
          const seen = yield* takeUntil(events, about("CheckpointCreated", 5n))
          expect(seen.some(about("CheckpointStarted", 5n))).toBe(true)
        }).pipe(Effect.scoped, Effect.provide(nodeLayer(database, directory, 2n)))
      })
    )

    it.scoped("what is missing at the start is made then", () =>
      Effect.gen(function* () {
        const database = yield* medium.make
        const directory = join(yield* temporaryDirectory(), "checkpoints")
        yield* Effect.gen(function* () {
          yield* (yield* Node).runFeed
          expect(yield* present).toEqual([])
        }).pipe(Effect.provide(nodeLayer(database, directory, 0n)))
        yield* Effect.gen(function* () {
          const all = Effect.repeat(Effect.zipLeft(present, Effect.yieldNow()), {
            until: (versions) => versions.length === 2
          })
          expect(yield* all).toEqual([2n, 4n])
        }).pipe(Effect.provide(nodeLayer(database, directory, 2n)))
      })
    )
  })
}
