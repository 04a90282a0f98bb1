import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { Blocks } from "../../src/node/Blocks.ts"
import { Executor } from "../../src/node/Executor.ts"
import { Node } from "../../src/node/Node.ts"
import { makeMemoryPageStore } from "../../src/storage/MemoryPageStore.ts"
import { makeDatabase } from "../../src/storage/makeDatabase.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import type { PageStore } from "../../src/storage/PageStore.ts"
import { StoreFull } from "../../src/storage/StoreError.ts"
import { transactions, transfers } from "./ledger.ts"
import { lmdb, temporaryDirectory } from "./media.ts"
import { nodeLayer, withNode } from "./running.ts"

/** A store in memory that has room for so many more writes, and is full then. */
const makeSmallStore = () => {
  const store = makeMemoryPageStore()
  let room = Number.POSITIVE_INFINITY
  const small: PageStore = {
    name: "small",
    readOnly: false,
    get: (table, key) => store.get(table, key),
    range: (table, options) => store.range(table, options),
    write: (changes, options) => {
      if (room === 0) throw new StoreFull({ path: "small" })
      room--
      store.write(changes, options)
    },
    sync: () => store.sync(),
    size: () => store.size(),
    refresh: () => store.refresh()
  }
  return {
    small,
    leaveRoomFor: (writes: number) => {
      room = writes
    }
  }
}

describe("Executor on a failing medium", () => {
  it.scoped("a full disk fails the block wherever it strikes, keeps nothing of it, and loses nothing", () =>
    Effect.gen(function* () {
      const { leaveRoomFor, small } = makeSmallStore()
      const medium = { store: small, path: Option.none(), pinStore: Effect.succeed(small), owner: "test" }
      const database = Layer.succeed(NodeDatabase, yield* makeDatabase(medium))
      yield* withNode(
        database,
        {},
        Effect.gen(function* () {
          const executor = yield* Executor
          const blocks = yield* Blocks
          const { latestVersion } = yield* NodeDatabase
          const batch = yield* transactions(...transfers(3))
          yield* executor.executeBlock(batch, 0)
          const before = yield* executor.head
          let failed = 0
          for (let writes = 0; ; writes++) {
            leaveRoomFor(writes)
            const result = yield* Effect.either(executor.executeBlock(batch, 0))
            if (result._tag === "Right") break
            failed++
            expect(result.left._tag).toBe("StoreFull")
            expect(yield* executor.head).toEqual(before)
            expect(yield* latestVersion).toEqual(Option.some(1n))
            expect(yield* blocks.get(2n)).toEqual(Option.none())
          }
          expect(failed).toBeGreaterThan(0)
          leaveRoomFor(Number.POSITIVE_INFINITY)
          const block = yield* executor.executeBlock(batch, 0)
          expect(block.header).toMatchObject({ round: 3n, firstHeight: 7n })
          expect(yield* (yield* Node).query("ann")).toBe(30)
        })
      )
    })
  )

  it.scoped("a database that is open read-only executes nothing, and can be read", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory()
      const execute = Effect.gen(function* () {
        return yield* (yield* Executor).executeBlock(yield* transactions(...transfers(1)), 0)
      })
      yield* withNode(NodeDatabase.layerLmdb({ directory }), {}, execute)
      const error = yield* withNode(
        NodeDatabase.layerLmdb({ directory, readOnly: true }),
        {},
        Effect.gen(function* () {
          expect(yield* (yield* Node).query("ann")).toBe(10)
          return yield* Effect.flip(execute)
        })
      )
      expect(error._tag).toBe("DatabaseReadOnly")
    })
  )

  it.scoped("a database of another namespace is refused", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory()
      const node = (byte: number) =>
        nodeLayer(NodeDatabase.layerLmdb({ directory, namespace: new Uint8Array(32).fill(byte) }))
      yield* Effect.scoped(Layer.build(node(1)))
      expect(yield* Effect.flip(Effect.scoped(Layer.build(node(2))))).toMatchObject({ _tag: "BadNamespace" })
    })
  )

  it.scoped("two nodes do not share a directory", () =>
    Effect.gen(function* () {
      const database = yield* lmdb.make
      yield* Layer.build(nodeLayer(database))
      const second = yield* Effect.flip(Effect.scoped(Layer.build(nodeLayer(database))))
      expect(second).toMatchObject({ _tag: "DatabaseHeld" })
    })
  )
})
