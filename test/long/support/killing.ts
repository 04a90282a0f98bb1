import { Effect } from "effect"
import { expect } from "vitest"
import { KillTally, type Step } from "./KillTally.ts"
import { chosenSeed, Random } from "./Random.ts"
import { killOne, type Victim } from "./Victim.ts"

export interface Killing<R> {
  readonly title: string
  /** Phases that must each meet a kill. */
  readonly steps: ReadonlyArray<Step>
  readonly lifeMillis: number
  /** Whom to kill at this step, or anywhere. */
  readonly victim: (round: number, step: string | undefined) => Victim
  /** Looks at what the dead left and goes on with it. */
  readonly afterwards: (
    said: ReadonlyArray<ReadonlyArray<string>>,
    round: number
  ) => Effect.Effect<void, unknown, R>
}

/** The number of kills, and the seed that everything follows from but the timing. */
const kills = Number(process.env["CAIRN_KILLS"] ?? 100)

export const seed = chosenSeed()

/** Kills again and again, each time on what the last one left; prints where the kills came. */
export const killAgainAndAgain = <R>({ title, steps, lifeMillis, victim, afterwards }: Killing<R>) =>
  Effect.gen(function* () {
    console.log(`${title}: CAIRN_KILL_SEED=${seed}`)
    const started = performance.now()
    const tally = new KillTally(steps, new Random(seed), lifeMillis)
    for (let round = 1; round <= kills; round++) {
      const shot = tally.next()
      const death = yield* killOne(victim(round, shot.aim?.step), shot)
      tally.record(death)
      yield* Effect.annotateLogs(afterwards(death.said, round), { round }).pipe(
        Effect.tapErrorCause(() =>
          Effect.sync(() => console.error(`${title}: round ${round}, killed at ${death.met}, aimed at`, shot))
        )
      )
    }
    const seconds = Math.round((performance.now() - started) / 1000)
    console.log(`${title}, ${seconds} s\n${tally.table}`)
    expect(tally.missed).toEqual([])
  })
