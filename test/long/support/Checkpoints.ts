import { Effect, Layer, Option } from "effect"
import { make } from "../../../src/checkpoint/CheckpointCreator.ts"
import { CheckpointSource } from "../../../src/checkpoint/CheckpointSource.ts"
import * as CheckpointVerifier from "../../../src/checkpoint/CheckpointVerifier.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"

/** A creator of checkpoints in `directory`: made by the program `worker` in a thread; absent: in the calling one. */
export const makeCreator = (database: NodeDatabase.Service, directory: string, worker: URL | undefined) => {
  const source = worker === undefined ? { ...database, path: Option.none() } : database
  const layer = Layer.provide(CheckpointSource.layer, Layer.succeed(NodeDatabase, source))
  return Effect.provide(make({ directory, worker }), layer)
}

/** Checks every checkpoint there, wholly, and tells what they are; nothing but whole ones is there. */
export const verifyAll = (directory: string) =>
  Effect.gen(function* () {
    const places = yield* CheckpointVerifier.findCheckpoints(directory)
    return yield* Effect.forEach(places, (place) => CheckpointVerifier.verify(place))
  })
