import { Effect } from "effect"

/**
 * Lets timers and input of the process have their turn. `Effect.yieldNow` only lets other fibers have theirs.
 */
export const yieldToEventLoop: Effect.Effect<void> = Effect.async((resume) => {
  const handle = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(handle))
})
