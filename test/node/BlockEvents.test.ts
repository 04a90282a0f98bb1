import { describe, expect, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import { BlockEvent, BlockEvents, backlogMax } from "../../src/node/BlockEvents.ts"

const pruned = (version: number) => BlockEvent.VersionPruned({ version: BigInt(version) })

describe("BlockEvents", () => {
  it.scoped("every subscriber hears of everything from its subscription on", () =>
    Effect.gen(function* () {
      const events = yield* BlockEvents
      yield* events.publish(pruned(1))
      const first = yield* events.subscribe
      yield* events.publish(pruned(2))
      const second = yield* events.subscribe
      yield* events.publish(pruned(3))
      expect(Array.from(yield* Queue.takeAll(first))).toEqual([pruned(2), pruned(3)])
      expect(Array.from(yield* Queue.takeAll(second))).toEqual([pruned(3)])
    }).pipe(Effect.provide(BlockEvents.layer))
  )

  it.scoped("a subscriber that does not read holds nobody up, and keeps the newest", () =>
    Effect.gen(function* () {
      const events = yield* BlockEvents
      const lazy = yield* events.subscribe
      for (let version = 1; version <= backlogMax + 10; version++) yield* events.publish(pruned(version))
      const kept = Array.from(yield* Queue.takeAll(lazy))
      expect(kept).toHaveLength(backlogMax)
      expect(kept.at(0)).toEqual(pruned(11))
      expect(kept.at(-1)).toEqual(pruned(backlogMax + 10))
    }).pipe(Effect.provide(BlockEvents.layer))
  )
})
