import { writeSync } from "node:fs"
import { join } from "node:path"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { Chunk, Effect, Layer, Stream } from "effect"
import { CheckpointCreator } from "../../../src/checkpoint/CheckpointCreator.ts"
import { CheckpointSource } from "../../../src/checkpoint/CheckpointSource.ts"
import { Restorer } from "../../../src/checkpoint/Restorer.ts"
import { concat } from "../../../src/mkvs/Bytes.ts"
import { emptyRoot, rootType } from "../../../src/mkvs/Root.ts"
import { makeLmdbDatabase } from "../../../src/storage/LmdbDatabase.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"

/** Does each durable thing once or twice, and says on stdout, at once, when it was reported as done. */

const [, , directory] = process.argv
const done = (what: string) => Effect.sync(() => writeSync(1, `DONE ${what}\n`))
const key = (i: number) => new TextEncoder().encode(`key ${i}`)

const source = Effect.gen(function* () {
  const database = yield* NodeDatabase
  let root = emptyRoot(database.namespace, 0n, rootType.state)
  for (const version of [1n, 2n]) {
    root = yield* Effect.scoped(
      Effect.gen(function* () {
        const batch = yield* database.newBatch(root, version)
        for (let i = 0; i < 2000; i++) batch.insert(key(i), new Uint8Array(100).fill(Number(version)))
        return (yield* batch.commit).root
      })
    )
    yield* database.finalize([root])
    yield* done("finalize")
  }
  yield* database.records.write([{ table: "blocks", key: key(1), value: key(1) }])
  yield* done("records")
  yield* database.prune(1n)
  yield* done("prune")
  const creator = yield* CheckpointCreator
  const metadata = yield* creator.create(root, 65_536, 0)
  yield* done("checkpoint")
  const chunks = yield* Effect.forEach(metadata.chunks, (_, index) =>
    Effect.flatMap(metadata.getChunkMetadata(index), (chunk) =>
      Effect.map(Stream.runCollect(creator.getChunk(chunk)), (parts) =>
        concat(...Chunk.toReadonlyArray(parts))
      )
    )
  )
  return { metadata, chunks }
})

const checkpoints = CheckpointCreator.layer({ directory: join(directory!, "checkpoints") }).pipe(
  Layer.provide(CheckpointSource.layer)
)
const databaseIn = (name: string) =>
  Layer.scoped(NodeDatabase, makeLmdbDatabase({ directory: join(directory!, name) }))

const program = Effect.gen(function* () {
  const { chunks, metadata } = yield* source.pipe(
    Effect.scoped,
    Effect.provide(Layer.provideMerge(checkpoints, databaseIn("source")))
  )
  yield* Effect.gen(function* () {
    const restorer = yield* Restorer
    yield* restorer.startRestore(metadata)
    for (const [index, bytes] of chunks.entries()) {
      yield* restorer.restoreChunk(index, bytes)
      yield* done("chunk")
    }
    yield* (yield* NodeDatabase).finalize([metadata.root])
    yield* done("restored")
  }).pipe(Effect.provide(Layer.provideMerge(Restorer.layer(), databaseIn("target"))))
})

await Effect.runPromise(program.pipe(Effect.provide(NodeContext.layer)))
