import { Cause, Chunk, Clock, Data, type Duration, Effect, Option, Predicate, Stream } from "effect"
import { BlockEvent, BlockEvents } from "./BlockEvents.ts"
import { Executor } from "./Executor.ts"
import { FeedFailed } from "./NodeError.ts"
import type { Feed } from "./StateMachine.ts"
import type { Codec, Transaction } from "./Transaction.ts"

/** How transactions are cut into blocks. */
export interface Cutting {
  /** Transactions in a block, at most. More make fewer and larger blocks; fewer make the latest state younger. */
  readonly blockTransactions: number
  /**
   * The longest that a transaction waits for its block to fill up. `None`: until it is full or the feed ends, so that
   * the same feed is always cut into the same blocks.
   */
  readonly blockInterval: Option.Option<Duration.DurationInput>
}

/**
 * Executes what the feed gives, from the height after the latest on, so that nothing is executed twice whenever the
 * node was stopped. Ends when the feed ends and all it gave is executed, and says so with `FeedEnded`.
 */
export const run = <T, E>(
  feed: Feed<T, E>,
  codec: Codec<T>,
  cutting: Cutting
): Effect.Effect<void, FeedFailed | Executor.ExecutionFailure, Executor | BlockEvents> =>
  Effect.gen(function* () {
    const executor = yield* Executor
    const events = yield* BlockEvents
    const { lastHeight } = yield* executor.head
    yield* transactions(feed, codec, lastHeight + 1n).pipe(
      cut(cutting),
      Stream.runForEach((block) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          executor.executeBlock(Chunk.toReadonlyArray(block), now)
        )
      ),
      // Only now: what came before the break is executed first.
      Effect.catchTag("Broken", ({ cause }) =>
        Effect.flatMap(executor.head, ({ lastHeight }) => new FeedFailed({ lastHeight, cause }))
      )
    )
    const head = yield* executor.head
    yield* events.publish(BlockEvent.FeedEnded({ lastHeight: head.lastHeight }))
  }).pipe(Effect.withSpan("Feeding.run"))

/** However the feed breaks, kept apart from how execution does. */
class Broken extends Data.TaggedError("Broken")<{ readonly cause: unknown }> {}

const transactions = <T, E>(
  feed: Feed<T, E>,
  codec: Codec<T>,
  fromHeight: bigint
): Stream.Stream<Transaction, Broken> =>
  Stream.suspend(() => checked(feed(fromHeight))).pipe(
    Stream.mapChunksEffect((chunk) =>
      Effect.forEach(chunk, codec.encode).pipe(Effect.map(Chunk.unsafeFromArray))
    ),
    Stream.catchAllCause((cause) =>
      Cause.isInterruptedOnly(cause)
        ? Stream.failCause(Cause.stripFailures(cause))
        : Stream.fail(new Broken({ cause: Cause.squash(cause) }))
    )
  )

/** A feed may come from a module, which no compiler has seen. */
const checked = <T, E>(stream: Stream.Stream<T, E>): Stream.Stream<T, E> =>
  Predicate.hasProperty(stream, Stream.StreamTypeId)
    ? stream
    : Stream.dieMessage("the feed is a function, but what it returns is no Stream")

const cut =
  ({ blockInterval, blockTransactions }: Cutting) =>
  <A, E>(stream: Stream.Stream<A, E>): Stream.Stream<Chunk.Chunk<A>, E> =>
    Option.match(blockInterval, {
      onNone: () => Stream.chunks(Stream.rechunk(stream, blockTransactions)),
      onSome: (interval) => Stream.groupedWithin(stream, blockTransactions, interval)
    })
