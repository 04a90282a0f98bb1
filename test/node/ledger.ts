import { Effect, Option, Schema, Stream } from "effect"
import * as Collection from "../../src/node/Collection.ts"
import * as State from "../../src/node/State.ts"
import * as StateMachine from "../../src/node/StateMachine.ts"
import * as Transaction from "../../src/node/Transaction.ts"

/** Adds `amount` to an account; negative amounts take away. The other fields make the machine misbehave. */
export const Transfer = Schema.Struct({
  to: Schema.String,
  amount: Schema.Int,
  misbehave: Schema.optional(
    Schema.Literal(
      "throw",
      "die",
      "interrupt",
      "finalizer",
      "concurrent",
      "writeReserved",
      "brokenMessage",
      "hang"
    )
  )
})
export type Transfer = typeof Transfer.Type

export class Overdrawn extends Schema.TaggedError<Overdrawn>()("Overdrawn", { account: Schema.String }) {
  override get message() {
    return `${this.account} would be overdrawn`
  }
}

export const balances = Collection.json("balance/", Schema.Int)
/** Written by every transaction before anything can go wrong. */
export const touched = Collection.text("touched/")

/** Knows what a machine should do, and how to go wrong in every way that a machine can. */
export const ledger = StateMachine.make({
  name: "ledger",
  version: 1,
  transaction: Transfer,
  genesis: (state) => balances.set(state, "bank", 1000),
  execute: ({ amount, misbehave, to }, state, block) =>
    Effect.gen(function* () {
      yield* touched.set(state, to, `${block.round} ${block.height} ${block.time}`)
      switch (misbehave) {
        case "throw":
          throw new Error("thrown by the machine")
        case "die":
          return yield* Effect.die("died in the machine")
        case "interrupt":
          return yield* Effect.interrupt
        case "finalizer":
          return yield* Effect.ensuring(new Overdrawn({ account: to }), Effect.die("died in a finalizer"))
        case "concurrent":
          return yield* Effect.all([Effect.never, new Overdrawn({ account: to })], {
            concurrency: 2,
            discard: true
          })
        case "writeReserved":
          return yield* state.set(State.reservedKey("header"), new Uint8Array(1))
        case "brokenMessage":
          return yield* Effect.fail(brokenFailure)
        case "hang":
          return yield* Effect.never
      }
      const before = Option.getOrElse(yield* balances.get(state, to), () => 0)
      if (before + amount < 0) return yield* new Overdrawn({ account: to })
      yield* balances.set(state, to, before + amount)
    }),
  query: (account, state) =>
    Effect.flatMap(balances.get(state, account), (balance) =>
      Option.isSome(balance) ? Effect.succeed(balance.value) : new Overdrawn({ account })
    )
})

const brokenFailure: StateMachine.Failure = {
  _tag: "Broken",
  get message(): string {
    throw new Error("no message")
  }
}

const codec = Transaction.codec(Transfer)
export const transactions = (...transfers: ReadonlyArray<Transfer>) => Effect.forEach(transfers, codec.encode)

/** Ten to each of `accounts` in turn: `count` transfers in all. */
export const transfers = (count: number, accounts = ["ann", "bob", "cy"]): ReadonlyArray<Transfer> =>
  Array.from({ length: count }, (_, index) => ({ to: accounts[index % accounts.length] ?? "", amount: 10 }))

/** Notes from which height it was asked to go on. */
export const feedOf = (all: ReadonlyArray<Transfer>) => {
  const asked: Array<bigint> = []
  const feed = (fromHeight: bigint) => {
    asked.push(fromHeight)
    return Stream.fromIterable(all.slice(Number(fromHeight) - 1))
  }
  return { feed, asked }
}
