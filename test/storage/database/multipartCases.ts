import { Effect, Fiber, Option } from "effect"
import { expect } from "vitest"
import { frameEntries } from "../../../src/mkvs/CborEntries.ts"
import { Root, rootType } from "../../../src/mkvs/Root.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import { yieldToEventLoop } from "../../../src/storage/yieldToEventLoop.ts"
import {
  advance,
  type Check,
  candidate,
  contentOf,
  dies,
  fails,
  foreign,
  manyWrites,
  nothing,
  otherNamespace,
  text,
  versions,
  withNamespace
} from "./support.ts"

/** Inserting a version from parts. */
export const multipartCases = (check: Check): void => {
  check(
    "parts in any order make the tree, which then goes on like any other",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const content = manyWrites(700)
      const { root, parts } = yield* foreign(9n, content, 60)
      yield* database.multipart.start(9n, text("tag"))
      expect(yield* database.multipart.current).toEqual(Option.some({ version: 9n, tag: text("tag") }))
      for (const part of [...parts].reverse()) yield* database.multipart.put(part)
      expect(yield* database.multipart.missing(root)).toEqual(Option.none())
      yield* database.finalize([root])
      expect(yield* database.multipart.current).toEqual(Option.none())
      expect(yield* contentOf(root)).toEqual(content)
      expect(yield* database.verify(root)).toMatchObject({ keys: 700 })
      const next = yield* advance(root, { "key/0": null, z: "z" })
      yield* database.prune(9n)
      const { "key/0": _, ...rest } = content
      expect(yield* contentOf(next)).toEqual({ ...rest, z: "z" })
    })
  )

  check(
    "one part that holds everything",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const { root, parts } = yield* foreign(1n, manyWrites(100), 1000)
      expect(parts.length).toBe(1)
      yield* database.multipart.start(1n, text(""))
      yield* database.multipart.put(parts[0]!)
      yield* database.finalize([root])
      expect(yield* contentOf(root)).toEqual(manyWrites(100))
    })
  )

  check(
    "a part for every key, and keys that are prefixes of others",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const content = Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => ["x".repeat(i), `${i}`.repeat(50 * i)])
      )
      const { root, parts } = yield* foreign(1n, content, 1)
      yield* database.multipart.start(1n, text(""))
      for (const part of parts) yield* database.multipart.put(part)
      yield* database.finalize([root])
      expect(yield* contentOf(root)).toEqual(content)
      expect(yield* database.verify(root)).toMatchObject({ keys: 40 })
    })
  )

  check(
    "an empty tree",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const root = yield* nothing(3n)
      yield* database.multipart.start(3n, text(""))
      yield* database.multipart.put({ index: 0, root, entries: frameEntries([null]) })
      yield* database.finalize([root])
      expect(yield* contentOf(root)).toEqual({})
    })
  )

  check(
    "a state and an io root of one version",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const state = yield* foreign(2n, manyWrites(90), 20)
      const io = yield* foreign(2n, manyWrites(50, "io "), 20, rootType.io)
      yield* database.multipart.start(2n, text("state"))
      for (const part of state.parts) yield* database.multipart.put(part)
      yield* database.multipart.setTag(text("io"))
      for (const part of io.parts) yield* database.multipart.put(part)
      yield* database.finalize([io.root, state.root])
      expect(yield* contentOf(state.root)).toEqual(manyWrites(90))
      expect(yield* contentOf(io.root)).toEqual(manyWrites(50, "io "))
    })
  )

  check(
    "done tells the parts of a root, and a part twice is a no-op",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const { root, parts } = yield* foreign(1n, manyWrites(100), 30)
      yield* database.multipart.start(1n, text(""))
      expect(yield* database.multipart.done(root)).toEqual([])
      yield* database.multipart.put(parts[2]!)
      yield* database.multipart.put(parts[0]!)
      yield* database.multipart.put(parts[2]!)
      expect(yield* database.multipart.done(root)).toEqual([0, 2])
    })
  )

  check(
    "parts that overlap leave nothing behind",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const content = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${i}`, "x".repeat(900)]))
      const { root, parts } = yield* foreign(1n, content, 20)
      const all = (yield* foreign(1n, content, 1000)).parts[0]!
      yield* database.multipart.start(1n, text(""))
      for (const part of parts) yield* database.multipart.put(part)
      yield* database.multipart.put({ ...all, index: 100 })
      yield* database.multipart.put({ ...parts[1]!, index: 101 })
      yield* database.finalize([root])
      expect(yield* database.verify(root)).toMatchObject({ keys: 60 })
      const empty = yield* advance(root, Object.fromEntries(Object.keys(content).map((key) => [key, null])))
      yield* database.prune(1n)
      expect(yield* contentOf(empty)).toEqual({})
    })
  )

  check(
    "MultipartIncomplete: finalize names what is missing, and the insert goes on",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const { root, parts } = yield* foreign(1n, manyWrites(300), 50)
      yield* database.multipart.start(1n, text(""))
      for (const part of parts.slice(1)) yield* database.multipart.put(part)
      const missing = Option.getOrThrow(yield* database.multipart.missing(root))
      expect(missing.count).toBeGreaterThan(0)
      const error = yield* fails(database.finalize([root]), "MultipartIncomplete")
      expect(error.missing).toEqual(missing.missing)
      expect(error.missing.every((hash) => hash.length === 32)).toBe(true)
      expect(yield* database.latestVersion).toEqual(Option.none())
      yield* database.multipart.put(parts[0]!)
      yield* database.finalize([root])
      expect(yield* contentOf(root)).toEqual(manyWrites(300))
    })
  )

  check(
    "ProofVerificationFailed: a part with a wrong byte anywhere changes nothing",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const { root, parts } = yield* foreign(1n, manyWrites(40), 20)
      yield* database.multipart.start(1n, text(""))
      const { entries } = parts[0]!
      for (let at = 0; at < entries.length; at += 23) {
        const bad = entries.slice()
        bad[at]! ^= 1 << (at % 8)
        yield* fails(database.multipart.put({ index: 0, root, entries: bad }), "ProofVerificationFailed")
      }
      yield* fails(
        database.multipart.put({ index: 0, root, entries: entries.subarray(0, -1) }),
        "ProofVerificationFailed"
      )
      expect(yield* database.multipart.done(root)).toEqual([])
      for (const part of parts) yield* database.multipart.put(part)
      yield* database.finalize([root])
    })
  )

  check(
    "MultipartInProgress: start, batches and pruning have to wait",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [, second] = yield* versions({ a: "1" }, { a: "2" })
      yield* database.multipart.start(3n, text(""))
      yield* fails(database.multipart.start(3n, text("")), "MultipartInProgress")
      yield* fails(database.newBatch(second!, 3n), "MultipartInProgress")
      yield* fails(database.prune(1n), "MultipartInProgress")
      yield* database.multipart.abort
      yield* candidate(second!, 3n, { a: "3" })
    })
  )

  check(
    "a batch that was open when an insert started cannot be committed any more",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const batch = yield* database.newBatch(yield* nothing(0n), 1n)
      yield* database.multipart.start(1n, text(""))
      yield* dies(batch.commit)
      yield* database.multipart.abort
      yield* versions({ a: "1" })
    })
  )

  check(
    "WrongMultipartVersion: parts and finalize of another version, or without an insert",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const { root, parts } = yield* foreign(5n, { a: "1" }, 5)
      const none = yield* fails(database.multipart.put(parts[0]!), "WrongMultipartVersion")
      expect(none.running).toEqual(Option.none())
      yield* fails(database.multipart.missing(root), "WrongMultipartVersion")
      yield* fails(database.multipart.setTag(text("")), "WrongMultipartVersion")
      yield* database.multipart.start(4n, text(""))
      const other = yield* fails(database.multipart.put(parts[0]!), "WrongMultipartVersion")
      expect(other.running).toEqual(Option.some(4n))
      yield* fails(database.finalize([root]), "WrongMultipartVersion")
    })
  )

  check(
    "start: AlreadyFinalized and NotFinalized",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      yield* versions({ a: "1" }, { a: "2" })
      yield* fails(database.multipart.start(2n, text("")), "AlreadyFinalized")
      yield* fails(database.multipart.start(4n, text("")), "NotFinalized")
    })
  )

  check(
    "put: BadNamespace",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const { root, parts } = yield* foreign(1n, { a: "1" }, 5)
      yield* database.multipart.start(1n, text(""))
      yield* fails(
        database.multipart.put({ ...parts[0]!, root: withNamespace(root, otherNamespace) }),
        "BadNamespace"
      )
    })
  )

  check(
    "abort removes what was inserted, twice is no error, and a new insert starts clean",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      yield* database.multipart.abort
      const { root, parts } = yield* foreign(1n, manyWrites(2000), 300)
      yield* database.multipart.start(1n, text("first"))
      for (const part of parts) yield* database.multipart.put(part)
      yield* database.multipart.abort
      yield* database.multipart.abort
      expect(yield* database.multipart.current).toEqual(Option.none())
      yield* database.multipart.start(1n, text("second"))
      expect(yield* database.multipart.done(root)).toEqual([])
      expect(Option.isSome(yield* database.multipart.missing(root))).toBe(true)
      yield* fails(database.finalize([root]), "MultipartIncomplete")
      for (const part of parts) yield* database.multipart.put(part)
      yield* database.finalize([root])
      expect(yield* database.verify(root)).toMatchObject({ keys: 2000 })
    })
  )

  check(
    "what begins while an abort is still cleaning up is not swept away with it",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const first = yield* advance(yield* nothing(0n), { a: "1" })
      const { parts } = yield* foreign(2n, largeWrites, 500)
      yield* database.multipart.start(2n, text(""))
      for (const part of parts) yield* database.multipart.put(part)
      const aborting = yield* Effect.fork(database.multipart.abort)
      // The abort has happened as soon as nothing is in progress; the rest is cleaning up.
      yield* yieldToEventLoop.pipe(
        Effect.zipRight(database.multipart.current),
        Effect.repeat({ until: Option.isNone })
      )
      const commit = yield* candidate(first, 2n, manyWrites(3000))
      yield* Fiber.join(aborting)
      expect(yield* contentOf(commit.root)).toEqual({ a: "1", ...manyWrites(3000) })
      yield* database.finalize([commit.root])
      expect(yield* database.verify(commit.root)).toMatchObject({ keys: 3001 })
    })
  )

  check(
    "an insert that starts while another one is being cleaned up starts clean",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const { root, parts } = yield* foreign(1n, manyWrites(1_500), 1)
      yield* database.multipart.start(1n, text("first"))
      for (const part of parts) yield* database.multipart.put(part)
      const aborting = yield* Effect.fork(database.multipart.abort)
      yield* yieldToEventLoop.pipe(
        Effect.zipRight(database.multipart.current),
        Effect.repeat({ until: Option.isNone })
      )
      yield* database.multipart.start(1n, text("second"))
      expect(yield* database.multipart.done(root)).toEqual([])
      yield* Fiber.join(aborting)
      expect(yield* database.multipart.current).toEqual(Option.some({ version: 1n, tag: text("second") }))
      for (const part of [...parts].reverse()) yield* database.multipart.put(part)
      yield* database.finalize([root])
      expect(yield* database.verify(root)).toMatchObject({ keys: 1_500 })
    })
  )

  check(
    "a made-up root whose nodes stand in two places ends in an error, not in a tree without end",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const { entries, root } = yield* billionNodes
      yield* database.multipart.start(1n, text(""))
      for (const [index, part] of entries.entries())
        yield* database.multipart.put({ index, root, entries: part })
      yield* fails(database.finalize([root]), "ProofVerificationFailed")
    })
  )
}

/** More pages than are removed in one slice. */
const largeWrites = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`${i}`, "x".repeat(1_400)]))

/** 40 levels, each with the level below on both sides: 2^40 places. One part for each level. */
const billionNodes = Effect.gen(function* () {
  const { namespace } = yield* NodeDatabase
  const { nodeHasher } = yield* Effect.promise(() => import("../../../src/mkvs/hasher/NodeHasher.ts"))
  const head = (bit: number) => Uint8Array.of(1, 1, 0, bit === 0 ? 0x00 : 0x80)
  const join = (...parts: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(parts))
  const none = nodeHasher.hash(new Uint8Array(0))
  const hashes = [nodeHasher.hash(text("nowhere"))]
  for (let level = 1; level <= 40; level++) {
    const below = hashes[level - 1]!
    hashes.push(nodeHasher.hash(join(head(0), none, below, below)))
  }
  const root = new Root({ namespace, version: 1n, type: rootType.state, hash: hashes[40]! })
  const node = join(Uint8Array.of(1), head(0), Uint8Array.of(2))
  // Part k goes down k levels on the left; every right side is left out.
  const entries = Array.from({ length: 40 }, (_, depth) =>
    frameEntries([
      ...Array.from({ length: depth + 1 }, () => node),
      join(Uint8Array.of(2), hashes[39 - depth]!),
      ...Array.from({ length: depth + 1 }, (_, i) => join(Uint8Array.of(2), hashes[39 - depth + i]!))
    ])
  )
  return { entries, root }
})
