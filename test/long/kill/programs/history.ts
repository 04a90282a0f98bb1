import { Effect, Option } from "effect"
import { openMarked } from "../../support/Directory.ts"
import { advance, planOf, profileFrom } from "../../support/History.ts"
import { say } from "../../support/Mark.ts"
import { Doing } from "../../support/MarkedPageStore.ts"

/** Makes version after version in DIRECTORY and prunes all but the newest KEEP, until it is killed. */
const [directory = "", keep = "", ...rest] = process.argv.slice(2)
const profile = profileFrom(rest)
const doing = new Doing()

const life = Effect.gen(function* () {
  const database = yield* openMarked(directory, doing)
  for (;;) {
    const version = Option.getOrElse(yield* database.latestVersion, () => 0n) + 1n
    yield* advance(database, planOf(profile, version), version, () => {
      say("finalizing", version)
      doing.begin("finalize")
    })
    say("finalized", version)
    const earliest = Option.getOrThrow(yield* database.earliestVersion)
    for (let pruned = earliest; pruned <= version - BigInt(keep); pruned++) {
      say("pruning", pruned)
      doing.begin("prune")
      yield* database.prune(pruned)
      say("pruned", pruned)
    }
  }
})

void Effect.runPromise(Effect.scoped(life))
