import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Fiber, Option, Stream } from "effect"
import { emptyHash } from "../../src/mkvs/Root.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import * as BlockHeader from "../../src/node/BlockHeader.ts"
import { Blocks } from "../../src/node/Blocks.ts"
import { Executor } from "../../src/node/Executor.ts"
import type { Node } from "../../src/node/Node.ts"
import type { ExecutionDefect } from "../../src/node/NodeError.ts"
import * as State from "../../src/node/State.ts"
import * as StateMachine from "../../src/node/StateMachine.ts"
import { StateStorage } from "../../src/node/StateStorage.ts"
import * as Transaction from "../../src/node/Transaction.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { nodeHasher } from "../mkvs/hasher.ts"
import { balances, ledger, touched, transactions, transfers } from "./ledger.ts"
import type { Medium } from "./media.ts"
import { type NodeOptions, withNode } from "./running.ts"

/** What blocks do to state, block records and each other. */
export const executorSuite = (medium: Medium) =>
  describe(`Executor / ${medium.name}`, () => {
    const check = (
      title: string,
      body: Effect.Effect<void, unknown, Node.Services | NodeDatabase>,
      options: NodeOptions = {}
    ) => it.scoped(title, () => Effect.flatMap(medium.make, (database) => withNode(database, options, body)))

    check(
      "before the first block there is nothing",
      Effect.gen(function* () {
        const { executor, blocks, states } = yield* services
        const head = yield* executor.head
        expect(head).toMatchObject({ round: 0n, lastHeight: 0n, time: 0, machine: undefined })
        expect(head.root.isEmpty).toBe(true)
        expect(yield* blocks.latest).toEqual(Option.none())
        expect((yield* Effect.flip(states.get(balances.key("ann"))))._tag).toBe("VersionNotFound")
      })
    )

    check(
      "block, header in the tree and state agree",
      Effect.gen(function* () {
        const { database, executor, blocks, states } = yield* services
        const batch = yield* transactions(...transfers(4))
        const block = yield* executor.executeBlock(batch, 5000)
        expect(block.header).toEqual({
          round: 1n,
          firstHeight: 1n,
          lastHeight: 4n,
          previousBlockHash: BlockHeader.noBlockHash,
          time: 5000,
          transactionsHash: nodeHasher.hash(concatenated(batch.map(({ id }) => id)))
        })
        expect(block.appRootBefore).toEqual(emptyHash)
        expect(block.machine).toEqual({ name: "ledger", version: 1 })
        expect(block.transactions).toEqual(batch.map(({ id }) => ({ id, failure: undefined })))
        expect(yield* blocks.get(1n)).toEqual(Option.some(block))
        expect(yield* blocks.latest).toEqual(Option.some(block))
        expect(yield* states.header()).toEqual(block.header)
        const [root] = yield* database.rootsForVersion(1n)
        expect(root?.hash).toEqual(block.appRoot)
        expect((yield* executor.head).root).toEqual(root)
        expect(yield* balance("ann")).toBe(20)
        expect(yield* states.get(touched.key("ann"))).toEqual(Option.some(utf8("1 4 5000")))
      })
    )

    check(
      "the app root is that of the plain tree with the same content",
      Effect.gen(function* () {
        const { executor, states } = yield* services
        yield* executor.executeBlock(yield* transactions(...transfers(10)), 1)
        const block = yield* executor.executeBlock(yield* transactions(...transfers(7, ["bob", "dan"])), 2)
        const tree = new ReferenceTree(nodeHasher)
        yield* Stream.runForEach(states.entries(), ([key, value]) =>
          Effect.sync(() => tree.insert(key, value))
        )
        expect(tree.commit().rootHash).toEqual(block.appRoot)
      })
    )

    check(
      "blocks are chained by hash, heights go on, times never go back",
      Effect.gen(function* () {
        const { executor, blocks } = yield* services
        for (const [count, time] of [
          [2, 100],
          [0, 90],
          [3, 80],
          [1, 200]
        ] as const) {
          yield* executor.executeBlock(yield* transactions(...transfers(count)), time)
        }
        const all = Chunk.toReadonlyArray(yield* Stream.runCollect(blocks.list()))
        expect(all.map(({ header }) => [header.firstHeight, header.lastHeight, header.time])).toEqual([
          [1n, 2n, 100],
          [3n, 2n, 100],
          [3n, 5n, 100],
          [6n, 6n, 200]
        ])
        const { database } = yield* services
        for (const [index, { appRootBefore, header }] of all.entries()) {
          const before = all[index - 1]
          if (before === undefined) continue
          const [root] = yield* database.rootsForVersion(before.header.round)
          expect(header.previousBlockHash).toEqual(BlockHeader.blockHash(before.header, root!))
          expect(appRootBefore).toEqual(before.appRoot)
        }
        // An empty block changes its header only, and that is a version too.
        expect(all[1]?.appRoot).not.toEqual(all[0]?.appRoot)
      })
    )

    check(
      "blocks can be listed in both directions, and their transactions read back",
      Effect.gen(function* () {
        const { executor, blocks } = yield* services
        const batches = yield* Effect.forEach([3, 0, 2], (count) => transactions(...transfers(count)))
        for (const batch of batches) yield* executor.executeBlock(batch, 0)
        const rounds = (options: Parameters<typeof blocks.list>[0]) =>
          Effect.map(Stream.runCollect(blocks.list(options)), (found) =>
            Chunk.toReadonlyArray(found).map(({ header }) => Number(header.round))
          )
        expect(yield* rounds({ from: 2n })).toEqual([2, 3])
        expect(yield* rounds({ to: 2n })).toEqual([1, 2])
        expect(yield* rounds({ from: 2n, to: 2n })).toEqual([2])
        expect(yield* rounds({ reverse: true })).toEqual([3, 2, 1])
        expect(yield* blocks.get(4n)).toEqual(Option.none())
        for (const [index, batch] of batches.entries()) {
          const block = Option.getOrThrow(yield* blocks.get(BigInt(index + 1)))
          expect(Chunk.toReadonlyArray(yield* Stream.runCollect(blocks.transactions(block)))).toEqual(batch)
        }
        expect(yield* blocks.transaction(4n)).toEqual(Option.some(batches[2]?.[0]))
        expect(yield* blocks.transaction(6n)).toEqual(Option.none())
      })
    )

    check(
      "a failing transaction is recorded, changes nothing, and stops nothing",
      Effect.gen(function* () {
        const { executor, blocks, states } = yield* services
        const good = yield* transactions({ to: "ann", amount: 5 }, { to: "ann", amount: 1 })
        const bad = [
          ...(yield* transactions(
            { to: "bob", amount: -1 },
            { to: "cy", amount: 1, misbehave: "writeReserved" },
            { to: "cy", amount: 1, misbehave: "concurrent" }
          )),
          Transaction.make(utf8('{"to":"dan"}')),
          Transaction.make(Uint8Array.of(0xff))
        ]
        const block = yield* executor.executeBlock([good[0]!, ...bad, good[1]!], 0)
        const tags = block.transactions.map(({ failure }) => failure?._tag)
        expect(tags).toEqual([
          undefined,
          "Overdrawn",
          "ReservedKey",
          "Overdrawn",
          "TransactionMalformed",
          "TransactionMalformed",
          undefined
        ])
        expect(block.transactions[1]?.failure?.message).toBe("bob would be overdrawn")
        expect(yield* blocks.get(1n)).toEqual(Option.some(block))
        expect(yield* balance("ann")).toBe(6)
        for (const account of ["bob", "cy", "dan"]) {
          expect(yield* states.get(touched.key(account))).toEqual(Option.none())
        }
        expect(yield* states.header()).toEqual(block.header)
      })
    )

    for (const misbehave of ["throw", "die", "interrupt", "finalizer", "brokenMessage"] as const) {
      check(
        `a defect (${misbehave}) stops the block, and nothing of it is kept`,
        Effect.gen(function* () {
          const { database, executor, blocks } = yield* services
          const first = yield* transactions({ to: "ann", amount: 1 })
          yield* executor.executeBlock(first, 7)
          const before = yield* executor.head
          const batch = yield* transactions(
            { to: "ann", amount: 1 },
            { to: "bob", amount: 1, misbehave },
            { to: "ann", amount: 1 }
          )
          const error = yield* Effect.flip(executor.executeBlock(batch, 8))
          expect(error).toMatchObject({ _tag: "ExecutionDefect", round: 2n, height: Option.some(3n) })
          expect((error as ExecutionDefect).transaction).toEqual(Option.some(batch[1]?.id)) // just matched
          expect(error.message).toContain("at height 3 (round 2")
          expect(yield* executor.head).toEqual(before)
          expect(yield* database.latestVersion).toEqual(Option.some(1n))
          expect(yield* blocks.get(2n)).toEqual(Option.none())
          expect(yield* blocks.transaction(2n)).toEqual(Option.none())
          // The node itself is fine: without that transaction the same round comes about.
          const block = yield* executor.executeBlock(batch.slice(0, 1), 9)
          expect(block.header).toMatchObject({ round: 2n, firstHeight: 2n, lastHeight: 2n })
          expect(yield* balance("ann")).toBe(2)
        })
      )
    }

    check(
      "genesis is written in block 1 only, before its first transaction",
      Effect.gen(function* () {
        const { executor, states } = yield* services
        yield* executor.executeBlock(yield* transactions({ to: "bank", amount: -400 }), 0)
        yield* executor.executeBlock([], 0)
        expect(yield* balance("bank")).toBe(600)
        expect(yield* states.get(balances.key("bank"), 1n)).toEqual(Option.some(utf8("600")))
      })
    )

    for (const [title, genesis] of [
      ["a failure", (state: State.State) => state.set(State.reservedKey("x"), utf8("x"))],
      ["a defect", () => Effect.die("no")]
    ] as const) {
      check(
        `${title} of genesis is a defect`,
        Effect.gen(function* () {
          const { database, executor } = yield* services
          const error = yield* Effect.flip(executor.executeBlock([], 0))
          expect(error).toMatchObject({ _tag: "ExecutionDefect", round: 1n, height: Option.none() })
          expect(error.message).toContain("in genesis")
          expect(yield* database.latestVersion).toEqual(Option.none())
        }),
        { stateMachine: StateMachine.make({ ...ledger, genesis }) }
      )
    }

    it.scoped("an interrupted block leaves nothing behind", () =>
      Effect.gen(function* () {
        const database = yield* medium.make
        const reached = yield* Deferred.make<void>()
        const stateMachine = StateMachine.make({
          ...ledger,
          execute: ({ to }, state) =>
            Effect.gen(function* () {
              yield* touched.set(state, to, "here")
              if (to !== "wait") return
              yield* Deferred.succeed(reached, undefined)
              return yield* Effect.never
            })
        })
        yield* withNode(
          database,
          { stateMachine },
          Effect.gen(function* () {
            const { executor, states } = yield* services
            yield* executor.executeBlock(yield* transactions({ to: "ann", amount: 1 }), 0)
            const before = yield* executor.head
            const batch = yield* transactions({ to: "bob", amount: 1 }, { to: "wait", amount: 1 })
            const fiber = yield* Effect.fork(executor.executeBlock(batch, 0))
            yield* Deferred.await(reached)
            yield* Fiber.interrupt(fiber)
            expect(yield* executor.head).toEqual(before)
            const block = yield* executor.executeBlock(yield* transactions({ to: "cy", amount: 1 }), 0)
            expect(block.header.round).toBe(2n)
            expect(yield* states.get(touched.key("bob"))).toEqual(Option.none())
          })
        )
      })
    )

    check(
      "calls at the same time are executed one after the other",
      Effect.gen(function* () {
        const { executor } = yield* services
        const batch = yield* transactions(...transfers(5))
        const blocks = yield* Effect.all(
          Array.from({ length: 6 }, () => executor.executeBlock(batch, 0)),
          { concurrency: "unbounded" }
        )
        const rounds = blocks.map(({ header }) => header.round)
        expect([...rounds].sort()).toEqual([1n, 2n, 3n, 4n, 5n, 6n])
        expect(yield* balance("ann")).toBe(6 * 20)
      }),
      {
        stateMachine: StateMachine.make({
          ...ledger,
          execute: (transfer, state, block) =>
            Effect.zipRight(Effect.yieldNow(), ledger.execute(transfer, state, block))
        })
      }
    )

    check(
      "the state can be read at each version, and a version that is not there is named",
      Effect.gen(function* () {
        const { executor, states } = yield* services
        for (let round = 1; round <= 3; round++) {
          yield* executor.executeBlock(yield* transactions({ to: "ann", amount: 1 }), round)
        }
        for (const version of [1n, 2n, 3n]) {
          expect(yield* states.get(balances.key("ann"), version)).toEqual(Option.some(utf8(`${version}`)))
          expect((yield* states.header(version)).round).toBe(version)
          expect((yield* states.root(version)).version).toBe(version)
        }
        const prefix = utf8("balance/")
        const entries = Chunk.toReadonlyArray(yield* Stream.runCollect(states.entries({ prefix }, 2n)))
        expect(entries).toEqual([
          [utf8("balance/ann"), utf8("2")],
          [utf8("balance/bank"), utf8("1000")]
        ])
        const error = yield* Effect.flip(states.get(balances.key("ann"), 4n))
        expect(error.message).toContain("version 4 is not here: versions 1 to 3 are")
      })
    )

    check(
      "many transactions in a block, each with its own writes",
      Effect.gen(function* () {
        const { executor, states } = yield* services
        const names = Array.from({ length: 2000 }, (_, index) => `account-${index}`)
        const batch = yield* transactions(...transfers(2000, names))
        yield* executor.executeBlock(batch, 0)
        const prefix = utf8("balance/account-")
        expect(yield* Stream.runCount(states.entries({ prefix }))).toBe(2000)
        expect(yield* states.read(({ keys }) => keys)).toBe(4000 + 3)
      })
    )
  })

const services = Effect.all({
  database: NodeDatabase,
  executor: Executor,
  blocks: Blocks,
  states: StateStorage
})

const utf8 = (text: string) => new TextEncoder().encode(text)

const balance = (account: string) =>
  Effect.gen(function* () {
    const value = yield* (yield* StateStorage).get(balances.key(account))
    return Number(new TextDecoder().decode(Option.getOrThrow(value)))
  })

const concatenated = (parts: ReadonlyArray<Uint8Array>) => Uint8Array.from(parts.flatMap((part) => [...part]))
