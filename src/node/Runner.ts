import { Effect } from "effect"
import type { ReadableState, State } from "./State.ts"
import type { BlockContext, Failure, Json, StateMachine } from "./StateMachine.ts"
import * as Transaction from "./Transaction.ts"

/** A state machine as the node works with it: transactions are bytes, and what is optional has its default. */
export interface Runner {
  readonly name: string
  readonly version: number
  /** Bytes that are no transaction fail like any other failure of the machine. */
  readonly execute: (bytes: Uint8Array, state: State, block: BlockContext) => Effect.Effect<void, Failure>
  readonly genesis: (state: State) => Effect.Effect<void, Failure>
  readonly validate: (bytes: Uint8Array, state: ReadableState) => Effect.Effect<void, Failure>
  /** `undefined` where the machine answers no questions. */
  readonly query: ((question: string, state: ReadableState) => Effect.Effect<Json, Failure>) | undefined
}

/** What the machine throws while it builds its Effects becomes a defect of the Effect. */
export const make = <T, I, E extends Failure>(machine: StateMachine<T, I, E>): Runner => {
  const { decode } = Transaction.codec(machine.transaction)
  const { execute, genesis, query, validate } = machine
  return {
    name: machine.name,
    version: machine.version,
    execute: (bytes, state, block) =>
      Effect.flatMap(decode(bytes), (transaction) => execute(transaction, state, block)),
    genesis: (state) => (genesis === undefined ? Effect.void : Effect.suspend(() => genesis(state))),
    validate: (bytes, state) =>
      Effect.flatMap(decode(bytes), (transaction) =>
        validate === undefined ? Effect.void : validate(transaction, state)
      ),
    query: query && ((question, state) => Effect.suspend(() => query(question, state)))
  }
}
