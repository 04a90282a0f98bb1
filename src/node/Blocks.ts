import { Context, Effect, Layer, Option, Stream } from "effect"
import { NodeDatabase } from "../storage/NodeDatabase.ts"
import type { Change } from "../storage/PageStore.ts"
import * as Block from "./Block.ts"
import type { RecordUnreadable } from "./RecordCodec.ts"
import * as Transaction from "./Transaction.ts"

/** The blocks of this node, newest last. A node restored from a state alone has none before its first own one. */
export class Blocks extends Context.Tag("effect-cairn/Blocks")<Blocks, Blocks.Service>() {
  static readonly layer: Layer.Layer<Blocks, never, NodeDatabase> = Layer.effect(
    Blocks,
    Effect.map(NodeDatabase, ({ records }) => make(records))
  )
}

export declare namespace Blocks {
  interface Service {
    /** `None` where the block has not been executed yet, or is no longer kept. */
    readonly get: (round: bigint) => Effect.Effect<Option.Option<Block.Block>, BlockFailure>
    readonly latest: Effect.Effect<Option.Option<Block.Block>, BlockFailure>
    readonly list: (options?: ListOptions) => Stream.Stream<Block.Block, BlockFailure>
    /** The transaction at a height. */
    readonly transaction: (
      height: bigint
    ) => Effect.Effect<Option.Option<Transaction.Transaction>, NodeDatabase.ReadFailure>
    /** The transactions of a block, in order; none where there is no such block. */
    readonly transactions: (
      block: Block.Block
    ) => Stream.Stream<Transaction.Transaction, NodeDatabase.ReadFailure>
  }

  interface ListOptions {
    /** First round, included. */
    readonly from?: bigint | undefined
    /** Last round, included. */
    readonly to?: bigint | undefined
    /** Newest first. */
    readonly reverse?: boolean | undefined
  }

  type BlockFailure = NodeDatabase.ReadFailure | RecordUnreadable
}

const make = (records: NodeDatabase.Service["records"]): Blocks.Service => {
  const list: Blocks.Service["list"] = (options = {}) =>
    records
      .range(blocksTable, {
        from: options.from === undefined ? undefined : numberKey(options.from),
        to: options.to === undefined ? undefined : numberKey(options.to + 1n),
        reverse: options.reverse
      })
      .pipe(Stream.mapEffect(([, bytes]) => Block.codec.decode(bytes)))
  return {
    get: (round) =>
      Effect.flatMap(
        records.get(blocksTable, numberKey(round)),
        Effect.transposeMapOption(Block.codec.decode)
      ),
    latest: Stream.runHead(list({ reverse: true })),
    list,
    transaction: (height) =>
      Effect.map(records.get(transactionsTable, numberKey(height)), Option.map(Transaction.make)),
    transactions: ({ header }) =>
      records
        .range(transactionsTable, {
          from: numberKey(header.firstHeight),
          to: numberKey(header.lastHeight + 1n)
        })
        .pipe(Stream.map(([, bytes]) => Transaction.make(bytes)))
  }
}

/** What stores a block: to be written in the same step as its version of the state. */
export const changes = function* (
  block: Block.Block,
  transactions: ReadonlyArray<Transaction.Transaction>
): Generator<Change> {
  for (const [index, { bytes }] of transactions.entries()) {
    yield { table: transactionsTable, key: numberKey(block.header.firstHeight + BigInt(index)), value: bytes }
  }
  yield { table: blocksTable, key: numberKey(block.header.round), value: Block.codec.encode(block) }
}

/** Round → block. */
export const blocksTable = "blocks"
/** Height → bytes of the transaction. Keys only grow, so writing them is appending. */
export const transactionsTable = "transactions"

/** Big-endian, so that numbers and keys have one order. */
const numberKey = (value: bigint): Uint8Array => {
  const key = new Uint8Array(8)
  new DataView(key.buffer).setBigUint64(0, value)
  return key
}
