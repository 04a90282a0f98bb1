import { Effect, Layer } from "effect"
import { expect } from "vitest"
import type { ChunkerOptions } from "../../src/checkpoint/Chunker.ts"
import { Metadata } from "../../src/checkpoint/Metadata.ts"
import { Restorer } from "../../src/checkpoint/Restorer.ts"
import { SnappyFramer } from "../../src/checkpoint/SnappyFraming.ts"
import type { Root } from "../../src/mkvs/Root.ts"
import type { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import type { TreeNode } from "../../src/mkvs/TreeNode.ts"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { nodeHasher } from "../mkvs/hasher.ts"
import { expectSameNodes } from "../storage/database/comparing.ts"
import { clean, type Disk, inventoryOf, memoryDisk } from "../storage/database/disks.ts"
import { chunksOf, rootOf } from "./support.ts"

/** A checkpoint in hand: what its metadata says, and the bytes of its chunks. */
export interface Made {
  readonly metadata: Metadata
  readonly chunks: ReadonlyArray<Uint8Array>
  readonly tree: ReferenceTree
}

export const make = (
  tree: ReferenceTree,
  { chunkSize = 2_048, threads = 0 } = {},
  root: Root = rootOf(tree)
): Made => ({ ...cut(tree.root, { chunkSize, threads }, root), tree })

export const cut = (top: TreeNode | undefined, options: ChunkerOptions, root: Root): Omit<Made, "tree"> => {
  const chunks = chunksOf(top, options)
  const digests = chunks.map(({ digest }) => digest)
  return { metadata: metadataOf(root, digests), chunks: chunks.map(({ framed }) => Uint8Array.from(framed)) }
}

export const metadataOf = (root: Root, digests: ReadonlyArray<Uint8Array>): Metadata => {
  const [first, ...others] = digests
  return new Metadata({ version: 1, root, chunks: [first!, ...others] })
}

/** The same checkpoint with other bytes in place of a chunk's, and metadata that says so. */
export const forged = ({ chunks, metadata, tree }: Made, index: number, bytes: Uint8Array): Made => {
  const replaced = chunks.map((chunk, i) => (i === index ? bytes : chunk))
  return {
    metadata: metadataOf(
      metadata.root,
      replaced.map((chunk) => nodeHasher.hash(chunk))
    ),
    chunks: replaced,
    tree
  }
}

export const frame = (bytes: Uint8Array): Uint8Array => {
  const framer = new SnappyFramer()
  framer.reserve(bytes.length)
  framer.input.set(bytes, framer.at)
  framer.commit(framer.at + bytes.length)
  framer.finish()
  return framer.output.slice(0, framer.outputBytes)
}

export interface Restoring {
  readonly database: NodeDatabase.Service
  readonly restorer: Restorer.Service
  readonly disk: Disk
}

/** Another start of a process on the disk: a database and a restorer on it. */
export const restoringOn = (disk: Disk, options: Restorer.Options = {}) =>
  Effect.gen(function* () {
    const database = yield* disk.open()
    const layer = Restorer.layer(options).pipe(Layer.provide(Layer.succeed(NodeDatabase, database)))
    const restorer = yield* Effect.provide(Restorer, yield* Layer.build(layer))
    return { database, restorer, disk } satisfies Restoring
  })

export const restoring = (options: Restorer.Options = {}) =>
  Effect.flatMap(memoryDisk, (disk) => restoringOn(disk, options))

/** Finalises what has been restored; it must be the whole tree, and nothing else must be left. */
export const expectRestored = ({ database, disk, restorer }: Restoring, { metadata, tree }: Made) =>
  Effect.gen(function* () {
    const { root } = metadata
    yield* database.finalize([root])
    expect((yield* restorer.missingChunks).length).toBe(0)
    const keys = Array.from(tree.iterate()).length
    expect((yield* database.verify(root)).keys).toBe(keys)
    yield* database.read(root, (snapshot) => {
      expect(snapshot.keys).toBe(keys)
      expectSameNodes(snapshot.top, tree.root)
    })
    expect(yield* inventoryOf(disk)).toMatchObject({ ...clean, versions: [root.version] })
  })

/** No restore is in progress, nothing is final, and nothing of one is left on the disk. */
export const expectNothingLeft = ({ database, disk, restorer }: Restoring) =>
  Effect.gen(function* () {
    expect((yield* restorer.currentCheckpoint)._tag).toBe("None")
    expect(yield* restorer.missingChunks).toEqual([])
    expect((yield* database.latestVersion)._tag).toBe("None")
    expect((yield* database.multipart.current)._tag).toBe("None")
    expect(yield* inventoryOf(disk)).toMatchObject({ ...clean, pages: 0, versions: [] })
  })

/** All chunks not there yet, in the given order; the last one says that it was the last. */
export const restoreAll = (
  { restorer }: Restoring,
  { chunks }: Made,
  order: ReadonlyArray<number> = chunks.map((_, index) => index)
) =>
  Effect.gen(function* () {
    for (const [step, index] of order.entries()) {
      expect(yield* restorer.restoreChunk(index, chunks[index]!)).toBe(step === order.length - 1)
    }
  })
