import { FileSystem } from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, FastCheck, Layer, Option } from "effect"
import { CheckpointSource } from "../../src/checkpoint/CheckpointSource.ts"
import { ChunkWriter } from "../../src/checkpoint/ChunkCodec.ts"
import { Chunker, type ChunkerOptions } from "../../src/checkpoint/Chunker.ts"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { emptyHash, Root, rootType } from "../../src/mkvs/Root.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import type { Entry } from "../../src/mkvs/Tree.ts"
import type { TreeNode } from "../../src/mkvs/TreeNode.ts"
import { DatabaseDamaged, RootNotFound } from "../../src/storage/NodeDatabaseError.ts"
import { dataSet, type Profile } from "../mkvs/dataset.ts"
import { nodeHasher } from "../mkvs/hasher.ts"
import { collidingKey, smallValue } from "../mkvs/model.ts"
import { primitives } from "../mkvs/vectors.ts"

export const files = Layer.merge(NodeFileSystem.layer, NodePath.layer)

/** A fresh directory that goes with the scope. */
export const temporaryDirectory = Effect.flatMap(FileSystem, (fs) =>
  fs.makeTempDirectoryScoped({ prefix: "cairn-checkpoint-" })
)

export const treeOf = (entries: Iterable<Entry>): ReferenceTree => {
  const tree = new ReferenceTree(nodeHasher)
  for (const [key, value] of entries) tree.insert(key, value)
  tree.commit()
  return tree
}

const dataTrees = new Map<string, ReferenceTree>()

/** The tree of a data set of the vectors; each is built once. */
export const dataTree = (profile: Profile, count: number): ReferenceTree => {
  const name = `${profile}-${count}`
  const tree = dataTrees.get(name) ?? treeOf(dataSet(profile, "visible", count))
  dataTrees.set(name, tree)
  return tree
}

export const namespace = primitives().namespace

export const rootOf = (tree: ReferenceTree, version = 1n, type: 1 | 2 = rootType.state): Root =>
  new Root({ namespace, version, type, hash: tree.rootHash })

export const emptyTree = treeOf([])

export interface SourceOptions {
  /** The n-th turn of reading (from 0) meets a damaged page. */
  readonly damagedAt?: number
  /** Runs before each turn of reading. */
  readonly beforeTurn?: Effect.Effect<void>
  /** Runs with the root pinned, before anything is read. */
  readonly pinned?: Effect.Effect<void>
  /** What a worker is told to open. */
  readonly worker?: { readonly databasePath: string }
}

/** Where checkpoints of these trees are made from, whatever version they are asked for. */
export const sourceOf = (
  trees: ReadonlyArray<ReferenceTree>,
  options: SourceOptions = {}
): Layer.Layer<CheckpointSource> =>
  Layer.sync(CheckpointSource, () => {
    const tops = new Map<string, TreeNode | undefined>([[toHex(emptyHash), undefined]])
    for (const tree of trees) tops.set(toHex(tree.rootHash), tree.root)
    let turns = 0
    return {
      withRoot: (root, use) => {
        const hash = toHex(root.hash)
        if (!tops.has(hash)) {
          return new RootNotFound({ version: root.version, type: root.type, hash: root.hash })
        }
        return Effect.zipRight(options.pinned ?? Effect.void, use(tops.get(hash)))
      },
      attempt: (body) =>
        Effect.zipRight(
          options.beforeTurn ?? Effect.void,
          Effect.suspend(() =>
            turns++ === options.damagedAt
              ? new DatabaseDamaged({ record: "page 1", reason: "its checksum is wrong" })
              : Effect.sync(body)
          )
        ),
      worker: Option.fromNullable(options.worker)
    }
  })

export interface Chunk {
  readonly framed: Uint8Array
  readonly digest: Uint8Array
}

/** All chunks of a tree, made in turns of `steps`. */
export const chunksOf = (
  top: TreeNode | undefined,
  options: ChunkerOptions,
  steps = 1_000
): ReadonlyArray<Chunk> => {
  const chunker = new Chunker(top, options)
  const writer = new ChunkWriter()
  const chunks: Array<Chunk> = []
  while (chunker.next()) {
    const pieces: Array<Uint8Array> = []
    for (let complete = false; !complete; ) {
      complete = chunker.write(writer, steps)
      if (complete) writer.finish()
      pieces.push(writer.take().slice())
    }
    chunks.push({ framed: Buffer.concat(pieces), digest: writer.summary().digest })
  }
  return chunks
}

/** Small trees with keys that are prefixes of one another; now and then a value longer than a snappy block. */
export const someTree: FastCheck.Arbitrary<ReferenceTree> = FastCheck.array(
  FastCheck.tuple(
    collidingKey,
    FastCheck.oneof(
      { weight: 30, arbitrary: smallValue },
      { weight: 1, arbitrary: FastCheck.constant(new Uint8Array(70_000).fill(7)) }
    )
  ),
  { maxLength: 40 }
).map(treeOf)

export const someOptions: FastCheck.Arbitrary<ChunkerOptions> = FastCheck.record({
  chunkSize: FastCheck.oneof(FastCheck.nat({ max: 400 }), FastCheck.nat({ max: 20 })),
  threads: FastCheck.nat({ max: 8 })
})
