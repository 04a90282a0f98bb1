import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Queue, Stream, TestClock } from "effect"
import type { BlockEvent } from "../../src/node/BlockEvents.ts"
import { BlockEvents } from "../../src/node/BlockEvents.ts"
import { Executor } from "../../src/node/Executor.ts"
import { Node } from "../../src/node/Node.ts"
import * as StateMachine from "../../src/node/StateMachine.ts"
import { StateStorage } from "../../src/node/StateStorage.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { balances, feedOf, ledger, type Transfer, transfers } from "./ledger.ts"
import type { Medium } from "./media.ts"
import { type Database, nodeLayer, runFeed, takeUntil, withNode } from "./running.ts"

/** A node's life: starts, feeds, restarts, refusals, pruning. */
export const nodeSuite = (medium: Medium) =>
  describe(`Node / ${medium.name}`, () => {
    const check = (title: string, body: (database: Database) => Effect.Effect<void, unknown>) =>
      it.scoped(title, () => Effect.flatMap(medium.make, body))

    check("a feed is executed in blocks of the given size, and told of in order", (database) =>
      Effect.gen(function* () {
        const { feed, asked } = feedOf(transfers(25))
        const events = yield* withNode(database, { feed, blockTransactions: 10 }, runFeed)
        expect(asked).toEqual([1n])
        const executed = events.filter(isExecuted)
        expect(
          executed.map(({ firstHeight, lastHeight, round, transactions }) => [
            round,
            firstHeight,
            lastHeight,
            transactions
          ])
        ).toEqual([
          [1n, 1n, 10n, 10],
          [2n, 11n, 20n, 10],
          [3n, 21n, 25n, 5]
        ])
        expect(executed.map(({ root }) => root.version)).toEqual([1n, 2n, 3n])
        expect(
          executed.every(
            ({ durationMillis, failed, keys }) => durationMillis >= 0 && failed === 0 && keys === 9
          )
        ).toBe(true)
        expect(events.at(-1)).toEqual({ _tag: "FeedEnded", lastHeight: 25n })
      })
    )

    check(
      "after a restart nothing is executed twice, and the state is that of an undisturbed run",
      (database) =>
        Effect.gen(function* () {
          const all = transfers(47)
          // Each start gets to see a little more of the feed, as when the node is stopped here and there.
          const asked: Array<bigint> = []
          for (const seen of [10, 10, 23, 47]) {
            const part = feedOf(all.slice(0, seen))
            yield* withNode(database, { feed: part.feed, blockTransactions: 10 }, runFeed)
            asked.push(...part.asked)
          }
          expect(asked).toEqual([1n, 11n, 11n, 24n])
          const disturbed = yield* withNode(database, {}, machineEntries)
          const undisturbed = yield* Effect.scoped(
            Effect.flatMap(medium.make, (database) =>
              withNode(database, { feed: feedOf(all).feed }, Effect.zipRight(runFeed, machineEntries))
            )
          )
          expect(disturbed).toEqual(undisturbed)
          const head = yield* withNode(
            database,
            {},
            Effect.flatMap(Node, ({ head }) => head)
          )
          expect(head).toMatchObject({ lastHeight: 47n, machine: { name: "ledger", version: 1 } })
        })
    )

    check("a restarted node stands exactly where the other stopped", (database) =>
      Effect.gen(function* () {
        const head = Effect.flatMap(Node, ({ head }) => head)
        const before = yield* withNode(
          database,
          { feed: feedOf(transfers(5)).feed },
          Effect.zipRight(runFeed, head)
        )
        expect(yield* withNode(database, {}, head)).toEqual(before)
      })
    )

    check("a defect stops the node; a mended machine goes on where it stopped", (database) =>
      Effect.gen(function* () {
        const all = transfers(10).map((transfer, index) =>
          index === 6 ? { ...transfer, misbehave: "throw" as const } : transfer
        )
        const options = { feed: feedOf(all).feed, blockTransactions: 3 }
        for (let attempt = 0; attempt < 2; attempt++) {
          const error = yield* withNode(
            database,
            options,
            Effect.flatMap(Node, ({ run }) => Effect.flip(run))
          )
          expect(error).toMatchObject({ _tag: "ExecutionDefect", round: 3n, height: Option.some(7n) })
        }
        const mended = StateMachine.make({
          ...ledger,
          execute: ({ amount, to }, state, block) => ledger.execute({ amount, to }, state, block)
        })
        const events = yield* withNode(database, { ...options, stateMachine: mended }, runFeed)
        expect(events.filter(isExecuted).map(({ round }) => round)).toEqual([3n, 4n])
      })
    )

    check("stays up when the feed ends, and ends when it is interrupted", (database) =>
      withNode(
        database,
        { feed: feedOf(transfers(5)).feed },
        Effect.gen(function* () {
          const node = yield* Node
          const events = yield* (yield* BlockEvents).subscribe
          const running = yield* Effect.fork(node.run)
          yield* takeUntil(events, ({ _tag }) => _tag === "FeedEnded")
          expect(yield* Fiber.poll(running)).toEqual(Option.none())
          expect(yield* node.query("ann")).toBe(20)
          const exit = yield* Fiber.interrupt(running)
          expect(Exit.isInterrupted(exit)).toBe(true)
          // What runs now finds everything done already.
          yield* node.runFeed
          expect((yield* node.head).round).toBe(1n)
        }).pipe(Effect.scoped)
      )
    )

    check("two runs at the same time execute nothing twice", (database) =>
      withNode(
        database,
        { feed: feedOf(transfers(30)).feed, blockTransactions: 4 },
        Effect.gen(function* () {
          const node = yield* Node
          yield* Effect.all([node.runFeed, node.runFeed], { concurrency: 2 })
          expect((yield* node.head).lastHeight).toBe(30n)
          expect(yield* node.query("ann")).toBe(100)
        })
      )
    )

    check("a feed that breaks is told apart, after what it gave was executed", (database) =>
      Effect.gen(function* () {
        const [first, second] = transfers(2)
        const given = Stream.make(first!, second!)
        const feeds: ReadonlyArray<readonly [StateMachine.Feed<Transfer, unknown>, string]> = [
          [() => Stream.concat(given, Stream.fail("line cut")), "line cut"],
          [() => Stream.concat(given, Stream.die(new Error("line burnt"))), "line burnt"],
          [() => Stream.concat(given, Stream.make({ to: "x", amount: 0.5 })), "integer"],
          [
            () =>
              Stream.concat(
                given,
                Stream.suspend(() => {
                  throw new Error("no line")
                })
              ),
            "no line"
          ]
        ]
        for (const [index, [feed, reason]] of feeds.entries()) {
          const error = yield* withNode(
            database,
            { feed, blockTransactions: 1 },
            Effect.flatMap(Node, ({ runFeed }) => Effect.flip(runFeed))
          )
          expect(error).toMatchObject({ _tag: "FeedFailed", lastHeight: BigInt(2 * index + 2) })
          expect(error.message).toContain(reason)
        }
        for (const feed of [
          () => {
            throw new Error("no line")
          },
          // What a module without types may give.
          (() => [first]) as unknown as StateMachine.Feed<Transfer>
        ]) {
          const error = yield* withNode(
            database,
            { feed },
            Effect.flatMap(Node, ({ runFeed }) => Effect.flip(runFeed))
          )
          expect(error._tag).toBe("FeedFailed")
        }
      })
    )

    check("with an interval, a block waits no longer than that", (database) =>
      Effect.gen(function* () {
        const source = yield* Queue.unbounded<Transfer>()
        const layer = nodeLayer(database, {
          feed: () => Stream.fromQueue(source),
          blockTransactions: 3,
          blockInterval: "10 seconds"
        })
        yield* Effect.gen(function* () {
          const node = yield* Node
          const events = yield* (yield* BlockEvents).subscribe
          yield* Effect.forkScoped(node.run)
          const nextBlock = Effect.map(takeUntil(events, isExecuted), (seen) =>
            seen.filter(isExecuted).at(-1)
          )
          yield* Queue.offerAll(source, transfers(3))
          expect(yield* nextBlock).toMatchObject({ round: 1n, transactions: 3, time: 0 })
          yield* Queue.offerAll(source, transfers(2))
          const waiting = yield* Effect.fork(nextBlock)
          yield* TestClock.adjust("10 seconds")
          expect(yield* Fiber.join(waiting)).toMatchObject({ round: 2n, transactions: 2 })
        }).pipe(Effect.scoped, Effect.provide(layer))
      })
    )

    check("old versions are pruned beside the blocks, but not while they are pinned", (database) =>
      withNode(
        database,
        { feed: feedOf(transfers(10)).feed, blockTransactions: 1, retainVersions: 3 },
        Effect.gen(function* () {
          const node = yield* Node
          const { earliestVersion, pin } = yield* NodeDatabase
          const executor = yield* Executor
          const events = yield* (yield* BlockEvents).subscribe
          yield* node.runFeed
          const isPruned = (version: bigint) => (event: BlockEvent) =>
            event._tag === "VersionPruned" && event.version === version
          const seen = yield* takeUntil(events, isPruned(7n))
          const pruned = seen.flatMap((event) => (event._tag === "VersionPruned" ? [event.version] : []))
          expect(pruned).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n])
          expect(yield* earliestVersion).toEqual(Option.some(8n))
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* pin(9n)
              yield* executor.executeBlock([], 0)
              yield* takeUntil(events, isPruned(8n))
              yield* executor.executeBlock([], 0)
              yield* executor.executeBlock([], 0)
              expect(yield* earliestVersion).toEqual(Option.some(9n))
            })
          )
          yield* executor.executeBlock([], 0)
          yield* takeUntil(events, isPruned(11n))
          expect(yield* earliestVersion).toEqual(Option.some(12n))
        }).pipe(Effect.scoped)
      )
    )

    check("what an earlier process left unpruned is pruned at the start", (database) =>
      Effect.gen(function* () {
        yield* withNode(database, { feed: feedOf(transfers(9)).feed, blockTransactions: 1 }, runFeed)
        yield* withNode(
          database,
          { retainVersions: 2 },
          Effect.gen(function* () {
            const { earliestVersion } = yield* NodeDatabase
            // It is done by a fiber of the node, which this one lets go first.
            yield* Effect.repeat(Effect.zipRight(Effect.yieldNow(), earliestVersion), {
              until: (earliest) => Option.contains(earliest, 8n)
            })
          })
        )
      })
    )

    check("the machine answers questions, on the latest state and on older ones", (database) =>
      Effect.gen(function* () {
        yield* withNode(
          database,
          { feed: feedOf(transfers(2, ["ann"])).feed, blockTransactions: 1 },
          Effect.gen(function* () {
            const node = yield* Node
            yield* node.runFeed
            expect(yield* node.query("ann")).toBe(20)
            expect(yield* node.query("ann", 1n)).toBe(10)
            expect(yield* Effect.flip(node.query("bob"))).toMatchObject({
              _tag: "QueryFailed",
              reason: "bob would be overdrawn"
            })
            expect((yield* Effect.flip(node.query("ann", 3n)))._tag).toBe("VersionNotFound")
          })
        )
        const mute = { stateMachine: StateMachine.make({ ...ledger, query: undefined }) }
        const ask = Effect.flatMap(Node, ({ query }) => Effect.flip(query("ann")))
        expect((yield* withNode(database, mute, ask)).message).toContain("answers no questions")
      })
    )

    it.scoped("a node that is shut down finishes or abandons its block", () =>
      Effect.gen(function* () {
        const database = yield* medium.make
        const reached = yield* Deferred.make<void>()
        const stateMachine = StateMachine.make({
          ...ledger,
          execute: (transfer, state, block) =>
            block.height < 5n
              ? ledger.execute(transfer, state, block)
              : Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never)
        })
        yield* withNode(
          database,
          { stateMachine, feed: feedOf(transfers(8)).feed, blockTransactions: 2 },
          Effect.gen(function* () {
            yield* Effect.forkScoped(Effect.flatMap(Node, ({ run }) => run))
            yield* Deferred.await(reached)
          }).pipe(Effect.scoped)
        )
        const rest = feedOf(transfers(8))
        yield* withNode(database, { feed: rest.feed, blockTransactions: 2 }, runFeed)
        expect(rest.asked).toEqual([5n])
      })
    )
  })

const isExecuted = (event: BlockEvent): event is Extract<BlockEvent, { _tag: "BlockExecuted" }> =>
  event._tag === "BlockExecuted"

/** The machine's own part of the state, as text. */
const machineEntries = Effect.gen(function* () {
  const states = yield* StateStorage
  const entries = yield* Stream.runCollect(states.entries({ prefix: balances.key("") }))
  return Array.from(entries, ([key, value]) =>
    [key, value].map((bytes) => new TextDecoder().decode(bytes)).join(" = ")
  )
})
