import * as NodeContext from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, TestClock } from "effect"
import * as ChunkProvider from "../../../src/checkpoint/ChunkProvider.ts"
import * as Restorer from "../../../src/checkpoint/Restorer.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import { temporaryDirectory } from "../../storage/temporary.ts"
import { makeChain } from "../support/CheckpointChain.ts"
import { crashEverywhere, type Say, type Script } from "../support/crashing.ts"
import { advance, historyRecord, largeKeys, type Profile, planOf } from "../support/History.ts"
import { checkHistory, goOn, keptVersions, Vouched } from "../support/HistoryCheck.ts"
import { HistoryModel } from "../support/HistoryModel.ts"
import { checkRestore, chunkBytes, finishRestore, RestoreVouched } from "../support/RestoreCheck.ts"

describe("a crash at each write", () => {
  it.scoped("of a history of small versions", () =>
    Effect.gen(function* () {
      const profile = { seed: 5, large: 0.2, largeKeys: 25, largeIo: 0 }
      expect(yield* crashEverywhere(historyScript(profile, 12n, 2))).toBeGreaterThan(20)
    })
  )

  it.scoped("of versions that are flushed early, and pruned in slices", () =>
    Effect.gen(function* () {
      // The first two versions are large, the third is not.
      const profile = { seed: 2, large: 0.5, largeKeys, largeIo: 0 }
      expect(yield* crashEverywhere(historyScript(profile, 2n, 1))).toBeGreaterThan(10)
    })
  )

  it.scoped("of a restore of two roots, of another that is given up, and of a third", () =>
    Effect.gen(function* () {
      const from = yield* temporaryDirectory
      const chain = yield* makeChain(restoreProfile, from, 2_000)
      yield* chain.extendTo(4n)
      const provider = yield* ChunkProvider.make({ directory: from })
      expect((yield* chain.metadata(1n)).map(({ chunks }) => chunks.length > 1)).toEqual([true, true])
      expect(yield* crashEverywhere(restoreScript(chain.metadata, provider))).toBeGreaterThan(40)
    }).pipe(Effect.provide(Layer.merge(NodeDatabase.layerMemory(), NodeContext.layer)))
  )
})

/** Versions up to `last`, of which `keep` are kept, with records and a pin in between. */
const historyScript = (
  profile: Profile,
  last: bigint,
  keep: number,
  model = new HistoryModel(profile)
): Script => ({
  run: (database, say) =>
    Effect.gen(function* () {
      for (let version = 1n; version <= last; version++) {
        yield* advance(database, planOf(profile, version), version, () => say("finalizing", version))
        say("finalized", version)
        yield* database.records.write([{ table: "notes", key: new Uint8Array(1), value: new Uint8Array(3) }])
        yield* Effect.scoped(database.pin(version))
        const { earliest } = yield* keptVersions(database)
        if (earliest > version - BigInt(keep)) continue
        say("pruning", earliest)
        yield* database.prune(earliest)
        say("pruned", earliest)
      }
    }),
  afterwards: (opened, said) =>
    Effect.gen(function* () {
      const vouched = new Vouched()
      vouched.hear(said)
      yield* checkHistory(opened, model, vouched)
      // A pin outlives its owner by a minute.
      yield* TestClock.adjust("2 minutes")
      yield* goOn(opened, model, vouched, keep)
      yield* checkHistory(opened, model, vouched)
    })
})

/** Its first version has an io root too. Its keys are prefixes of one another, so that leaves stand in inner nodes. */
const restoreProfile: Profile = { seed: 5, large: 0.3, largeKeys: 12, largeIo: 0 }

type Chain = Effect.Effect.Success<ReturnType<typeof makeChain>>

const restoreScript = (
  metadataOf: Chain["metadata"],
  provider: ChunkProvider.ChunkProvider.Service,
  model = new HistoryModel(restoreProfile)
): Script => ({
  run: (database, say) =>
    Effect.gen(function* () {
      const restorer = yield* Effect.provideService(Restorer.make({}), NodeDatabase, database)
      const services = { database, restorer, provider, say }
      yield* restoreVersion(services, yield* metadataOf(1n))
      const next = yield* metadataOf(2n)
      yield* restoreChunks(services, next[0]!, 2)
      say("aborting", 2)
      yield* restorer.abortRestore
      say("aborted", 2)
      yield* restoreVersion(services, next)
      say("pruning", 1)
      yield* database.prune(1n)
      say("pruned", 1)
    }),
  afterwards: (opened, said) =>
    Effect.gen(function* () {
      const { database } = opened
      const vouched = new Vouched()
      const restoreVouched = new RestoreVouched()
      vouched.hear(said)
      restoreVouched.hear(said)
      const { latest } = yield* checkHistory(opened, model, vouched)
      const restorer = yield* Effect.provideService(Restorer.make({}), NodeDatabase, database)
      const checkpoints = yield* metadataOf(latest + 1n)
      yield* checkRestore(database, restorer, restoreVouched, checkpoints)
      yield* finishRestore(database, restorer, provider, checkpoints, {
        changes: [historyRecord(latest + 1n)]
      })
      expect(yield* restorer.currentCheckpoint).toEqual(Option.none())
      vouched.finalizing = vouched.finalized = latest + 1n
      yield* checkHistory(opened, model, vouched)
      yield* goOn(opened, model, vouched, 2)
      yield* checkHistory(opened, model, vouched)
    })
})

interface Services {
  readonly database: NodeDatabase.Service
  readonly restorer: Restorer.Restorer.Service
  readonly provider: ChunkProvider.ChunkProvider.Service
  readonly say: Say
}

type Checkpoint = Effect.Effect.Success<ReturnType<Chain["metadata"]>>[number]

const restoreVersion = (services: Services, checkpoints: ReadonlyArray<Checkpoint>) =>
  Effect.gen(function* () {
    const { version } = checkpoints[0]!.root
    for (const metadata of checkpoints) yield* restoreChunks(services, metadata, metadata.chunks.length)
    services.say("finalizing", version)
    yield* services.database.finalize(
      checkpoints.map(({ root }) => root),
      { changes: [historyRecord(version)] }
    )
    services.say("finalized", version)
  })

/** Its first chunks, from the last of them to the first. */
const restoreChunks = ({ restorer, provider, say }: Services, metadata: Checkpoint, count: number) =>
  Effect.gen(function* () {
    const { version, type } = metadata.root
    say("starting", version, type)
    yield* restorer.startRestore(metadata)
    for (let index = count - 1; index >= 0; index--) {
      say("restoring", version, type, index)
      yield* restorer.restoreChunk(index, yield* chunkBytes(provider, metadata, index))
      say("restored", version, type, index)
    }
  })
