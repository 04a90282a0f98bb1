import { type Cause, Context, Data, Effect, Layer, PubSub, type Queue, type Scope, Stream } from "effect"
import type { Metadata } from "../checkpoint/Metadata.ts"
import type { Root } from "../mkvs/Root.ts"

/** What happens in a node, in order. */
export type BlockEvent = Data.TaggedEnum<{
  /** The block is final and durable. */
  BlockExecuted: {
    readonly round: bigint
    readonly root: Root
    readonly firstHeight: bigint
    readonly lastHeight: bigint
    readonly transactions: number
    /** How many of the transactions failed. */
    readonly failed: number
    /** Keys in the state after the block. */
    readonly keys: number
    /** The block's own time, epoch milliseconds. */
    readonly time: number
    /** From the first transaction to durable, milliseconds. */
    readonly durationMillis: number
  }
  /** A checkpoint of the version is about to be made. */
  CheckpointStarted: { readonly version: bigint }
  /** The version has a checkpoint now. */
  CheckpointCreated: { readonly version: bigint; readonly checkpoints: ReadonlyArray<Metadata> }
  /** The version's checkpoint was removed, because enough newer ones are there. */
  CheckpointRemoved: { readonly version: bigint }
  /** No checkpoint was made of the version; the node goes on. */
  CheckpointFailed: { readonly version: bigint; readonly cause: Cause.Cause<unknown> }
  /** The version can no longer be read. */
  VersionPruned: { readonly version: bigint }
  /** The feed has ended and all it gave is executed. The node stays up. */
  FeedEnded: { readonly lastHeight: bigint }
}>

export const BlockEvent = Data.taggedEnum<BlockEvent>()

export type BlockExecuted = Data.TaggedEnum.Value<BlockEvent, "BlockExecuted">

/**
 * The stream of a node's events. Subscribers never slow the node: one that falls `backlogMax` events behind loses the
 * oldest, which it can see by the gap in the rounds, and finds the blocks in `Blocks`.
 */
export class BlockEvents extends Context.Tag("effect-cairn/BlockEvents")<BlockEvents, BlockEvents.Service>() {
  static readonly layer: Layer.Layer<BlockEvents> = Layer.scoped(
    BlockEvents,
    Effect.gen(function* () {
      const events = yield* Effect.acquireRelease(PubSub.sliding<BlockEvent>(backlogMax), PubSub.shutdown)
      return {
        publish: (event) => Effect.asVoid(PubSub.publish(events, event)),
        subscribe: PubSub.subscribe(events),
        stream: Stream.fromPubSub(events)
      }
    })
  )
}

export declare namespace BlockEvents {
  interface Service {
    readonly publish: (event: BlockEvent) => Effect.Effect<void>
    /** Everything published from now on. Subscribe before you fork the reader, and nothing is missed. */
    readonly subscribe: Effect.Effect<Queue.Dequeue<BlockEvent>, never, Scope.Scope>
    /** Everything published from when the stream is run. */
    readonly stream: Stream.Stream<BlockEvent>
  }
}

export const backlogMax = 4096
