import { Clock, Context, Effect, Layer, Ref } from "effect"
import type { Root } from "../mkvs/Root.ts"
import { type Batch, NodeDatabase } from "../storage/NodeDatabase.ts"
import type { MultipartInProgress, WriteFailure } from "../storage/NodeDatabaseError.ts"
import type { Change } from "../storage/PageStore.ts"
import * as Block from "./Block.ts"
import { BlockEvent, BlockEvents } from "./BlockEvents.ts"
import * as BlockHeader from "./BlockHeader.ts"
import * as Blocks from "./Blocks.ts"
import * as Execution from "./Execution.ts"
import * as Head from "./Head.ts"
import * as MachineRecord from "./MachineRecord.ts"
import type { ExecutionDefect } from "./NodeError.ts"
import type { Runner } from "./Runner.ts"
import type { Transaction } from "./Transaction.ts"

/**
 * Runs blocks, one after the other. Each transaction works on an overlay of its own over the block's batch; state and
 * block become durable in one step, so that no crash leaves them apart.
 */
export class Executor extends Context.Tag("effect-cairn/Executor")<Executor, Executor.Service>() {
  /** Refuses a database that the machine cannot go on with. */
  static readonly layer = (
    machine: Runner
  ): Layer.Layer<Executor, Head.HeadRefused, NodeDatabase | Blocks.Blocks | BlockEvents> =>
    Layer.effect(
      Executor,
      Effect.suspend(() => make(machine))
    )
}

export declare namespace Executor {
  interface Service {
    readonly head: Effect.Effect<Head.Head>
    /**
     * Executes the next block and publishes `BlockExecuted` when it is durable. `time` is in epoch milliseconds; where
     * it lies before the time of the latest block, that is used. After a failure or an interruption nothing has
     * changed, and the next call makes the same round.
     */
    readonly executeBlock: (
      transactions: ReadonlyArray<Transaction>,
      time: number
    ) => Effect.Effect<Block.Block, ExecutionFailure>
  }

  type ExecutionFailure = ExecutionDefect | MultipartInProgress | NodeDatabase.ReadFailure | WriteFailure
}

const make = Effect.fnUntraced(function* (machine: Runner) {
  const database = yield* NodeDatabase
  const events = yield* BlockEvents
  const head = yield* Ref.make(yield* Head.load(machine))
  const turn = yield* Effect.makeSemaphore(1)
  const execute = executeBlock({ database, events, head, machine })
  const service: Executor.Service = {
    head: Ref.get(head),
    executeBlock: (transactions, time) => turn.withPermits(1)(execute(transactions, time))
  }
  return service
})

interface Parts {
  readonly database: NodeDatabase.Service
  readonly events: BlockEvents.Service
  readonly head: Ref.Ref<Head.Head>
  readonly machine: Runner
}

const executeBlock = ({ database, events, head, machine }: Parts) =>
  Effect.fn("Executor.executeBlock")(function* (transactions: ReadonlyArray<Transaction>, time: number) {
    const started = yield* Clock.currentTimeNanos
    const before = yield* Ref.get(head)
    const header = nextHeader(before, transactions, time)
    yield* Effect.annotateCurrentSpan({ round: header.round, transactions: transactions.length })
    const batch = yield* newBatch(database, before.root, header.round)
    const outcomes = yield* Execution.run({ database, machine, base: batch, header, transactions })
    return yield* Effect.uninterruptible(
      Effect.gen(function* () {
        writeRecords(batch, before, header, machine)
        const { keys, root } = yield* batch.commit
        const block = toBlock(before, header, machine, transactions, outcomes, root)
        yield* finalize(database, root, Blocks.changes(block, transactions))
        yield* Ref.set(head, Head.after(block, root))
        const durationMillis = Number((yield* Clock.currentTimeNanos) - started) / 1e6
        yield* events.publish(blockExecuted(block, root, keys, durationMillis))
        return block
      })
    )
  }, Effect.scoped)

const nextHeader = (
  before: Head.Head,
  transactions: ReadonlyArray<Transaction>,
  time: number
): BlockHeader.BlockHeader => ({
  round: before.round + 1n,
  firstHeight: before.lastHeight + 1n,
  lastHeight: before.lastHeight + BigInt(transactions.length),
  previousBlockHash: before.blockHash,
  time: Math.max(time, before.time),
  transactionsHash: BlockHeader.transactionsHash(Block.joinIds(transactions))
})

const writeRecords = (
  batch: Batch,
  before: Head.Head,
  header: BlockHeader.BlockHeader,
  { name, version }: MachineRecord.MachineRecord
): void => {
  if (before.machine?.version !== version) {
    batch.insert(MachineRecord.machineKey, MachineRecord.codec.encode({ name, version }))
  }
  batch.insert(BlockHeader.headerKey, BlockHeader.codec.encode(header))
}

const toBlock = (
  before: Head.Head,
  header: BlockHeader.BlockHeader,
  { name, version }: MachineRecord.MachineRecord,
  transactions: ReadonlyArray<Transaction>,
  outcomes: ReadonlyArray<Execution.Outcome>,
  root: Root
): Block.Block => ({
  header,
  transactions: transactions.map(({ id }, index) => ({ id, failure: outcomes[index] })),
  appRootBefore: before.root.hash,
  appRoot: root.hash,
  machine: { name, version }
})

const newBatch = (database: NodeDatabase.Service, oldRoot: Root, version: bigint) =>
  Effect.catchAll(database.newBatch(oldRoot, version), othersDie)

const finalize = (database: NodeDatabase.Service, root: Root, changes: Iterable<Change>) =>
  Effect.catchAll(database.finalize([root], { changes }), othersDie)

/** An executor is the only one to write to its database, so what would mean that another did is a defect. */
const othersDie = (
  error:
    | NodeDatabase.BatchRefused
    | NodeDatabase.FinalizeRefused
    | NodeDatabase.RootUnavailable
    | NodeDatabase.ReadFailure
    | WriteFailure
): Effect.Effect<never, MultipartInProgress | NodeDatabase.ReadFailure | WriteFailure> => {
  switch (error._tag) {
    case "DatabaseDamaged":
    case "DatabaseReadOnly":
    case "MultipartInProgress":
    case "StoreFailed":
    case "StoreFull":
    case "StoreReadOnly":
      return Effect.fail(error)
    default:
      return Effect.die(error)
  }
}

const blockExecuted = (block: Block.Block, root: Root, keys: number, durationMillis: number): BlockEvent => {
  const { firstHeight, lastHeight, round, time } = block.header
  return BlockEvent.BlockExecuted({
    round,
    root,
    firstHeight,
    lastHeight,
    transactions: block.transactions.length,
    failed: block.transactions.filter(({ failure }) => failure !== undefined).length,
    keys,
    time,
    durationMillis
  })
}
