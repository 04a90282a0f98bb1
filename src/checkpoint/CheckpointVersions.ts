import { Context, Effect, Layer, type Option, type Scope } from "effect"
import type { Root } from "../mkvs/Root.ts"
import { NodeDatabase } from "../storage/NodeDatabase.ts"
import type * as Errors from "../storage/NodeDatabaseError.ts"

/** Which versions there are to make checkpoints of. */
export class CheckpointVersions extends Context.Tag("effect-cairn/CheckpointVersions")<
  CheckpointVersions,
  CheckpointVersions.Service
>() {
  /** Those of the node database. */
  static readonly layer: Layer.Layer<CheckpointVersions, never, NodeDatabase> = Layer.effect(
    CheckpointVersions,
    Effect.map(NodeDatabase, (database) => ({
      latest: database.latestVersion,
      earliest: database.earliestVersion,
      rootsForVersion: database.rootsForVersion,
      pin: database.pin
    }))
  )
}

export declare namespace CheckpointVersions {
  interface Service {
    /** The newest finalised version; `None` before the first. */
    readonly latest: Effect.Effect<Option.Option<bigint>, NodeDatabase.ReadFailure>
    /** The oldest version that is kept; `None` before the first is finalised. */
    readonly earliest: Effect.Effect<Option.Option<bigint>, NodeDatabase.ReadFailure>
    /** Finalised roots of the version, state before io. */
    readonly rootsForVersion: (
      version: bigint
    ) => Effect.Effect<ReadonlyArray<Root>, Errors.VersionNotFound | NodeDatabase.ReadFailure>
    /** Keeps the version from being pruned until the scope closes. */
    readonly pin: (
      version: bigint
    ) => Effect.Effect<void, Errors.VersionNotFound | Errors.WriteFailure, Scope.Scope>
  }
}
