import { Context, Effect, Layer, Option } from "effect"
import type { Root } from "../mkvs/Root.ts"
import type { TreeNode } from "../mkvs/TreeNode.ts"
import { NodeDatabase } from "../storage/NodeDatabase.ts"

/** Where a checkpoint's nodes come from. */
export class CheckpointSource extends Context.Tag("effect-cairn/CheckpointSource")<
  CheckpointSource,
  CheckpointSource.Service
>() {
  /** The trees of the node database; its worker opens the same directory read-only. */
  static readonly layer: Layer.Layer<CheckpointSource, never, NodeDatabase> = Layer.effect(
    CheckpointSource,
    Effect.map(NodeDatabase, (database) => ({
      withRoot: (root, use) =>
        Effect.scoped(Effect.flatMap(database.snapshot(root), (snapshot) => use(snapshot.top))),
      attempt: (body) =>
        // walking a tree looks no key up, so none can be too long
        Effect.catchTag(database.attempt(body), "KeyTooLong", Effect.die),
      worker: Option.map(database.path, (databasePath) => ({ databasePath }))
    }))
  )
}

export declare namespace CheckpointSource {
  interface Service {
    /**
     * Runs `use` on the root's top node (`undefined`: an empty tree). The version is not pruned, and the nodes can be
     * read, until `use` ends.
     */
    readonly withRoot: <A, E, R>(
      root: Root,
      use: (top: TreeNode | undefined) => Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | NodeDatabase.RootUnavailable | NodeDatabase.ReadFailure, R>
    /** Turns what reading nodes throws into typed failures; other throws die. */
    readonly attempt: <A>(body: () => A) => Effect.Effect<A, NodeDatabase.ReadFailure>
    /** Where a worker thread finds the same trees; `None`: checkpoints are made in the calling thread. */
    readonly worker: Option.Option<{ readonly databasePath: string }>
  }
}
