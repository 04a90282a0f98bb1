import { type Effect, Predicate, type Schema, type Stream } from "effect"
import type { ReadableState, State } from "./State.ts"

export const TypeId: unique symbol = Symbol.for("effect-cairn/StateMachine")
export type TypeId = typeof TypeId

/**
 * The user's part of a node: what one transaction does to the state.
 *
 * Execution must be a function of its arguments alone. A machine that asks the clock, a random generator or a network
 * ends in another state when its blocks are replayed; `block.time` is the time to go by.
 */
export interface StateMachine<T, I = T, E extends Failure = Failure> {
  readonly [TypeId]: TypeId
  /** Stored with the state: a node refuses to go on with the state of another machine. */
  readonly name: string
  /** A positive integer: goes up when `execute` changes its meaning. */
  readonly version: number
  /** The encoded side must be JSON. */
  readonly transaction: Schema.Schema<T, I>
  /**
   * Success keeps the writes. A failure is recorded as the transaction's result and keeps none of them; the block goes
   * on. A defect stops the node (`ExecutionDefect`), and nothing of the block is kept.
   */
  readonly execute: (transaction: T, state: State, block: BlockContext) => Effect.Effect<void, E>
  /** Writes the first state, in block 1 before its first transaction. Its failures are defects. */
  readonly genesis?: ((state: State) => Effect.Effect<void, Failure>) | undefined
  /** What can be said of a transaction before it is ordered, on the state of the latest block. */
  readonly validate?: ((transaction: T, state: ReadableState) => Effect.Effect<void, Failure>) | undefined
  /** Answers a question in the machine's own words. */
  readonly query?: ((question: string, state: ReadableState) => Effect.Effect<Json, Failure>) | undefined
}

/** Why a transaction fails: any tagged error. Tag and message are recorded in the block. */
export interface Failure {
  readonly _tag: string
  readonly message: string
}

/** Where a transaction is executed. */
export interface BlockContext {
  /** The block's number, which is also the version of the state it makes; the first is 1. */
  readonly round: bigint
  /** The transaction's position in the total order; the first is 1. */
  readonly height: bigint
  /** Of the block, in epoch milliseconds; never before the time of an earlier block. */
  readonly time: number
}

export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [name: string]: Json }

/**
 * An ordered source of transactions, which stands where consensus will stand: the transactions from `fromHeight` on,
 * the first of all at height 1. Asked again for a height it must give the same transaction again.
 */
export type Feed<T, E = never> = (fromHeight: bigint) => Stream.Stream<T, E>

/** Infers the types. Dies for a name or version that cannot be stored. */
export const make = <T, I, E extends Failure>(
  machine: Omit<StateMachine<T, I, E>, TypeId>
): StateMachine<T, I, E> => {
  if (machine.name === "" || !isWellFormed(machine.name)) {
    throw new RangeError("a state machine's name must be text of at least one character")
  }
  if (!Number.isSafeInteger(machine.version) || machine.version < 1) {
    throw new RangeError(
      `version ${machine.version} of machine "${machine.name}": a positive integer is expected`
    )
  }
  return { ...machine, [TypeId]: TypeId }
}

/** Also true for a machine made by another copy of this package. */
export const isStateMachine = (u: unknown): u is StateMachine<unknown, unknown> =>
  Predicate.hasProperty(u, TypeId)

const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text)
