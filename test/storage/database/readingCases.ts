import { Chunk, Effect, Option, Stream } from "effect"
import { expect } from "vitest"
import { nodeHasher } from "../../../src/mkvs/hasher/NodeHasher.ts"
import { verifyProof } from "../../../src/mkvs/proof/ProofVerifier.ts"
import { proveGet } from "../../../src/mkvs/proof/Prover.ts"
import { Root, rootType } from "../../../src/mkvs/Root.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import {
  advance,
  type Check,
  candidate,
  contentOf,
  fails,
  manyWrites,
  nothing,
  otherNamespace,
  show,
  text,
  versions,
  withNamespace
} from "./support.ts"

const writeLog = (start: Root, end: Root) =>
  Effect.flatMap(NodeDatabase, (database) =>
    Effect.map(Stream.runCollect(database.getWriteLog(start, end)), (entries) =>
      Chunk.toReadonlyArray(entries).map(({ key, value }) => [show(key), show(value)])
    )
  )

/** Reading roots, nodes, write logs; the caller's own records. */
export const readingCases = (check: Check): void => {
  check(
    "read gives values, absence and empty values",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [root] = yield* versions({ a: "1", "": "empty key", b: "" })
      yield* database.read(root!, (snapshot) => {
        expect(show(snapshot.get(text("a")))).toBe("1")
        expect(show(snapshot.get(text("")))).toBe("empty key")
        expect(snapshot.get(text("b"))).toEqual(new Uint8Array(0))
        expect(snapshot.get(text("c"))).toBeUndefined()
        expect(snapshot.has(text("b"))).toBe(true)
        expect(snapshot.has(text("ab"))).toBe(false)
        expect(snapshot.keys).toBe(3)
        expect(snapshot.root).toEqual(root)
      })
    })
  )

  check(
    "RootNotFound: a root that is not here",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [first, second] = yield* versions({ a: "1" }, { a: "2" })
      const mixed = withVersion(first!, second!.version)
      yield* fails(
        database.read(mixed, () => 0),
        "RootNotFound"
      )
      yield* fails(database.snapshot(mixed), "RootNotFound")
      yield* fails(database.verify(mixed), "RootNotFound")
      expect(yield* database.has(mixed)).toBe(false)
    })
  )

  check(
    "values of any size survive, up to a mebibyte",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const batch = yield* database.newBatch(yield* nothing(0n), 1n)
      const sizes = [0, 1, 400, 499, 500, 1990, 2000, 4096, 65_536, 1_048_576]
      for (const size of sizes) batch.insert(text(`${size}`), new Uint8Array(size).fill(size % 251))
      const { root } = yield* batch.commit
      yield* database.finalize([root])
      yield* database.read(root, (snapshot) => {
        for (const size of sizes)
          expect(snapshot.get(text(`${size}`))).toEqual(new Uint8Array(size).fill(size % 251))
      })
      expect(yield* database.verify(root)).toMatchObject({ keys: sizes.length })
    })
  )

  check(
    "what a read returns outlives later reads and commits",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [root] = yield* versions(manyWrites(1000))
      const values = yield* database.read(root!, (snapshot) =>
        Array.from({ length: 50 }, (_, i) => snapshot.get(text(`key/${(i * 7919) % 100_003}`)))
      )
      yield* advance(root!, { other: "x" })
      for (const [i, value] of values.entries()) expect(show(value)).toBe(`value ${i}`.repeat(4))
    })
  )

  check(
    "a proof made here is verified against the root",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [root] = yield* versions(manyWrites(2000))
      const proof = yield* database.read(root!, ({ top }) => proveGet(top, text("key/7919")))
      const proved = verifyProof(proof, root!.hash, nodeHasher)
      expect(proved.get(text("key/7919"))).toEqual({ status: "present", value: text("value 1".repeat(4)) })
      expect(proved.get(text("key/0")).status).toBe("notCovered")
    })
  )

  check(
    "node finds each node on the way to a key, and no other",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [root] = yield* versions({ a: "1", b: "2", c: "3" })
      const top = yield* database.node(root!, text("a"), root!.hash)
      expect(top.hash).toEqual(root!.hash)
      const leaf = yield* database.read(root!, ({ top }) =>
        top?.isLeaf === false ? top.left?.hash : undefined
      )
      expect((yield* database.node(root!, text("a"), leaf!)).hash).toEqual(leaf)
      const error = yield* fails(database.node(root!, text("a"), new Uint8Array(32)), "NodeNotFound")
      expect(error.hash).toEqual(new Uint8Array(32))
      yield* fails(database.node(withVersion(root!, 9n), text("a"), root!.hash), "RootNotFound")
    })
  )

  check(
    "the write log between neighbours and across versions",
    Effect.gen(function* () {
      const [first, second, third] = yield* versions(
        { a: "1", b: "1" },
        { a: "2", c: "2" },
        { a: "1", b: null }
      )
      expect(yield* writeLog(first!, second!)).toEqual([
        ["a", "2"],
        ["c", "2"]
      ])
      expect(yield* writeLog(first!, third!)).toEqual([
        ["b", undefined],
        ["c", "2"]
      ])
      expect(yield* writeLog(second!, second!)).toEqual([])
    })
  )

  check(
    "the write log of thousands of changes, from and to the empty tree",
    Effect.gen(function* () {
      const many = manyWrites(3000)
      const [empty, full] = yield* versions({}, many)
      const log = yield* writeLog(empty!, full!)
      expect(log.length).toBe(3000)
      expect(Object.fromEntries(log)).toEqual(many)
    })
  )

  check(
    "WriteLogNotFound: roots that are gone, not final, of two types, or the wrong way round",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [first, second] = yield* versions({ a: "1" }, { a: "2" })
      const open = yield* candidate(second!, 3n, { a: "3" })
      expect((yield* fails(writeLog(first!, open.root), "WriteLogNotFound")).reason).toBe("EndNotKept")
      expect((yield* fails(writeLog(second!, first!), "WriteLogNotFound")).reason).toBe("EndBeforeStart")
      const io = yield* nothing(2n, rootType.io)
      expect((yield* fails(writeLog(first!, io), "WriteLogNotFound")).reason).toBe("TypesDiffer")
      yield* database.prune(1n)
      expect((yield* fails(writeLog(first!, second!), "WriteLogNotFound")).reason).toBe("StartNotKept")
      yield* fails(writeLog(withNamespace(second!, otherNamespace), second!), "BadNamespace")
    })
  )

  check(
    "verify counts pages and keys",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [root, empty] = yield* versions(
        manyWrites(4000),
        Object.fromEntries(Object.keys(manyWrites(4000)).map((key) => [key, null]))
      )
      const { pages, keys } = yield* database.verify(root!)
      expect(keys).toBe(4000)
      expect(pages).toBeGreaterThan(100)
      expect(yield* database.verify(empty!)).toEqual({ pages: 0, keys: 0 })
    })
  )

  check(
    "records: absent, written, changed, removed, in order",
    Effect.gen(function* () {
      const { records } = yield* NodeDatabase
      expect(yield* records.get("blocks", text("1"))).toEqual(Option.none())
      expect(Chunk.isEmpty(yield* Stream.runCollect(records.range("blocks")))).toBe(true)
      yield* records.write([
        { table: "blocks", key: text("2"), value: text("two") },
        { table: "blocks", key: text("1"), value: text("one") },
        { table: "events", key: text("1"), value: new Uint8Array(0) }
      ])
      expect(Option.map(yield* records.get("blocks", text("1")), show)).toEqual(Option.some("one"))
      expect(Option.map(yield* records.get("events", text("1")), show)).toEqual(Option.some(""))
      yield* records.write([
        { table: "blocks", key: text("1"), value: undefined },
        { table: "blocks", key: text("3"), value: text("three") }
      ])
      const all = Chunk.toReadonlyArray(yield* Stream.runCollect(records.range("blocks")))
      expect(all.map(([key, value]) => [show(key), show(value)])).toEqual([
        ["2", "two"],
        ["3", "three"]
      ])
      const back = Chunk.toReadonlyArray(
        yield* Stream.runCollect(records.range("blocks", { reverse: true, to: text("3") }))
      )
      expect(back.map(([key]) => show(key))).toEqual(["2"])
    })
  )

  check(
    "records change together with finalize, or not at all",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const commit = yield* candidate(yield* nothing(0n), 1n, { a: "1" })
      const changes = [{ table: "blocks", key: text("1"), value: text("block 1") }]
      yield* fails(database.finalize([withVersion(commit.root, 2n)], { changes }), "RootNotFound")
      expect(yield* database.records.get("blocks", text("1"))).toEqual(Option.none())
      yield* database.finalize([commit.root], { changes })
      expect(Option.map(yield* database.records.get("blocks", text("1")), show)).toEqual(
        Option.some("block 1")
      )
    })
  )

  check(
    "records of a name like an inner table do not touch it",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const [root] = yield* versions({ a: "1" })
      yield* database.records.write([
        { table: "meta", key: text("state"), value: text("x") },
        { table: "pages", key: new Uint8Array(8), value: undefined }
      ])
      expect(yield* contentOf(root!)).toEqual({ a: "1" })
    })
  )

  check(
    "size grows with content, sync succeeds",
    Effect.gen(function* () {
      const database = yield* NodeDatabase
      const before = yield* database.size
      yield* versions(manyWrites(3000))
      expect(yield* database.size).toBeGreaterThan(before)
      yield* database.sync
    })
  )
}

const withVersion = (root: Root, version: bigint): Root => new Root({ ...root, version })
