import { Context, Effect, Layer } from "effect"
import { CheckpointCreator } from "./CheckpointCreator.ts"
import { Restorer } from "./Restorer.ts"

/** Makes checkpoints and restores them: what a node that both serves and syncs needs. */
export class CreateRestorer extends Context.Tag("effect-cairn/CreateRestorer")<
  CreateRestorer,
  CheckpointCreator.Service & Restorer.Service
>() {
  static readonly make = (
    creator: CheckpointCreator.Service,
    restorer: Restorer.Service
  ): CheckpointCreator.Service & Restorer.Service => ({ ...creator, ...restorer })

  static readonly layer: Layer.Layer<CreateRestorer, never, CheckpointCreator | Restorer> = Layer.effect(
    CreateRestorer,
    Effect.zipWith(CheckpointCreator, Restorer, CreateRestorer.make)
  )
}
