import * as NodeContext from "@effect/platform-node/NodeContext"
import { Chunk, Effect, Either, Option, Stream } from "effect"
import * as ChunkProvider from "../../../../src/checkpoint/ChunkProvider.ts"
import type { Metadata } from "../../../../src/checkpoint/Metadata.ts"
import * as Restorer from "../../../../src/checkpoint/Restorer.ts"
import { concat } from "../../../../src/mkvs/Bytes.ts"
import { NodeDatabase } from "../../../../src/storage/NodeDatabase.ts"
import { metadataOf } from "../../support/CheckpointChain.ts"
import { openMarked } from "../../support/Directory.ts"
import { advance, historyRecord, planOf, profileFrom } from "../../support/History.ts"
import { say } from "../../support/Mark.ts"
import { Doing } from "../../support/MarkedPageStore.ts"
import { Random } from "../../support/Random.ts"

/**
 * Brings version after version into DIRECTORY, most of them from the checkpoints in FROM, one chunk after the other or
 * two at once, now and then starting again in the middle; until it is killed.
 */
const [directory = "", from = "", seed, keep = "", ...rest] = process.argv.slice(2)
const profile = profileFrom(rest)
const random = new Random(Number(seed))
const doing = new Doing()

interface Services {
  readonly database: NodeDatabase.Service
  readonly restorer: Restorer.Restorer.Service
  readonly provider: ChunkProvider.ChunkProvider.Service
}

const life = Effect.gen(function* () {
  const database = yield* openMarked(directory, doing)
  const restorer = yield* Effect.provideService(Restorer.make({}), NodeDatabase, database)
  const provider = yield* ChunkProvider.make({ directory: from })
  for (;;) {
    const version = Option.getOrElse(yield* database.latestVersion, () => 0n) + 1n
    const inserting = Option.isSome(yield* database.multipart.current)
    if (inserting || random.chance(0.7)) yield* restoreVersion({ database, restorer, provider }, version)
    else {
      yield* advance(database, planOf(profile, version), version, () => say("finalizing", version))
      say("finalized", version)
    }
    const earliest = Option.getOrThrow(yield* database.earliestVersion)
    if (earliest > version - BigInt(keep)) continue
    say("pruning", earliest)
    doing.begin("prune")
    yield* database.prune(earliest)
    say("pruned", earliest)
  }
})

const restoreVersion = (services: Services, version: bigint) =>
  Effect.gen(function* () {
    const { database, provider } = services
    const checkpoints = yield* metadataOf(provider, database.namespace, version)
    if (checkpoints.length === 0) {
      say("idle")
      return yield* Effect.never
    }
    while (!(yield* restoreRoots(services, checkpoints))) say("again", version)
    say("finalizing", version)
    doing.begin("restore finalize")
    yield* database.finalize(
      checkpoints.map(({ root }) => root),
      { changes: [historyRecord(version)] }
    )
    say("finalized", version)
  })

/** One root after the other; `false`: it was aborted. */
const restoreRoots = (services: Services, checkpoints: ReadonlyArray<Metadata>) =>
  Effect.gen(function* () {
    for (const metadata of checkpoints) {
      if (!(yield* restoreRoot(services, metadata))) return false
    }
    return true
  })

const restoreRoot = (services: Services, metadata: Metadata) =>
  Effect.gen(function* () {
    const { restorer } = services
    const { version, type } = metadata.root
    const running = Option.getOrUndefined(yield* restorer.currentCheckpoint)?.root.type
    // The next one has been begun, so this one is done.
    if (running !== undefined && running > type) return true
    if (running !== type) {
      say("starting", version, type)
      doing.begin("restore start")
      yield* restorer.startRestore(metadata)
    }
    for (;;) {
      const missing = random.shuffled(yield* restorer.missingChunks)
      if (missing.length === 0) return true
      if (random.chance(0.04)) {
        say("aborting", version)
        doing.begin("abort")
        yield* restorer.abortRestore
        say("aborted", version)
        return false
      }
      const few = missing.slice(0, random.between(1, 2))
      yield* Effect.forEach(few, (index) => restoreChunk(services, metadata, index), {
        concurrency: "unbounded"
      })
    }
  })

const restoreChunk = ({ restorer, provider }: Services, metadata: Metadata, index: number) =>
  Effect.gen(function* () {
    const { version, type } = metadata.root
    const chunk = yield* Either.match(metadata.getChunkMetadata(index), {
      onLeft: Effect.fail,
      onRight: Effect.succeed
    })
    const pieces = yield* Stream.runCollect(provider.getChunk(chunk))
    say("restoring", version, type, index)
    doing.begin("restore chunk")
    yield* restorer.restoreChunk(index, concat(...Chunk.toReadonlyArray(pieces)))
    say("restored", version, type, index)
  })

void Effect.runPromise(life.pipe(Effect.scoped, Effect.provide(NodeContext.layer)))
