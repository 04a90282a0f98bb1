import { Effect, Option } from "effect"
import { expect } from "vitest"
import { emptyHash, Root, rootType } from "../../../src/mkvs/Root.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import {
  advance,
  type Check,
  candidate,
  contentOf,
  dies,
  fails,
  nothing,
  otherNamespace,
  versions,
  withNamespace,
  write
} from "./support.ts"

/** Versions, batches, finalisation. */
export const versionCases = (check: Check): void => {
  check(
    "has no versions at first",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      expect(yield* database.latestVersion).toEqual(Option.none())
      expect(yield* database.earliestVersion).toEqual(Option.none())
      yield* fails(database.rootsForVersion(0n), "VersionNotFound")
      expect(yield* database.has(yield* nothing(0n))).toBe(false)
    })
  )

  check(
    "begins at any version and goes on from there",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const first = yield* advance(yield* nothing(41n), { a: "1" })
      expect(first.version).toBe(42n)
      const second = yield* advance(first, { b: "2" })
      expect(yield* database.earliestVersion).toEqual(Option.some(42n))
      expect(yield* database.latestVersion).toEqual(Option.some(43n))
      expect(yield* contentOf(first)).toEqual({ a: "1" })
      expect(yield* contentOf(second)).toEqual({ a: "1", b: "2" })
    })
  )

  check(
    "a version without changes has its predecessor's hash",
    Effect.gen(function* () {
      const [first, second] = yield* versions({ a: "1" }, {})
      expect(second!.hash).toEqual(first!.hash)
      expect(yield* contentOf(second!)).toEqual({ a: "1" })
    })
  )

  check(
    "a version that removes everything is empty",
    Effect.gen(function* () {
      const [, second] = yield* versions({ a: "1", b: "2" }, { a: null, b: null })
      expect(second!.hash).toEqual(emptyHash)
      expect(yield* contentOf(second!)).toEqual({})
    })
  )

  check(
    "an empty root can be finalised without a batch",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      yield* database.finalize([yield* nothing(1n)])
      expect(yield* database.has(yield* nothing(1n))).toBe(true)
      expect(yield* contentOf(yield* nothing(1n))).toEqual({})
    })
  )

  check(
    "a batch reads its own writes over the old root",
    Effect.gen(function* () {
      const [first] = yield* versions({ a: "1", b: "2" })
      const batch = yield* (yield* NodeDatabase).newBatch(first!, 2n)
      write(batch, { a: "new", b: null, c: "3" })
      const entries = Array.from(batch.iterate(), ([key, value]) => [key[0], value.length])
      expect(entries).toEqual([
        [0x61, 3],
        [0x63, 1]
      ])
      expect(batch.has(Uint8Array.of(0x62))).toBe(false)
      expect(yield* contentOf(first!)).toEqual({ a: "1", b: "2" })
    })
  )

  check(
    "a commit tells root, keys and write log",
    Effect.gen(function* () {
      const [first] = yield* versions({ a: "1", b: "2" })
      const commit = yield* candidate(first!, 2n, { a: "1", b: null, c: "3", x: null })
      expect(commit.keys).toBe(2)
      expect(commit.root.version).toBe(2n)
      expect(commit.writeLog().map(({ key, value }) => [key[0], value?.[0]])).toEqual([
        [0x62, undefined],
        [0x63, 0x33]
      ])
    })
  )

  check(
    "a second commit of a batch dies",
    Effect.gen(function* () {
      const batch = yield* (yield* NodeDatabase).newBatch(yield* nothing(0n), 1n)
      yield* batch.commit
      yield* dies(batch.commit)
    })
  )

  check(
    "candidates of a version can be read, and one of them wins",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [first] = yield* versions({ a: "1" })
      const one = yield* candidate(first!, 2n, { a: "one" })
      const two = yield* candidate(first!, 2n, { a: "two", b: "2" })
      expect(yield* contentOf(one.root)).toEqual({ a: "one" })
      expect(yield* database.has(two.root)).toBe(true)
      yield* database.finalize([two.root])
      expect(yield* contentOf(two.root)).toEqual({ a: "two", b: "2" })
      expect(yield* database.has(one.root)).toBe(false)
      yield* fails(contentOf(one.root), "RootNotFound")
      expect(yield* database.rootsForVersion(2n)).toEqual([two.root])
    })
  )

  check(
    "a candidate can follow a candidate of its version",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [first] = yield* versions({ a: "1" })
      const half = yield* candidate(first!, 2n, { b: "2" })
      const whole = yield* candidate(half.root, 2n, { b: null, c: "3" })
      yield* database.finalize([whole.root])
      expect(yield* contentOf(whole.root)).toEqual({ a: "1", c: "3" })
      const third = yield* advance(whole.root, { a: null })
      expect(yield* contentOf(third)).toEqual({ c: "3" })
      yield* database.prune(1n)
      yield* database.prune(2n)
      expect(yield* database.verify(third)).toMatchObject({ keys: 1 })
    })
  )

  check(
    "the same content committed twice is one candidate",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const one = yield* candidate(yield* nothing(0n), 1n, { a: "1" })
      const two = yield* candidate(yield* nothing(0n), 1n, { a: "1" })
      expect(two.root).toEqual(one.root)
      yield* database.finalize([two.root])
      expect(yield* database.verify(one.root)).toMatchObject({ keys: 1 })
    })
  )

  check(
    "a version has a state and an io root",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const state = yield* candidate(yield* nothing(0n), 1n, { a: "1" })
      const io = yield* candidate(yield* nothing(1n, rootType.io), 1n, { a: "1" })
      expect(io.root.hash).toEqual(state.root.hash)
      yield* database.finalize([io.root, state.root])
      expect(yield* database.rootsForVersion(1n)).toEqual([state.root, io.root])
      expect(yield* contentOf(io.root)).toEqual({ a: "1" })
    })
  )

  check(
    "the empty root of a kept version is there",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      yield* versions({ a: "1" })
      expect(yield* database.has(yield* nothing(1n, rootType.io))).toBe(true)
      expect(yield* database.has(yield* nothing(2n))).toBe(false)
    })
  )

  check(
    "an io root does not follow an earlier one",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const io = yield* candidate(yield* nothing(1n, rootType.io), 1n, { a: "1" })
      yield* database.finalize([io.root])
      yield* fails(database.newBatch(io.root, 2n), "RootMustFollowOld")
      const next = yield* candidate(yield* nothing(1n, rootType.io), 2n, { b: "2" })
      expect(yield* contentOf(next.root)).toEqual({ b: "2" })
    })
  )

  check(
    "RootMustFollowOld: a version too far from the old root's",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [first] = yield* versions({ a: "1" })
      yield* fails(database.newBatch(first!, 3n), "RootMustFollowOld")
      yield* fails(database.newBatch(first!, 0n), "RootMustFollowOld")
    })
  )

  check(
    "PreviousVersionMismatch: an old root that is not of the latest version",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      yield* versions({ a: "1" })
      const error = yield* fails(database.newBatch(yield* nothing(7n), 8n), "PreviousVersionMismatch")
      expect(error).toMatchObject({ given: 7n, expected: 1n })
    })
  )

  check(
    "NotFinalized: a batch of a version whose predecessor is not final",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      yield* versions({ a: "1" })
      const error = yield* fails(database.newBatch(yield* nothing(3n), 3n), "NotFinalized")
      expect(error.version).toBe(2n)
    })
  )

  check(
    "VersionWentBackwards and AlreadyFinalized: a batch of an earlier or the latest version",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [first, second] = yield* versions({ a: "1" }, { b: "2" })
      yield* fails(database.newBatch(first!, 1n), "VersionWentBackwards")
      yield* fails(database.newBatch(first!, 2n), "AlreadyFinalized")
      yield* fails(database.newBatch(second!, 2n), "AlreadyFinalized")
    })
  )

  check(
    "RootNotFound: an old root that never was",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [first] = yield* versions({ a: "1" })
      const other = yield* candidate(first!, 2n, { a: "2" })
      yield* fails(database.newBatch(new Root({ ...first!, hash: other.root.hash }), 2n), "RootNotFound")
    })
  )

  check(
    "BadNamespace wherever a root comes in",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [first] = yield* versions({ a: "1" })
      const strange = withNamespace(first!, otherNamespace)
      yield* fails(database.newBatch(strange, 2n), "BadNamespace")
      yield* fails(
        database.read(strange, () => 0),
        "BadNamespace"
      )
      yield* fails(database.snapshot(strange), "BadNamespace")
      yield* fails(database.verify(strange), "BadNamespace")
      yield* fails(database.finalize([withNamespace(yield* nothing(2n), otherNamespace)]), "BadNamespace")
      expect(yield* database.has(strange)).toBe(false)
    })
  )

  check(
    "finalize refuses what is final, what leaves a gap, and what is unknown",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [first] = yield* versions({ a: "1" })
      yield* fails(database.finalize([first!]), "AlreadyFinalized")
      yield* fails(database.finalize([yield* nothing(3n)]), "NotFinalized")
      const lost = yield* candidate(first!, 2n, { a: "2" })
      const won = yield* candidate(first!, 2n, { a: "3" })
      yield* database.finalize([won.root])
      yield* fails(database.finalize([new Root({ ...lost.root, version: 3n })]), "RootNotFound")
      expect(yield* database.latestVersion).toEqual(Option.some(2n))
    })
  )

  check(
    "finalize dies of a program's mistakes: no root, two of a type, two versions",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const one = yield* candidate(yield* nothing(0n), 1n, { a: "1" })
      const two = yield* candidate(yield* nothing(0n), 1n, { a: "2" })
      yield* dies(database.finalize([]))
      yield* dies(database.finalize([one.root, two.root]))
      yield* dies(database.finalize([one.root, yield* nothing(2n, rootType.io)]))
      yield* database.finalize([one.root])
    })
  )

  check(
    "commits of one version run side by side without harm",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const first = yield* advance(yield* nothing(0n), { a: "1" })
      const commits = yield* Effect.forEach(
        Array.from({ length: 8 }, (_, i) => i),
        (i) => candidate(first, 2n, { [`k${i}`]: "x".repeat(i * 300), a: `${i}` }),
        { concurrency: "unbounded" }
      )
      for (const [i, commit] of commits.entries()) {
        expect(yield* contentOf(commit.root)).toEqual({ [`k${i}`]: "x".repeat(i * 300), a: `${i}` })
      }
      yield* database.finalize([commits[5]!.root])
      expect(yield* database.verify(commits[5]!.root)).toMatchObject({ keys: 2 })
    })
  )

  check(
    "a commit that is interrupted leaves no trace",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const first = yield* advance(yield* nothing(0n), { a: "1" })
      const batch = yield* database.newBatch(first, 2n)
      for (let i = 0; i < 20_000; i++) batch.insert(new TextEncoder().encode(`k${i}`), new Uint8Array(20))
      const fiber = yield* Effect.fork(batch.commit)
      yield* Effect.yieldNow()
      yield* fiber.interruptAsFork(fiber.id())
      yield* fiber.await
      const second = yield* advance(first, { b: "2" })
      expect(yield* contentOf(second)).toEqual({ a: "1", b: "2" })
      expect(yield* database.verify(second)).toMatchObject({ keys: 2 })
    })
  )
}
