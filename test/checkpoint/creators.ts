import { FileSystem } from "@effect/platform/FileSystem"
import { Chunk, Effect, Either, Layer, Stream } from "effect"
import { CheckpointCreator } from "../../src/checkpoint/CheckpointCreator.ts"
import type { CheckpointSource } from "../../src/checkpoint/CheckpointSource.ts"
import type { ChunkProvider } from "../../src/checkpoint/ChunkProvider.ts"
import { type ChunkMetadata, GetCheckpointsRequest, type Metadata } from "../../src/checkpoint/Metadata.ts"
import { concat, toHex } from "../../src/mkvs/Bytes.ts"
import { nodeHasher } from "../mkvs/hasher.ts"
import { dataTree, files, namespace, rootOf, sourceOf, temporaryDirectory } from "./support.ts"

/** The tree most tests make checkpoints of. */
export const tree = dataTree("hash", 200)
export const root = rootOf(tree)

/** Runs with a creator in a directory of its own. */
export const withCreator = <A, E>(
  use: (creator: CheckpointCreator.Service, directory: string) => Effect.Effect<A, E, FileSystem>,
  source: Layer.Layer<CheckpointSource> = sourceOf([tree]),
  limits?: { readonly chunksMax: number }
) =>
  Effect.gen(function* () {
    const directory = `${yield* temporaryDirectory}/below/checkpoints`
    const layer = Layer.provide(CheckpointCreator.layer({ directory, limits }), source)
    return yield* Effect.provide(
      Effect.flatMap(CheckpointCreator, (creator) => use(creator, directory)),
      layer
    )
  }).pipe(Effect.scoped, Effect.provide(files))

/** All files below a directory with the hash of their content; directories without files too. */
export const contents = (directory: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    if (!(yield* fs.exists(directory))) return []
    const names = (yield* fs.readDirectory(directory, { recursive: true })).sort()
    return yield* Effect.forEach(names, (name) =>
      Effect.map(Effect.either(fs.readFile(`${directory}/${name}`)), (bytes) =>
        Either.isRight(bytes) ? `${name} ${toHex(nodeHasher.hash(bytes.right))}` : `${name}/`
      )
    )
  })

export const everything = (version = 1) => new GetCheckpointsRequest({ version, namespace })

export const collect = (creator: ChunkProvider.Service, chunk: ChunkMetadata) =>
  Effect.map(Stream.runCollect(creator.getChunk(chunk)), (pieces) => concat(...Chunk.toReadonlyArray(pieces)))

export const chunkOf = (metadata: Metadata, index: number) =>
  Either.getOrThrow(metadata.getChunkMetadata(index))
