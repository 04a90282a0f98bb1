import { Effect, FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { makeKernel } from "../../src/mkvs/kernel/index.ts"
import { pageBytesMax, slotAt, tagInternal, tagLeaf } from "../../src/mkvs/paged/Page.ts"
import { checkPage, pageReferences } from "../../src/mkvs/paged/PageWalk.ts"
import { emptyRoot, type Root, rootType } from "../../src/mkvs/Root.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import type { TreeNode } from "../../src/mkvs/TreeNode.ts"
import type { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { pageId, pagesTable } from "../../src/storage/StoredPages.ts"
import { chunksOf } from "../checkpoint/support.ts"
import { nodeHasher } from "../mkvs/hasher.ts"
import { apply, type Change } from "../mkvs/model.ts"
import { expectSameEntries, expectSameNodes, expectSameProofs } from "./database/comparing.ts"
import { type Disk, memoryDisk } from "./database/disks.ts"
import { historyKey } from "./database/histories.ts"

/** Commits each list as a version, prunes all but the last, and gives that beside the plain tree. */
const build = (lists: ReadonlyArray<ReadonlyArray<Change>>) =>
  Effect.gen(function* () {
    const disk = yield* memoryDisk
    const database = yield* disk.open()
    const tree = new ReferenceTree(nodeHasher)
    let root = emptyRoot(database.namespace, 0n, rootType.state)
    for (const list of lists) {
      root = (yield* commitOn(database, root, list)).root
      apply(tree, list)
    }
    tree.commit()
    for (let version = 1n; version < root.version; version++) yield* database.prune(version)
    return { disk, snapshot: yield* database.snapshot(root), tree, verified: yield* database.verify(root) }
  })

const commitOn = (database: NodeDatabase.Service, old: Root, list: ReadonlyArray<Change>) =>
  Effect.gen(function* () {
    const batch = yield* database.newBatch(old, old.version + 1n)
    apply(batch, list)
    const commit = yield* batch.commit
    yield* database.finalize([commit.root])
    return commit
  }).pipe(Effect.scoped)

const pagesOn = (disk: Disk) =>
  Effect.map(
    disk.store({ readOnly: true }),
    (store) =>
      new Map(Array.from(store.range(pagesTable), ([key, record]) => [pageId(key), record.slice(0, -4)]))
  )

/** Hashes of leaves inside internal nodes that have a value of so many bytes. */
const largeInnerLeaves = (top: TreeNode | undefined, bytes: number): ReadonlyArray<Uint8Array> => {
  const found: Array<Uint8Array> = []
  const stack = [top]
  while (stack.length > 0) {
    const node = stack.pop()
    if (node === undefined || node.isLeaf) continue
    if (node.leaf?.value.length === bytes) found.push(node.leaf.hash)
    stack.push(node.left, node.right)
  }
  return found
}

const value = (bytes: number, fill: number) => new Uint8Array(bytes).fill(fill)

/** Values around the sizes at which something changes. */
const someValue = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.nat({ max: 40 }) },
      { weight: 3, arbitrary: fc.integer({ min: 200, max: 700 }) },
      { weight: 1, arbitrary: fc.integer({ min: pageBytesMax - 80, max: pageBytesMax + 80 }) },
      { weight: 1, arbitrary: fc.integer({ min: 2_000, max: 9_000 }) }
    ),
    fc.nat({ max: 255 })
  )
  .map(([bytes, fill]) => value(bytes, fill))

const someChanges: fc.Arbitrary<ReadonlyArray<Change>> = fc.array(
  fc.tuple(historyKey, fc.option(someValue, { nil: undefined, freq: 5 })),
  { maxLength: 120 }
)

describe("pages", () => {
  it("keep to their size, parse, hold right hashes, and are nodes like those of the plain tree", () =>
    fc.assert(
      fc.asyncProperty(fc.array(someChanges, { minLength: 1, maxLength: 4 }), (lists) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const { disk, snapshot, tree, verified } = yield* build(lists)
            const pages = yield* pagesOn(disk)
            expect(verified.pages).toBe(pages.size)
            const kernel = makeKernel()
            let keys = 0
            const referred = new Map<number, number>()
            for (const page of pages.values()) {
              keys += checkPage(page, kernel).keys
              // A leaf of any size is a page; else the size is kept to, but for the label at the top.
              expect(page[0]).toBeLessThanOrEqual(tagInternal)
              if (page[0] === tagInternal)
                expect(page.length - slotAt(page, 0)).toBeLessThanOrEqual(pageBytesMax)
              for (const { id } of pageReferences(page)) referred.set(id, (referred.get(id) ?? 0) + 1)
            }
            expect(keys).toBe(snapshot.keys)
            expect([...referred.values()].every((count) => count === 1)).toBe(true)
            expect(referred.size).toBe(Math.max(0, pages.size - 1))
            for (const id of referred.keys()) {
              expect(pages.get(id)!.length).toBeGreaterThanOrEqual(pageBytesMax >>> 2)
            }
            expectSameNodes(snapshot.top, tree.root)
          }).pipe(Effect.scoped)
        )
      ),
      { numRuns: 60 }
    ))

  it("a large value whose key others begin with has a page of its own, and all goes on as before", async () => {
    const key = (...bytes: ReadonlyArray<number>) => Uint8Array.from(bytes)
    const prefixes = [key(), key(0), key(0, 0), key(0, 0x80), key(0xff), key(0xff, 0xff)]
    for (const bytes of [500, 1_300, 5_000, 100_000]) {
      const large: ReadonlyArray<Change> = prefixes.map((prefix) => [prefix, value(bytes, prefix.length)])
      const small: ReadonlyArray<Change> = prefixes.flatMap((prefix) =>
        [0, 1, 0x7f, 0x80].map((last): Change => [key(...prefix, 7, last), value(30, last)])
      )
      const changed: ReadonlyArray<Change> = [
        [prefixes[0]!, undefined],
        [prefixes[3]!, value(bytes, 9)],
        [prefixes[4]!, value(3, 9)]
      ]
      await Effect.runPromise(
        Effect.gen(function* () {
          const { disk, snapshot, tree } = yield* build([large, small, changed])
          const pages = [...(yield* pagesOn(disk)).values()]
          const leafPages = new Set(
            pages.filter((page) => page[0] === tagLeaf).map((page) => toHex(page.subarray(-32)))
          )
          const inner = largeInnerLeaves(snapshot.top, bytes)
          const apart = inner.filter((hash) => leafPages.has(toHex(hash))).length
          expect(inner.length).toBe(4)
          // Smaller ones may stay where they are.
          expect(apart).toBeGreaterThanOrEqual(bytes < pageBytesMax - 50 ? 1 : 4)
          expectSameNodes(snapshot.top, tree.root)
          expectSameEntries(snapshot, tree)
          expectSameEntries(snapshot, tree, { reverse: true })
          expectSameProofs(snapshot.top, tree.root, [...prefixes, key(0, 0, 7), key(0xff, 7, 1)], 4)
          for (const options of [
            { chunkSize: 2_000, threads: 0 },
            { chunkSize: 0, threads: 3 }
          ]) {
            const digests = (top: typeof snapshot.top) =>
              chunksOf(top, options).map(({ digest }) => toHex(digest))
            expect(digests(snapshot.top)).toEqual(digests(tree.root))
          }
        }).pipe(Effect.scoped)
      )
    }
  })

  it("a tree as deep as crafted keys make it is committed, read, verified and removed again", async () => {
    const depth = 3_000
    const deep = (i: number) => {
      const key = new Uint8Array(1 + (depth >>> 3))
      key[i >>> 3] = 0x80 >>> (i & 7)
      return key
    }
    const all = Array.from({ length: depth }, (_, i): Change => [deep(i), value(i % 40, i)])
    await Effect.runPromise(
      Effect.gen(function* () {
        const disk = yield* memoryDisk
        const database = yield* disk.open()
        const nothing = emptyRoot(database.namespace, 0n, rootType.state)
        const { keys, root } = yield* commitOn(database, nothing, all)
        expect(keys).toBe(depth)
        expect(yield* database.verify(root)).toMatchObject({ keys: depth })
        const found = yield* database.read(root, (snapshot) => Array.from(snapshot.iterate()).length)
        expect(found).toBe(depth)
        const removals = all.slice(1).map(([key]): Change => [key, undefined])
        const left = yield* commitOn(database, root, removals)
        yield* database.prune(1n)
        expect((yield* pagesOn(disk)).size).toBe(1)
        expect(left.keys).toBe(1)
      }).pipe(Effect.scoped)
    )
  })
})
