import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Stream } from "effect"
import { emptyRoot, type Root, rootType } from "../../src/mkvs/Root.ts"
import * as StateStorage from "../../src/node/StateStorage.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)
const key = utf8("key")

/** The next version: the key's value is the version's number. */
const addVersion = (database: NodeDatabase.Service, before: Root) =>
  Effect.gen(function* () {
    const version = before.version + 1n
    const batch = yield* database.newBatch(before, version)
    batch.insert(key, utf8(String(version)))
    const { root } = yield* batch.commit
    yield* database.finalize([root])
    return root
  }).pipe(Effect.scoped)

/** Version 1, and a storage in whose first look-up of a root the node goes on to version 2 and prunes version 1. */
const overtaken = Effect.gen(function* () {
  const database = yield* NodeDatabase
  const first = yield* addVersion(database, emptyRoot(database.namespace, 0n, rootType.state))
  let isFirst = true
  const overtake = Effect.suspend(() => {
    if (!isFirst) return Effect.void
    isFirst = false
    return Effect.zipRight(Effect.orDie(addVersion(database, first)), Effect.orDie(database.prune(1n)))
  })
  return StateStorage.make({
    ...database,
    rootsForVersion: (version) => Effect.zipLeft(database.rootsForVersion(version), overtake)
  })
})

const readers = {
  get: (states: StateStorage.StateStorage.Service, at?: bigint) =>
    Effect.map(states.get(key, at), Option.getOrUndefined),
  entries: (states: StateStorage.StateStorage.Service, at?: bigint) =>
    Effect.map(Stream.runHead(states.entries({}, at)), (entry) => Option.getOrUndefined(entry)?.[1]),
  lend: (states: StateStorage.StateStorage.Service, at?: bigint) =>
    Effect.map(
      states.lend((state) => state.get(key), at),
      Option.getOrUndefined
    )
}

describe("StateStorage", () => {
  for (const [name, read] of Object.entries(readers)) {
    it.effect(`${name}: the latest state is there, though the node goes on meanwhile`, () =>
      Effect.gen(function* () {
        const states = yield* overtaken
        expect(yield* read(states)).toEqual(utf8("2"))
      }).pipe(Effect.provide(NodeDatabase.layerMemory()))
    )

    it.effect(`${name}: a version that is pruned meanwhile is not found`, () =>
      Effect.gen(function* () {
        const states = yield* overtaken
        expect(yield* Effect.flip(read(states, 1n))).toMatchObject({
          _tag: "VersionNotFound",
          version: 1n,
          earliest: Option.some(2n)
        })
      }).pipe(Effect.provide(NodeDatabase.layerMemory()))
    )
  }

  it.effect("what is lent cannot be used afterwards, and its version is kept as long as it is lent", () =>
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const first = yield* addVersion(database, emptyRoot(database.namespace, 0n, rootType.state))
      const states = StateStorage.make(database)
      const kept = yield* states.lend((state) =>
        Effect.gen(function* () {
          yield* Effect.orDie(addVersion(database, first))
          expect((yield* Effect.flip(database.prune(1n)))._tag).toBe("VersionPinned")
          expect(yield* state.get(key)).toEqual(Option.some(utf8("1")))
          return state
        })
      )
      yield* database.prune(1n)
      expect(String(yield* Effect.sandbox(kept.get(key)).pipe(Effect.flip))).toContain("used after")
    }).pipe(Effect.provide(NodeDatabase.layerMemory()))
  )
})
