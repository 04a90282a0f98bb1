import { Chunk, type Duration, Effect, Layer, type Queue, Stream } from "effect"
import type { BlockEvent } from "../../src/node/BlockEvents.ts"
import { BlockEvents } from "../../src/node/BlockEvents.ts"
import { Node } from "../../src/node/Node.ts"
import type { Feed, StateMachine } from "../../src/node/StateMachine.ts"
import type { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { ledger, type Transfer } from "./ledger.ts"

export type Database = Layer.Layer<NodeDatabase, unknown>

export interface NodeOptions {
  readonly feed?: Feed<Transfer, unknown>
  readonly blockTransactions?: number
  readonly blockInterval?: Duration.DurationInput
  readonly retainVersions?: number
  readonly stateMachine?: StateMachine<Transfer>
}

/** Starts a node on the data, runs the body with its services, and stops it. */
export const withNode = <A, E>(
  database: Database,
  options: NodeOptions,
  body: Effect.Effect<A, E, Node.Services | NodeDatabase>
): Effect.Effect<A, unknown> => Effect.provide(body, nodeLayer(database, options))

export const nodeLayer = (database: Database, options: NodeOptions = {}) =>
  Node.layer({ stateMachine: ledger, ...options }).pipe(Layer.provideMerge(database))

/** The error with which a node refuses to start on the data. */
export const refusal = (database: Database, options: NodeOptions = {}): Effect.Effect<unknown, unknown> =>
  Effect.flip(Effect.scoped(Layer.build(nodeLayer(database, options))))

/** Runs the node's feed to its end; everything that was published meanwhile. */
export const runFeed = Effect.gen(function* () {
  const node = yield* Node
  const events = yield* (yield* BlockEvents).subscribe
  yield* node.runFeed
  return yield* takeUntil(events, (event) => event._tag === "FeedEnded")
}).pipe(Effect.scoped)

/** Waits for the event; it and all before it. */
export const takeUntil = (
  events: Queue.Dequeue<BlockEvent>,
  isLast: (event: BlockEvent) => boolean
): Effect.Effect<ReadonlyArray<BlockEvent>> =>
  Stream.fromQueue(events).pipe(
    Stream.takeUntil(isLast),
    Stream.runCollect,
    Effect.map(Chunk.toReadonlyArray)
  )
