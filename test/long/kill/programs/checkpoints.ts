import * as NodeContext from "@effect/platform-node/NodeContext"
import { Effect, Option } from "effect"
import { GetCheckpointsRequest } from "../../../../src/checkpoint/Metadata.ts"
import { toHex } from "../../../../src/mkvs/Bytes.ts"
import { makeLmdbDatabase } from "../../../../src/storage/LmdbDatabase.ts"
import type { NodeDatabase } from "../../../../src/storage/NodeDatabase.ts"
import { makeCreator } from "../../support/Checkpoints.ts"
import { advance, planOf, profileFrom } from "../../support/History.ts"
import { say } from "../../support/Mark.ts"
import { Random } from "../../support/Random.ts"

/**
 * Makes checkpoints of the newest version in OUT, in a worker thread or (`thread`) in this one, keeps two of them, and
 * makes versions meanwhile, until it is killed.
 */
const [directory = "", out = "", place, seed, keep = "", ...rest] = process.argv.slice(2)
const profile = profileFrom(rest)
const random = new Random(Number(seed))

const nextVersion = (database: NodeDatabase.Service) =>
  Effect.gen(function* () {
    const version = Option.getOrElse(yield* database.latestVersion, () => 0n) + 1n
    yield* advance(database, planOf(profile, version), version, () => say("finalizing", version))
    say("finalized", version)
    const earliest = Option.getOrThrow(yield* database.earliestVersion)
    if (earliest > version - BigInt(keep)) return
    say("pruning", earliest)
    // A checkpoint is being made of it.
    const pruned = yield* Effect.either(database.prune(earliest))
    if (pruned._tag === "Right") say("pruned", earliest)
    else if (pruned.left._tag !== "VersionPinned") return yield* pruned.left
  })

const life = Effect.gen(function* () {
  const database = yield* makeLmdbDatabase({ directory })
  const worker = place === "thread" ? undefined : new URL("./worker.js", import.meta.url)
  const creator = yield* makeCreator(database, out, worker)
  const pause = Effect.suspend(() => Effect.sleep(random.between(20, 200)))
  yield* Effect.forkScoped(Effect.forever(Effect.zipRight(nextVersion(database), pause)))
  const request = new GetCheckpointsRequest({ version: 1, namespace: database.namespace })
  const made = (yield* creator.list(request)).map(({ root }) => root)
  for (;;) {
    const version = Option.getOrThrow(yield* database.latestVersion)
    if (made.at(-1)?.version === version) {
      yield* Effect.sleep(1)
      continue
    }
    const root = (yield* database.rootsForVersion(version))[0]!
    say("creating", version)
    const created = yield* Effect.either(
      creator.create(root, random.pick([400_000, 1_500_000, 5_000_000]), random.between(0, 3))
    )
    if (created._tag === "Left") {
      // Between the two lines above it was pruned.
      if (created.left._tag !== "RootNotFound") return yield* created.left
      continue
    }
    say("created", version, toHex(created.right.encodedHash()))
    made.push(root)
    if (made.length <= 2) continue
    const old = made.shift()!
    say("deleting", old.version)
    yield* creator.delete(1, old)
    say("deleted", old.version)
  }
})

void Effect.runPromise(life.pipe(Effect.scoped, Effect.provide(NodeContext.layer)))
