import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { emptyRoot, rootType } from "../../src/mkvs/Root.ts"
import * as Block from "../../src/node/Block.ts"
import * as BlockHeader from "../../src/node/BlockHeader.ts"
import * as Blocks from "../../src/node/Blocks.ts"
import { Executor } from "../../src/node/Executor.ts"
import * as StateMachine from "../../src/node/StateMachine.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { feedOf, ledger, transactions, transfers } from "./ledger.ts"
import type { Medium } from "./media.ts"
import { type Database, refusal, runFeed, withNode } from "./running.ts"

/** What a node makes of the data it finds. */
export const startSuite = (medium: Medium) =>
  describe(`Node start / ${medium.name}`, () => {
    const check = (title: string, body: (database: Database) => Effect.Effect<void, unknown>) =>
      it.scoped(title, () => Effect.flatMap(medium.make, body))

    check("another machine is refused by name, an older version too, a newer one goes on", (database) =>
      Effect.gen(function* () {
        const machine = (name: string, version: number) => ({
          stateMachine: StateMachine.make({ ...ledger, name, version })
        })
        const execute = (count: number) =>
          Effect.gen(function* () {
            return yield* (yield* Executor).executeBlock(yield* transactions(...transfers(count)), 0)
          })
        yield* withNode(database, machine("ledger", 2), execute(1))
        expect(yield* refusal(database, machine("other", 2))).toMatchObject({
          _tag: "ForeignMachine",
          expected: "other",
          found: "ledger"
        })
        expect(yield* refusal(database, machine("ledger", 1))).toMatchObject({
          _tag: "MachineOutdated",
          found: 2
        })
        const block = yield* withNode(database, machine("ledger", 3), execute(1))
        expect(block.machine.version).toBe(3)
        expect(yield* refusal(database, machine("ledger", 2))).toMatchObject({
          _tag: "MachineOutdated",
          found: 3
        })
      })
    )

    check("a bare tree is refused by name, and left as it is", (database) =>
      Effect.gen(function* () {
        yield* bareVersion(1n).pipe(Effect.scoped, Effect.provide(database))
        const error = yield* refusal(database)
        expect(error).toMatchObject({ _tag: "BareTree", version: 1n })
        const version = Effect.flatMap(NodeDatabase, ({ latestVersion }) => latestVersion)
        expect(yield* Effect.provide(version, database)).toEqual(Option.some(1n))
      })
    )

    check("an unfinished restore is refused", (database) =>
      Effect.gen(function* () {
        const start = Effect.flatMap(NodeDatabase, ({ multipart }) => multipart.start(5n, new Uint8Array(0)))
        yield* Effect.provide(start, database)
        expect(yield* refusal(database)).toMatchObject({ _tag: "MultipartInProgress", version: 5n })
      }).pipe(Effect.scoped)
    )

    check("a state without blocks is gone on with; blocks without their state are refused", (database) =>
      Effect.gen(function* () {
        const before = yield* withNode(
          database,
          { feed: feedOf(transfers(6)).feed, blockTransactions: 2 },
          Effect.zipRight(
            runFeed,
            Effect.flatMap(Executor, ({ head }) => head)
          )
        )
        const last = Option.getOrThrow(
          yield* withNode(
            database,
            {},
            Effect.flatMap(Blocks.Blocks, ({ latest }) => latest)
          )
        )
        const write = (rounds: ReadonlyArray<bigint>, block?: Block.Block) =>
          Effect.flatMap(NodeDatabase, ({ records }) =>
            records.write(
              rounds.map((round) => ({
                table: Blocks.blocksTable,
                key: roundKey(round),
                value: block && Block.codec.encode(block)
              }))
            )
          ).pipe(Effect.provide(database))

        yield* write([3n])
        expect(yield* refusal(database)).toMatchObject({ _tag: "TablesDisagree", version: 3n })
        yield* write([3n], { ...last, appRoot: new Uint8Array(32) })
        expect(yield* refusal(database)).toMatchObject({ _tag: "TablesDisagree", version: 3n })
        yield* write([1n, 2n, 3n])
        const block = yield* withNode(
          database,
          {},
          Effect.gen(function* () {
            expect(yield* (yield* Executor).head).toEqual(before)
            return yield* (yield* Executor).executeBlock([], 0)
          })
        )
        expect(block.header.previousBlockHash).toEqual(BlockHeader.blockHash(last.header, before.root))
        expect(block.header).toMatchObject({ round: 4n, firstHeight: 7n, lastHeight: 6n })
      })
    )
  })

const bareVersion = (version: bigint) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const batch = yield* database.newBatch(
      emptyRoot(database.namespace, version - 1n, rootType.state),
      version
    )
    batch.insert(new TextEncoder().encode("key"), new TextEncoder().encode("value"))
    const { root } = yield* batch.commit
    yield* database.finalize([root])
  })

const roundKey = (round: bigint) => {
  const key = new Uint8Array(8)
  new DataView(key.buffer).setBigUint64(0, round)
  return key
}
