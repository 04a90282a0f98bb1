import { Effect, Option, TestClock } from "effect"
import { expect } from "vitest"
import { rootType } from "../../../src/mkvs/Root.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import {
  advance,
  type Check,
  candidate,
  contentOf,
  fails,
  manyWrites,
  nothing,
  versions,
  type Writes
} from "./support.ts"

/** Pruning, pins, and what is left on the medium afterwards. */
export const pruningCases = (check: Check): void => {
  check(
    "prune takes the earliest version away and leaves the others whole",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [first, second, third] = yield* versions({ a: "1", b: "1" }, { a: "2" }, { b: "3", c: "3" })
      yield* database.prune(1n)
      expect(yield* database.earliestVersion).toEqual(Option.some(2n))
      expect(yield* database.has(first!)).toBe(false)
      yield* fails(contentOf(first!), "RootNotFound")
      yield* fails(database.rootsForVersion(1n), "VersionNotFound")
      expect(yield* contentOf(second!)).toEqual({ a: "2", b: "1" })
      yield* database.prune(2n)
      expect(yield* contentOf(third!)).toEqual({ a: "2", b: "3", c: "3" })
      expect(yield* database.verify(third!)).toMatchObject({ keys: 3 })
    })
  )

  check(
    "NotEarliest, CannotPruneLatest, NotFinalized",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      yield* fails(database.prune(0n), "NotFinalized")
      yield* versions({ a: "1" }, { a: "2" }, { a: "3" })
      const error = yield* fails(database.prune(2n), "NotEarliest")
      expect(error).toMatchObject({ version: 2n, earliest: 1n })
      yield* fails(database.prune(4n), "NotFinalized")
      yield* database.prune(1n)
      yield* fails(database.prune(1n), "NotEarliest")
      yield* database.prune(2n)
      yield* fails(database.prune(3n), "CannotPruneLatest")
    })
  )

  check(
    "after pruning, the medium holds just the pages of what is kept",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      let root = yield* advance(yield* nothing(0n), manyWrites(3000))
      for (let round = 0; round < 6; round++) {
        const writes: Record<string, string | null> = {}
        for (const [i, key] of Object.keys(manyWrites(3000)).entries()) {
          if (i % 7 === round) writes[key] = round % 2 === 0 ? `new ${round}` : null
        }
        root = yield* advance(root, writes)
      }
      for (let version = 1n; version < root.version; version++) yield* database.prune(version)
      const { pages } = yield* database.verify(root)
      // A copy of the same content in an empty database takes about as many pages; garbage would show.
      const content = (yield* contentOf(root)) as Writes
      const fresh = yield* Effect.gen(function* () {
        const copy = yield* advance(yield* nothing(0n), content)
        expect(copy.hash).toEqual(root.hash)
        return yield* (yield* NodeDatabase).verify(copy)
      }).pipe(Effect.provide(NodeDatabase.layerMemory()))
      expect(pages).toBeLessThan(fresh.pages * 1.5)
    })
  )

  check(
    "a root that nothing was made from goes with all its pages",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const big = yield* advance(yield* nothing(0n), manyWrites(2000))
      const other = yield* candidate(yield* nothing(1n), 2n, { only: "this" })
      yield* database.finalize([other.root])
      expect(yield* contentOf(big)).toMatchObject({})
      yield* database.prune(1n)
      expect(yield* contentOf(other.root)).toEqual({ only: "this" })
      expect(yield* database.verify(other.root)).toMatchObject({ pages: 1, keys: 1 })
    })
  )

  check(
    "io roots go with their version",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      let state = yield* nothing(0n)
      for (let version = 1n; version <= 3n; version++) {
        const next = yield* candidate(state, version, { a: `${version}` })
        const io = yield* candidate(yield* nothing(version, rootType.io), version, {
          [`input ${version}`]: "x"
        })
        yield* database.finalize([next.root, io.root])
        state = next.root
      }
      yield* database.prune(1n)
      yield* database.prune(2n)
      const [, io] = yield* database.rootsForVersion(3n)
      expect(yield* contentOf(io!)).toEqual({ "input 3": "x" })
      expect(yield* contentOf(state)).toEqual({ a: "3" })
    })
  )

  check(
    "VersionPinned: a pin holds until its scope closes",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      yield* versions({ a: "1" }, { a: "2" })
      yield* Effect.gen(function* () {
        yield* database.pin(1n)
        yield* fails(database.prune(1n), "VersionPinned")
        yield* TestClock.adjust("10 minutes")
        yield* fails(database.prune(1n), "VersionPinned")
      }).pipe(Effect.scoped)
      yield* database.prune(1n)
    })
  )

  check(
    "two pins of a version both count",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      yield* versions({ a: "1" }, { a: "2" })
      yield* Effect.scoped(
        Effect.zipRight(database.pin(1n), Effect.scoped(database.pin(1n))).pipe(
          Effect.zipRight(fails(database.prune(1n), "VersionPinned"))
        )
      )
      yield* database.prune(1n)
    })
  )

  check(
    "pin: VersionNotFound for what was never here or is gone",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      yield* fails(Effect.scoped(database.pin(1n)), "VersionNotFound")
      yield* versions({ a: "1" }, { a: "2" })
      yield* database.prune(1n)
      yield* fails(Effect.scoped(database.pin(1n)), "VersionNotFound")
      yield* fails(Effect.scoped(database.pin(3n)), "VersionNotFound")
    })
  )

  check(
    "a snapshot keeps its version readable while others are pruned after it closes",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [first] = yield* versions(manyWrites(500), { "key/0": "new" })
      yield* Effect.gen(function* () {
        const snapshot = yield* database.snapshot(first!)
        yield* fails(database.prune(1n), "VersionPinned")
        expect(snapshot.keys).toBe(500)
        expect(Array.from(snapshot.iterate()).length).toBe(500)
      }).pipe(Effect.scoped)
      yield* database.prune(1n)
    })
  )

  check(
    "thousands of pages are pruned in slices",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      yield* advance(
        yield* nothing(0n),
        Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`${i}`, "x".repeat(1500)]))
      )
      const other = yield* candidate(yield* nothing(1n), 2n, { only: "this" })
      yield* database.finalize([other.root])
      yield* database.prune(1n)
      expect(yield* contentOf(other.root)).toEqual({ only: "this" })
    })
  )
}
