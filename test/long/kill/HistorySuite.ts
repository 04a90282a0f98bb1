import { Effect } from "effect"
import { temporaryDirectory } from "../../storage/temporary.ts"
import { bundle } from "../support/bundle.ts"
import { openPlain } from "../support/Directory.ts"
import { type Profile, profileArguments } from "../support/History.ts"
import { checkHistory, goOn, Vouched } from "../support/HistoryCheck.ts"
import { HistoryModel } from "../support/HistoryModel.ts"
import { writeEdges } from "../support/KillTally.ts"
import { killAgainAndAgain, seed } from "../support/killing.ts"

export interface HistorySuiteOptions {
  readonly title: string
  readonly profile: Omit<Profile, "seed">
  /** Versions kept. */
  readonly keep: number
  /** Writes that are aimed at. */
  readonly steps: ReadonlyArray<string>
}

/** One directory, in which process after process is killed while it makes and prunes versions. */
export const historySuite = ({ title, profile, keep, steps }: HistorySuiteOptions) =>
  Effect.gen(function* () {
    const { history } = yield* bundle({ history: "test/long/kill/programs/history.ts" })
    const directory = yield* temporaryDirectory
    const model = new HistoryModel({ seed, ...profile })
    const vouched = new Vouched()
    const look = Effect.flatMap(openPlain(directory), (opened) => checkHistory(opened, model, vouched)).pipe(
      Effect.scoped
    )
    yield* killAgainAndAgain({
      title,
      steps: steps.map((step) => ({ step, edges: writeEdges })),
      lifeMillis: 2_000,
      victim: () => ({
        program: history,
        arguments: [directory, String(keep), ...profileArguments(model.profile)]
      }),
      afterwards: (said) =>
        Effect.gen(function* () {
          vouched.hear(said)
          const opened = yield* openPlain(directory)
          yield* checkHistory(opened, model, vouched)
          yield* goOn(opened, model, vouched, keep)
        }).pipe(Effect.scoped)
    })
    yield* look
  })
