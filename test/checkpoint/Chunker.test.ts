import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { decodeChunk } from "../../src/checkpoint/ChunkCodec.ts"
import { Chunker } from "../../src/checkpoint/Chunker.ts"
import { Metadata } from "../../src/checkpoint/Metadata.ts"
import { fromHex, toHex } from "../../src/mkvs/Bytes.ts"
import { frameEntries } from "../../src/mkvs/CborEntries.ts"
import { proofOfFramed } from "../../src/mkvs/proof/Proof.ts"
import { ProofBuilder } from "../../src/mkvs/proof/ProofBuilder.ts"
import { verifyProof } from "../../src/mkvs/proof/ProofVerifier.ts"
import { ProvingIterator } from "../../src/mkvs/proof/ProvingIterator.ts"
import { emptyHash, Root } from "../../src/mkvs/Root.ts"
import type { TreeNode } from "../../src/mkvs/TreeNode.ts"
import { deepTree } from "../mkvs/deep.ts"
import { nodeHasher } from "../mkvs/hasher.ts"
import { holds } from "../mkvs/holds.ts"
import { listing } from "../mkvs/model.ts"
import { checkpoints } from "../mkvs/vectors.ts"
import { chunksOf, dataTree, emptyTree, namespace, someOptions, someTree, treeOf } from "./support.ts"

const chunkBytesMax = 1 << 26

const entriesOf = (top: TreeNode | undefined, options: { chunkSize: number; threads: number }) =>
  chunksOf(top, options).map(({ framed }) => decodeChunk(framed, chunkBytesMax))

/** Sequential chunking in the words of the spec: proofs of what a proving iterator visits. */
const sequentially = (top: TreeNode | undefined, chunkSize: number): ReadonlyArray<string> => {
  const chunks: Array<string> = []
  let start: Uint8Array | undefined = new Uint8Array(0)
  while (start !== undefined) {
    const builder = new ProofBuilder(top)
    const iterator = new ProvingIterator(builder)
    iterator.seek(start)
    while (iterator.current !== undefined && builder.size < chunkSize) iterator.next()
    chunks.push(toHex(frameEntries(builder.build().entries)))
    start = iterator.next()?.key
  }
  return chunks
}

describe("Chunker", () => {
  it.each(checkpoints().map((vector) => [vector.name, vector] as const))("vector %s", (_, vector) => {
    const tree = dataTree(vector.profile, vector.n)
    expect(toHex(tree.rootHash)).toBe(toHex(vector.root))
    const [first, ...others] = chunksOf(tree.root, vector).map(({ digest }) => digest)
    const root = new Root({ namespace, version: BigInt(vector.version), type: 1, hash: tree.rootHash })
    const metadata = new Metadata({ version: 1, root, chunks: [first!, ...others] })
    expect(metadata.chunks).toHaveLength(vector.chunkCount)
    if (vector.chunks !== undefined) expect(metadata.chunks.map(toHex)).toEqual(vector.chunks.map(toHex))
    expect(toHex(metadata.encodedHash(nodeHasher))).toBe(toHex(vector.encodedHash))
  })

  it("makes the chunks of the reference's own tests", () => {
    const tree = dataTree("decimal", 1_000)
    expect(chunksOf(tree.root, { chunkSize: 16_384, threads: 0 }).map(({ digest }) => toHex(digest))).toEqual(
      [
        "bd09a699c0737d8a9783129f896fb6f452d9b77e81869237312e3bd48fb4cbc7",
        "e852d2312ab1fe51ab066cc8a7a687e483d9e73206c3e56fc5caaecf6c347c7f"
      ]
    )
  })

  it("without threads, or with one, does what a proving iterator does", () => {
    holds(
      fc.property(someTree, fc.nat({ max: 300 }), (tree, chunkSize) => {
        const expected = sequentially(tree.root, chunkSize)
        for (const threads of [0, 1]) {
          expect(entriesOf(tree.root, { chunkSize, threads }).map(toHex)).toEqual(expected)
        }
      }),
      300
    )
  })

  it("covers each key once with chunks that all verify, however the tree is cut", () => {
    holds(
      fc.property(someTree, someOptions, (tree, options) => {
        const shown = entriesOf(tree.root, options).flatMap((entries) => {
          const proof = proofOfFramed(0, tree.rootHash, entries)
          return verifyProof(proof, tree.rootHash, nodeHasher).writeLog()
        })
        const known = new Map(shown.map(({ key, value }) => [toHex(key), value]))
        const found = [...tree.iterate()].filter(([key]) => known.has(toHex(key)))
        expect(found).toHaveLength(known.size)
        expect(listing(treeOf(found))).toEqual(listing(tree))
      }),
      300
    )
  })

  it("is deterministic, wherever its turns end, and counts keys", () => {
    holds(
      fc.property(someTree, someOptions, fc.integer({ min: 1, max: 5 }), (tree, options, steps) => {
        const digests = (steps: number) =>
          chunksOf(tree.root, options, steps).map(({ digest }) => toHex(digest))
        expect(digests(steps)).toEqual(digests(1_000))
        const chunker = new Chunker(tree.root, options)
        const sink = { node: () => {}, hash: () => {}, absent: () => {} }
        while (chunker.next()) while (!chunker.write(sink, steps)) {}
        expect(chunker.progress.keys).toBe(listing(tree).length)
      }),
      200
    )
  })

  it("gives an empty tree one chunk, with any number of threads", () => {
    for (const threads of [0, 1, 4]) {
      const chunks = entriesOf(emptyTree.root, { chunkSize: 0, threads })
      expect(chunks.map(toHex)).toEqual(["f6"])
      expect(verifyProof(proofOfFramed(0, emptyHash, chunks[0]!), emptyHash, nodeHasher).top).toBeUndefined()
    }
  })

  it("cuts long values into the blocks of the reference", () => {
    // made with the reference's framing writer from the same entries
    const tree = treeOf([
      [fromHex("00")!, new Uint8Array(100_000).fill(1)],
      [fromHex("80")!, new Uint8Array(10).fill(2)]
    ])
    const [chunk] = chunksOf(tree.root, { chunkSize: 1_000_000, threads: 0 })
    expect(toHex(chunk!.digest)).toBe("684d1a37d8a5fe2c38d8174b6723aa1129a1c5074ca37e062f2267291b2e6770")
  })

  it("walks trees that are too deep for recursion, and tells how deep they are", () => {
    const { root } = deepTree(20_000, () => new Uint8Array(0))
    const chunker = new Chunker(root, { chunkSize: 1_000_000, threads: 3 })
    let entries = 0
    const sink = { node: () => entries++, hash: () => entries++, absent: () => entries++ }
    while (chunker.next()) while (!chunker.write(sink, 1_000)) {}
    expect(chunker.progress).toEqual({ keys: 20_001, depth: 20_000 })
    expect(entries).toBeGreaterThan(40_000)
  })
})
