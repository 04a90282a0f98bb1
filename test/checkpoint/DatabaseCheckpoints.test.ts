import type { FileSystem } from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Layer, Queue } from "effect"
import { CheckpointCreator } from "../../src/checkpoint/CheckpointCreator.ts"
import { Checkpointer } from "../../src/checkpoint/Checkpointer.ts"
import { CheckpointSource } from "../../src/checkpoint/CheckpointSource.ts"
import * as Verifier from "../../src/checkpoint/CheckpointVerifier.ts"
import { CheckpointVersions } from "../../src/checkpoint/CheckpointVersions.ts"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { emptyRoot, type Root, rootType } from "../../src/mkvs/Root.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { dataSet } from "../mkvs/dataset.ts"
import { checkpoints } from "../mkvs/vectors.ts"
import { files, temporaryDirectory } from "./support.ts"

/** Commits and finalises the entries of a data set as the next version. */
const advance = (old: Root | undefined, count: number) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const before = old ?? emptyRoot(database.namespace, 0n, rootType.state)
    const batch = yield* database.newBatch(before, before.version + 1n)
    for (const [key, value] of dataSet("hash", "visible", count)) batch.insert(key, value)
    const { root } = yield* batch.commit
    yield* database.finalize([root])
    return root
  }).pipe(Effect.scoped)

const withDatabase = <A, E>(
  database: (directory: string) => Layer.Layer<NodeDatabase, unknown>,
  body: (
    directory: string
  ) => Effect.Effect<A, E, NodeDatabase | CheckpointCreator | CheckpointVersions | FileSystem>
) =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const source = Layer.merge(CheckpointSource.layer, CheckpointVersions.layer)
    const layer = CheckpointCreator.layer({ directory: `${directory}/checkpoints` }).pipe(
      Layer.provideMerge(source),
      Layer.provideMerge(database(`${directory}/database`))
    )
    return yield* Effect.provide(body(`${directory}/checkpoints`), layer)
  }).pipe(Effect.scoped, Effect.provide(files))

const media: ReadonlyArray<readonly [string, (directory: string) => Layer.Layer<NodeDatabase, unknown>]> = [
  ["memory", () => NodeDatabase.layerMemory()],
  ["lmdb", (directory) => NodeDatabase.layerLmdb({ directory })]
]

describe.each(media)("checkpoints of a database in %s", (_, database) => {
  const vectors = checkpoints().filter(({ profile, n }) => profile === "hash" && n === 200)
  it.effect.each(vectors)("are those of the reference: $name", (vector) =>
    withDatabase(database, (directory) =>
      Effect.gen(function* () {
        const creator = yield* CheckpointCreator
        const root = yield* advance(undefined, vector.n)
        const metadata = yield* creator.create(root, vector.chunkSize, vector.threads)
        expect(toHex(metadata.encodedHash())).toBe(toHex(vector.encodedHash))
        const [place] = yield* Effect.provide(Verifier.findCheckpoints(directory), files)
        const verified = yield* Effect.provide(Verifier.verify(place!), files)
        expect(verified).toEqual({ metadata, keys: 200 })
      })
    )
  )

  it.effect("are made of versions as they come, which are not pruned meanwhile", () =>
    withDatabase(database, () =>
      Effect.gen(function* () {
        const nodes = yield* NodeDatabase
        const begun = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const context = yield* Layer.build(
          Checkpointer.layer({
            name: "test",
            namespace: nodes.namespace,
            checkInterval: Duration.infinity,
            rootsPerVersion: 1,
            parameters: { interval: 1n, numKept: 1, chunkSize: 2_048 },
            getRoots: (version) =>
              Deferred.succeed(begun, undefined).pipe(
                Effect.zipRight(Deferred.await(goOn)),
                Effect.zipRight(nodes.rootsForVersion(version))
              )
          })
        )
        const checkpointer = Context.get(context, Checkpointer)
        const events = yield* checkpointer.subscribe
        const first = yield* advance(undefined, 50)
        yield* checkpointer.notifyNewVersion(first.version)
        yield* checkpointer.flush
        yield* Deferred.await(begun)
        const second = yield* advance(first, 60)
        expect((yield* Effect.flip(nodes.prune(1n)))._tag).toBe("VersionPinned")
        yield* Deferred.succeed(goOn, undefined)
        const made = yield* Effect.all([Queue.take(events), Queue.take(events)])
        expect(made.map(({ _tag, version }) => `${_tag} ${version}`)).toEqual(["Creating 1", "Created 1"])
        yield* checkpointer.notifyNewVersion(second.version)
        yield* checkpointer.flush
        const next = yield* Effect.all([Queue.take(events), Queue.take(events), Queue.take(events)])
        expect(next.map(({ _tag, version }) => `${_tag} ${version}`)).toEqual([
          "Creating 2",
          "Created 2",
          "Removed 1"
        ])
        yield* nodes.prune(1n)
        const creator = yield* CheckpointCreator
        expect((yield* creator.get(1, second)).root).toEqual(second)
        yield* checkpointer.forceCheckpoint(1n)
        expect((yield* Queue.take(events))._tag).toBe("Failed")
      }).pipe(Effect.scoped)
    )
  )
})
