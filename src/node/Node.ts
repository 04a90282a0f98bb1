import type { FileSystem } from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import { Context, type Duration, Effect, Layer, Option } from "effect"
import type { InvalidCheckpointerConfig } from "../checkpoint/CheckpointerConfig.ts"
import type { NodeDatabase } from "../storage/NodeDatabase.ts"
import { BlockEvents } from "./BlockEvents.ts"
import { Blocks } from "./Blocks.ts"
import * as Checkpoints from "./Checkpoints.ts"
import { Executor } from "./Executor.ts"
import * as Feeding from "./Feeding.ts"
import type * as Head from "./Head.ts"
import type { MachineRecord } from "./MachineRecord.ts"
import { type FeedFailed, QueryFailed } from "./NodeError.ts"
import * as Pruner from "./Pruner.ts"
import * as Runner from "./Runner.ts"
import type { ReadableState } from "./State.ts"
import type { Failure, Feed, Json, StateMachine } from "./StateMachine.ts"
import { StateStorage } from "./StateStorage.ts"
import * as Transaction from "./Transaction.ts"

/**
 * A node: a state machine, the state it has brought about, and its blocks. Whether it goes on with what it finds in its
 * database is decided when its layer is built; it executes nothing before `run` (or `runFeed`), so that whoever wants to
 * see every event can subscribe first.
 */
export class Node extends Context.Tag("effect-cairn/Node")<Node, Node.Service>() {
  static readonly layer = layer
}

export declare namespace Node {
  interface Service {
    readonly machine: MachineRecord
    readonly head: Effect.Effect<Head.Head>
    /**
     * Executes what the feed gives and stays up when that ends. Fails when execution cannot go on; all finished blocks
     * are kept. Interrupted, it finishes or abandons the block at hand.
     */
    readonly run: Effect.Effect<never, RunFailure>
    /** As `run`, but done when the feed has ended; at once where there is no feed. */
    readonly runFeed: Effect.Effect<void, RunFailure>
    /** Asks the machine, on the state of version `at` or the latest. */
    readonly query: (
      question: string,
      at?: bigint
    ) => Effect.Effect<Json, QueryFailed | StateStorage.StateUnavailable>
  }

  type RunFailure = FeedFailed | Executor.ExecutionFailure
  /** What a node's layer provides besides the node. */
  type Services = Node | BlockEvents | Blocks | Executor | StateStorage

  interface Options<T, I, E extends Failure, FeedError> {
    readonly stateMachine: StateMachine<T, I, E>
    /** Numbers all transactions of the node: with a feed, nothing else executes blocks. */
    readonly feed?: Feed<T, FeedError> | undefined
    /**
     * Transactions in a block, at most; 1,000 by default. More make fewer and larger blocks; fewer make the latest
     * state younger.
     */
    readonly blockTransactions?: number | undefined
    /** The longest that a transaction waits for its block to fill up; no limit by default. */
    readonly blockInterval?: Duration.DurationInput | undefined
    /** How many versions of the state are kept; all by default. */
    readonly retainVersions?: number | undefined
  }
}

/**
 * The only place that maps a node's options onto the layers below it. With `checkpoints` it makes checkpoints too, and
 * provides the services around them.
 */
function layer<T, I, E extends Failure, FeedError = never>(
  options: Node.Options<T, I, E, FeedError> & { readonly checkpoints: Checkpoints.CheckpointOptions }
): Layer.Layer<
  Node.Services | Checkpoints.CheckpointServices,
  Head.HeadRefused | InvalidCheckpointerConfig,
  NodeDatabase | FileSystem | Path
>
function layer<T, I, E extends Failure, FeedError = never>(
  options: Node.Options<T, I, E, FeedError> & { readonly checkpoints?: undefined }
): Layer.Layer<Node.Services, Head.HeadRefused, NodeDatabase>
function layer<T, I, E extends Failure, FeedError = never>(
  options: Node.Options<T, I, E, FeedError> & {
    readonly checkpoints?: Checkpoints.CheckpointOptions | undefined
  }
) {
  const runner = Runner.make(options.stateMachine)
  const services = Executor.layer(runner).pipe(
    Layer.provideMerge(Layer.mergeAll(BlockEvents.layer, Blocks.layer, StateStorage.layer))
  )
  const pruner = options.retainVersions === undefined ? Layer.empty : Pruner.layer(options.retainVersions)
  const node = Layer.effect(Node, make(options, runner)).pipe(
    Layer.provideMerge(pruner),
    Layer.provideMerge(services)
  )
  if (options.checkpoints === undefined) return node
  return Layer.provideMerge(Checkpoints.layer(runner.name, options.checkpoints), node)
}

export const defaultBlockTransactions = 1000

const make = <T, I, E extends Failure, FeedError>(
  options: Node.Options<T, I, E, FeedError>,
  runner: Runner.Runner
): Effect.Effect<Node.Service, never, BlockEvents | Executor | StateStorage> =>
  Effect.gen(function* () {
    const { blockTransactions = defaultBlockTransactions } = options
    if (!(Number.isSafeInteger(blockTransactions) && blockTransactions >= 1)) {
      return yield* Effect.dieMessage(
        `blockTransactions is ${blockTransactions}: a positive integer is expected`
      )
    }
    const executor = yield* Executor
    const states = yield* StateStorage
    const services = yield* Effect.context<BlockEvents | Executor>()
    // A second run at the same time would execute the same heights again: it waits, and goes on from there.
    const turn = yield* Effect.makeSemaphore(1)
    const runFeed = turn.withPermits(1)(Effect.provide(feeding({ ...options, blockTransactions }), services))
    return {
      machine: { name: runner.name, version: runner.version },
      head: executor.head,
      run: Effect.zipRight(runFeed, Effect.never),
      runFeed,
      query: (question, at) => states.lend((state) => query(runner, question, state), at)
    }
  })

const feeding = <T, I, E extends Failure, FeedError>({
  blockInterval,
  blockTransactions,
  feed,
  stateMachine
}: Node.Options<T, I, E, FeedError> & { readonly blockTransactions: number }) => {
  if (feed === undefined) return Effect.void
  return Feeding.run(feed, Transaction.codec(stateMachine.transaction), {
    blockTransactions,
    blockInterval: Option.fromNullable(blockInterval)
  })
}

const query = (
  { name, query }: Runner.Runner,
  question: string,
  state: ReadableState
): Effect.Effect<Json, QueryFailed> =>
  query === undefined
    ? new QueryFailed({ machine: name, reason: "it answers no questions" })
    : Effect.mapError(
        query(question, state),
        ({ message }) => new QueryFailed({ machine: name, reason: message })
      )
