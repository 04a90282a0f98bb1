import { FileSystem } from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Context, Effect, Layer, type Scope } from "effect"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"

/**
 * A place for one node's data. Each build of the layer is another start of the node on the same data; the data is gone
 * with the scope.
 */
export interface Medium {
  readonly name: string
  readonly make: Effect.Effect<Layer.Layer<NodeDatabase, unknown>, unknown, Scope.Scope>
}

export const memory: Medium = {
  name: "memory",
  make: Effect.map(Layer.build(NodeDatabase.layerMemory()), (context) =>
    Layer.succeed(NodeDatabase, Context.get(context, NodeDatabase))
  )
}

export const lmdb: Medium = {
  name: "lmdb",
  make: Effect.map(temporaryDirectory(), (directory) => NodeDatabase.layerLmdb({ directory }))
}

export const media: ReadonlyArray<Medium> = [memory, lmdb]

/** Removed with the scope. */
export function temporaryDirectory(): Effect.Effect<string, unknown, Scope.Scope> {
  return Effect.flatMap(FileSystem, (files) => files.makeTempDirectoryScoped({ prefix: "cairn-node-" })).pipe(
    Effect.provide(NodeFileSystem.layer)
  )
}
