import { FileSystem } from "@effect/platform/FileSystem"
import { Path } from "@effect/platform/Path"
import { Effect } from "effect"
import type { TreeNode } from "../mkvs/TreeNode.ts"
import type { NodeDatabase } from "../storage/NodeDatabase.ts"
import { yieldToEventLoop } from "../storage/yieldToEventLoop.ts"
import type { CheckpointStorageFailed, InvalidMetadata } from "./CheckpointError.ts"
import { tooManyChunks } from "./CheckpointLimits.ts"
import type { CheckpointSource } from "./CheckpointSource.ts"
import type { ChunkerOptions } from "./Chunker.ts"
import { ChunkProducer, type CreationProgress, type ProducedChunks } from "./ChunkProducer.ts"
import { failing } from "./PlainFiles.ts"

export interface InThreadOptions extends ChunkerOptions {
  /** Where chunks go; it exists and is empty. */
  readonly directory: string
  readonly chunksMax: number
  readonly onProgress: (progress: CreationProgress) => void
}

/**
 * Writes the chunks of a tree in this thread, which it lets others have every few milliseconds. All files are durable
 * when it returns.
 */
export const createInThread = (
  top: TreeNode | undefined,
  attempt: CheckpointSource.Service["attempt"],
  options: InThreadOptions
): Effect.Effect<
  ProducedChunks,
  CheckpointStorageFailed | InvalidMetadata | NodeDatabase.ReadFailure,
  FileSystem | Path
> =>
  Effect.gen(function* () {
    const path = yield* Path
    const producer = new ChunkProducer(top, options)
    for (let index = 0; yield* attempt(() => producer.nextChunk()); index++) {
      if (index === options.chunksMax) return yield* tooManyChunks(options.chunksMax)
      const file = path.join(options.directory, String(index))
      yield* writeChunk(file, producer, attempt, options.onProgress)
    }
    return producer.produced
  })

const writeChunk = (
  path: string,
  producer: ChunkProducer,
  attempt: CheckpointSource.Service["attempt"],
  onProgress: (progress: CreationProgress) => void
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const file = yield* failing(fs.open(path, { flag: "wx", mode: 0o600 }), "create", path)
    for (let complete = false; !complete; ) {
      complete = yield* attempt(() => producer.turn())
      const bytes = producer.take()
      // an interrupted write would go on in the background, with a buffer that is reused and a file that is closed
      if (bytes.length > 0) yield* Effect.uninterruptible(failing(file.writeAll(bytes), "write", path))
      onProgress(producer.progress)
      yield* yieldToEventLoop
    }
    producer.endChunk()
    yield* Effect.uninterruptible(failing(file.sync, "sync", path))
  }).pipe(Effect.scoped)
