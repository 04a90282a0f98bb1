import * as path from "node:path"
import { Effect, Layer, type Option } from "effect"
import { CheckpointCreator } from "../../checkpoint/CheckpointCreator.ts"
import { CheckpointSource } from "../../checkpoint/CheckpointSource.ts"
import { toHex } from "../../mkvs/Bytes.ts"
import { NodeDatabase } from "../../storage/NodeDatabase.ts"
import * as DataDirectory from "../DataDirectory.ts"
import * as Output from "../Output.ts"
import * as Progress from "../Progress.ts"
import { toJson, toLine } from "./result.ts"

export interface CreateOptions {
  readonly dataDir: string
  readonly at: Option.Option<bigint>
  readonly chunkSize: number
  readonly threads: number
  readonly out: string
  readonly json: boolean
}

/** Makes a checkpoint, or prints the one that exists. Interrupted, it leaves nothing of it behind. */
export const create = (options: CreateOptions) =>
  Effect.gen(function* () {
    const { chunkSize, json, out, threads } = options
    const database = yield* NodeDatabase
    const creator = yield* CheckpointCreator
    const root = yield* DataDirectory.pinnedRoot(database, options.at)
    const total = yield* database.read(root, (state) => state.keys)
    const progress = yield* Progress.make("making a checkpoint", "keys")
    const metadata = yield* creator.create(root, chunkSize, threads, {
      onProgress: ({ bytes, chunks, keys }) =>
        progress.report(keys, total, `${Progress.count(chunks)} chunks, ${Progress.count(bytes)} bytes`)
    })
    yield* Output.result(json, {
      json: () => toJson(metadata),
      human: () => `${toLine(metadata)}  ${path.join(out, root.version.toString(), toHex(root.hash))}`
    })
  }).pipe(Effect.scoped, Effect.provide(layer(options)))

const layer = ({ dataDir, out }: CreateOptions) =>
  CheckpointCreator.layer({ directory: out }).pipe(
    Layer.provide(CheckpointSource.layer),
    Layer.provideMerge(DataDirectory.reading(dataDir))
  )
