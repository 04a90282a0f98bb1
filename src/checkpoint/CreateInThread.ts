import { FileSystem } from "@effect/platform/FileSystem"
import { Path } from "@effect/platform/Path"
import { Effect, Option } from "effect"
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
  /** Give up after so many turns of a few milliseconds. */
  readonly turnsMax: number
}

/**
 * Writes the chunks of a tree in this thread, which it lets others have every few milliseconds. All files are durable
 * when it returns. `None`: the turns did not suffice, and what is written is of no use.
 */
export const createInThread = (
  top: TreeNode | undefined,
  attempt: CheckpointSource.Service["attempt"],
  options: InThreadOptions
): Effect.Effect<
  Option.Option<ProducedChunks>,
  CheckpointStorageFailed | InvalidMetadata | NodeDatabase.ReadFailure,
  FileSystem | Path
> =>
  Effect.gen(function* () {
    const path = yield* Path
    const producer = new ChunkProducer(top, options)
    let turns = options.turnsMax
    for (let index = 0; yield* attempt(() => producer.nextChunk()); index++) {
      if (index === options.chunksMax) return yield* tooManyChunks(options.chunksMax)
      const file = path.join(options.directory, String(index))
      turns = yield* writeChunk(file, producer, attempt, turns, options.onProgress)
      if (turns === 0) return Option.none()
    }
    return Option.some(producer.produced)
  })

/** The turns that are left afterwards; 0: they did not suffice. */
const writeChunk = (
  path: string,
  producer: ChunkProducer,
  attempt: CheckpointSource.Service["attempt"],
  turnsMax: number,
  onProgress: (progress: CreationProgress) => void
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const file = yield* failing(fs.open(path, { flag: "wx", mode: 0o600 }), "create", path)
    let turns = turnsMax
    for (let complete = false; !complete; turns--) {
      if (turns === 0) return 0
      complete = yield* attempt(() => producer.turn())
      const bytes = producer.take()
      // an interrupted write would go on in the background, with a buffer that is reused and a file that is closed
      if (bytes.length > 0) yield* Effect.uninterruptible(failing(file.writeAll(bytes), "write", path))
      onProgress(producer.progress)
      yield* yieldToEventLoop
    }
    producer.endChunk()
    yield* Effect.uninterruptible(failing(file.sync, "sync", path))
    return turns
  }).pipe(Effect.scoped)
