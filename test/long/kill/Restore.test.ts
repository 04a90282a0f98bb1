import * as NodeContext from "@effect/platform-node/NodeContext"
import { describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as ChunkProvider from "../../../src/checkpoint/ChunkProvider.ts"
import * as Restorer from "../../../src/checkpoint/Restorer.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import { temporaryDirectory } from "../../storage/temporary.ts"
import { bundle } from "../support/bundle.ts"
import { makeChain } from "../support/CheckpointChain.ts"
import { openPlain } from "../support/Directory.ts"
import { historyRecord, profileArguments } from "../support/History.ts"
import { checkHistory, goOn, keptVersions, Vouched } from "../support/HistoryCheck.ts"
import { HistoryModel } from "../support/HistoryModel.ts"
import { type Step, writeEdges } from "../support/KillTally.ts"
import { killAgainAndAgain, seed } from "../support/killing.ts"
import { checkRestore, finishRestore, RestoreVouched } from "../support/RestoreCheck.ts"

/** Versions kept. */
const keep = 2
/** More versions than a program restores in its life. */
const ahead = 6n

const steps: ReadonlyArray<Step> = [
  { step: "restore start", edges: writeEdges },
  { step: "restore chunk", edges: writeEdges, times: 15 },
  { step: "restore finalize", edges: writeEdges },
  { step: "restore finalize, further", edges: writeEdges },
  { step: "abort", edges: writeEdges, times: 1 },
  { step: "abort, further", edges: writeEdges, times: 1 }
]

describe("kill -9 while checkpoints are restored", () => {
  it.scopedLive("leaves a restore that goes on where it was", () =>
    Effect.provide(restoreSuite, NodeContext.layer)
  )
})

const restoreSuite = Effect.gen(function* () {
  const { restore } = yield* bundle({ restore: "test/long/kill/programs/restore.ts" })
  const directory = yield* temporaryDirectory
  const from = yield* temporaryDirectory
  const model = new HistoryModel({ seed, large: 0.1, largeKeys: 1_000, largeIo: 0.05 })
  const chain = yield* makeChain(model.profile, from, 300_000)
  const provider = yield* ChunkProvider.make({ directory: from })
  const vouched = new Vouched()
  const restoreVouched = new RestoreVouched()
  yield* chain.extendTo(ahead)

  const afterwards = (said: ReadonlyArray<ReadonlyArray<string>>, round: number) =>
    Effect.gen(function* () {
      vouched.hear(said)
      restoreVouched.hear(said)
      const opened = yield* openPlain(directory)
      const { database } = opened
      const restorer = yield* Effect.provideService(Restorer.make({}), NodeDatabase, database)
      const { latest } = yield* checkHistory(opened, model, vouched)
      const next = latest + 1n
      const checkpoints = yield* chain.metadata(next)
      yield* checkRestore(database, restorer, restoreVouched, checkpoints)
      const running = Option.isSome(yield* restorer.currentCheckpoint)
      restoreVouched.ending = false
      if (!running) restoreVouched.clear()
      if (!running) yield* goOn(opened, model, vouched, keep)
      else if (round % 3 === 0) {
        yield* finishRestore(database, restorer, provider, checkpoints, { changes: [historyRecord(next)] })
        vouched.finalizing = vouched.finalized = next
        restoreVouched.clear()
      } else if (round % 7 === 0) {
        yield* restorer.abortRestore
        restoreVouched.clear()
      }
      yield* checkHistory(opened, model, vouched)
      const versions = yield* keptVersions(database)
      yield* chain.extendTo(versions.latest + ahead)
      yield* chain.forget(versions.latest)
    }).pipe(Effect.scoped)

  yield* killAgainAndAgain({
    title: "restore",
    steps,
    lifeMillis: 1_500,
    victim: (round) => ({
      program: restore,
      arguments: [directory, from, String(round), String(keep), ...profileArguments(model.profile)]
    }),
    afterwards
  })
}).pipe(Effect.provide(NodeDatabase.layerMemory()))
