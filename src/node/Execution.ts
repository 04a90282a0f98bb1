import { Cause, Effect, Exit, Option } from "effect"
import { Overlay } from "../mkvs/Overlay.ts"
import type { Writer } from "../mkvs/Tree.ts"
import type { NodeDatabase } from "../storage/NodeDatabase.ts"
import { yieldToEventLoop } from "../storage/yieldToEventLoop.ts"
import { recordedFailure } from "./Block.ts"
import type { BlockHeader } from "./BlockHeader.ts"
import { ExecutionDefect } from "./NodeError.ts"
import type { Runner } from "./Runner.ts"
import { lend, type State, settled } from "./State.ts"
import type { Failure } from "./StateMachine.ts"
import type { Transaction } from "./Transaction.ts"

/** What a transaction left behind: `undefined`, or why nothing of it was kept. */
export type Outcome = Failure | undefined

/** Why execution cannot go on. */
export type Broken = ExecutionDefect | NodeDatabase.ReadFailure

/**
 * Executes the transactions of one block in order on `base`, the block's writes in the making. Outcomes are in the
 * same order. Where it fails, `base` is of no further use.
 */
export const run = Effect.fnUntraced(function* (options: {
  readonly database: Pick<NodeDatabase.Service, "attempt">
  readonly machine: Runner
  readonly base: Writer
  readonly header: BlockHeader
  readonly transactions: ReadonlyArray<Transaction>
}) {
  const { base, database, header, machine, transactions } = options
  const { firstHeight, round, time } = header
  const overlay = new Overlay(base)
  if (round === 1n) {
    const failure = yield* attempt(database, overlay, machine.genesis, (cause) => defect(round, cause))
    if (failure !== undefined) return yield* defect(round, new Error(`${failure._tag}: ${failure.message}`))
  }
  const outcomes: Array<Outcome> = []
  let yieldAt = performance.now() + millisPerTurn
  for (const transaction of transactions) {
    if (performance.now() >= yieldAt) {
      yield* yieldToEventLoop
      yieldAt = performance.now() + millisPerTurn
    }
    const height = firstHeight + BigInt(outcomes.length)
    const outcome = yield* attempt(
      database,
      overlay,
      (state) => machine.execute(transaction.bytes, state, { round, height, time }),
      (cause) => defect(round, cause, height, transaction)
    )
    outcomes.push(outcome)
  }
  return outcomes
})

/** Time of executing before timers, signals and file operations get their turn, in milliseconds. */
const millisPerTurn = 10

/** One piece of the machine's work: success goes into the overlay's base, failure is forgotten. */
const attempt = (
  database: Pick<NodeDatabase.Service, "attempt">,
  overlay: Overlay<Writer>,
  work: (state: State) => Effect.Effect<void, Failure>,
  toDefect: (cause: unknown) => ExecutionDefect
): Effect.Effect<Outcome, Broken> =>
  Effect.suspend(() => {
    const loan = lend(overlay)
    return Effect.flatMap(Effect.exit(work(loan.state)), (exit) =>
      Effect.flatMap(settled(loan, database.attempt), (): Effect.Effect<Outcome, Broken> => {
        if (Exit.isSuccess(exit)) {
          return Effect.sync((): Outcome => {
            overlay.commit()
            return undefined
          })
        }
        overlay.drop()
        return Effect.try({ try: () => outcomeOf(exit.cause), catch: toDefect })
      })
    )
  })

/** The failure behind a cause; throws where there is a defect, or nothing but an interruption. */
const outcomeOf = (cause: Cause.Cause<Failure>): Failure => {
  const failure = Cause.failureOption(cause)
  const defect = Cause.dieOption(cause)
  if (Option.isSome(defect)) throw defect.value
  // Where one of several concurrent Effects fails, the others are interrupted: that is a failure all the same.
  if (Option.isSome(failure)) return recordedFailure(failure.value)
  throw new Error("it interrupted itself")
}

const defect = (round: bigint, cause: unknown, height?: bigint, transaction?: Transaction): ExecutionDefect =>
  new ExecutionDefect({
    round,
    height: Option.fromNullable(height),
    transaction: Option.fromNullable(transaction?.id),
    cause
  })
