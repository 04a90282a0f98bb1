import { fileURLToPath } from "node:url"
import { FileSystem } from "@effect/platform/FileSystem"
import { Path } from "@effect/platform/Path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Option } from "effect"
import * as Verifier from "../../src/checkpoint/CheckpointVerifier.ts"
import { CoverageChecker } from "../../src/checkpoint/ChunkChecker.ts"
import { decodeChunk } from "../../src/checkpoint/ChunkCodec.ts"
import { encodeMetadata, Metadata } from "../../src/checkpoint/Metadata.ts"
import { OpenReferences } from "../../src/checkpoint/OpenReferences.ts"
import { SnappyFramer } from "../../src/checkpoint/SnappyFraming.ts"
import { concat, toHex } from "../../src/mkvs/Bytes.ts"
import { frameEntries } from "../../src/mkvs/CborEntries.ts"
import { proofOfFramed } from "../../src/mkvs/proof/Proof.ts"
import { verifyProof } from "../../src/mkvs/proof/ProofVerifier.ts"
import type { Root } from "../../src/mkvs/Root.ts"
import { deepTree } from "../mkvs/deep.ts"
import { hashText, nodeHasher } from "../mkvs/hasher.ts"
import { holds } from "../mkvs/holds.ts"
import { listing } from "../mkvs/model.ts"
import { checkpoints, vectorUrl } from "../mkvs/vectors.ts"
import { chunksOf, dataTree, files, rootOf, someOptions, someTree, temporaryDirectory } from "./support.ts"

/** Writes a checkpoint of these framed chunks by hand; `digests` where they are to differ. */
const writeCheckpoint = (
  root: Root,
  framed: ReadonlyArray<Uint8Array>,
  digests: ReadonlyArray<Uint8Array> = framed.map((bytes) => nodeHasher.hash(bytes))
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const path = yield* Path
    const directory = yield* temporaryDirectory
    yield* fs.makeDirectory(path.join(directory, "chunks"))
    for (const [index, bytes] of framed.entries()) {
      yield* fs.writeFile(path.join(directory, "chunks", String(index)), bytes)
    }
    const [first, ...others] = digests
    const metadata = new Metadata({ version: 1, root, chunks: [first!, ...others] })
    yield* fs.writeFile(path.join(directory, "meta"), encodeMetadata(metadata))
    return directory
  })

const verify = (directory: string, options?: Verifier.VerifyOptions) =>
  Verifier.verify(Verifier.placeAt(directory), options)

const frame = (bytes: Uint8Array): Uint8Array => {
  const framer = new SnappyFramer()
  framer.reserve(bytes.length)
  framer.input.set(bytes, framer.at)
  framer.commit(framer.at + bytes.length)
  framer.finish()
  return framer.output.slice(0, framer.outputBytes)
}

const tree = dataTree("hash", 200)
const root = rootOf(tree)
const framed = chunksOf(tree.root, { chunkSize: 2_048, threads: 4 }).map((chunk) => chunk.framed)

describe("CheckpointVerifier", () => {
  const written = checkpoints().filter((vector) => vector.dir !== undefined)
  it.effect.each(written)("verifies the reference's checkpoint $name", (vector) =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const [place, ...others] = yield* Verifier.findCheckpoints(fileURLToPath(vectorUrl(vector.dir!)))
      expect(others).toEqual([])
      const { metadata, keys } = yield* Verifier.verify(place!, {
        rootHash: vector.root,
        onChunk: (index, chunks) => seen.push(`${index}/${chunks}`)
      })
      expect(toHex(metadata.encodedHash(nodeHasher))).toBe(toHex(vector.encodedHash))
      expect(keys).toBe(vector.n)
      expect(seen).toEqual(Array.from({ length: vector.chunkCount }, (_, i) => `${i}/${vector.chunkCount}`))
    }).pipe(Effect.provide(files))
  )

  it.scoped("finds nothing where there is nothing, and says so", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      expect(yield* Verifier.findCheckpoints(directory)).toEqual([])
      expect(yield* Verifier.findCheckpoints(`${directory}/absent`)).toEqual([])
      expect((yield* Effect.flip(verify(directory)))._tag).toBe("CheckpointNotFound")
    }).pipe(Effect.provide(files))
  )

  it.scoped("refuses any other root than the one asked for", () =>
    Effect.gen(function* () {
      const directory = yield* writeCheckpoint(root, framed)
      const error = yield* Effect.flip(verify(directory, { rootHash: hashText("other") }))
      expect([error._tag, error.message]).toEqual([
        "InvalidMetadata",
        expect.stringContaining(toHex(root.hash))
      ])
    }).pipe(Effect.provide(files))
  )

  it.scoped("names the chunk whose bytes are not those of its digest", () =>
    Effect.gen(function* () {
      const damaged = framed.map((bytes, index) => {
        const copy = Uint8Array.from(bytes)
        if (index === 3) copy[copy.length >> 1]! ^= 1
        return copy
      })
      const directory = yield* writeCheckpoint(
        root,
        damaged,
        framed.map((bytes) => nodeHasher.hash(bytes))
      )
      expect(yield* Effect.flip(verify(directory))).toMatchObject({
        _tag: "ChunkCorrupted",
        code: 7,
        index: 3
      })
    }).pipe(Effect.provide(files))
  )

  const other = dataTree("hash", 199)
  const foreign = chunksOf(other.root, { chunkSize: 2_048, threads: 0 })[0]!.framed
  const plain = decodeChunk(framed[1]!, 1 << 20)
  it.scoped.each([
    ["that is no snappy stream", new TextEncoder().encode("hello"), /malformed snappy stream/],
    ["that is empty", new Uint8Array(0), /entry 0/],
    ["that proves another root", foreign, /its hashes end in/],
    ["with an entry too many", frame(concat(plain, Uint8Array.of(0xf6))), /left over/],
    ["with an entry too few", frame(plain.subarray(0, plain.length - 34)), /entry \d+/],
    ["whose entries are no CBOR byte strings", frame(Uint8Array.of(0x81, 0xf6)), /entry 0/],
    ["that is too long", frame(new Uint8Array(70_000)), /more than 65536 bytes/]
  ] as const)("refuses a chunk %s", ([, bytes, reason]) =>
    Effect.gen(function* () {
      const chunks = framed.map((chunk, index) => (index === 1 ? bytes : chunk))
      const directory = yield* writeCheckpoint(root, chunks)
      const error = yield* Effect.flip(verify(directory, { limits: { chunkBytesMax: 65_536 } }))
      expect(error).toMatchObject({ _tag: "ChunkProofVerificationFailed", code: 6, index: 1 })
      expect(error.message).toMatch(reason)
    }).pipe(Effect.provide(files))
  )

  it.scoped("names the subtrees that no chunk covers", () =>
    Effect.gen(function* () {
      const directory = yield* writeCheckpoint(root, framed.slice(0, 1))
      const error = yield* Effect.flip(verify(directory))
      expect(error._tag).toBe("CheckpointIncomplete")
      if (error._tag !== "CheckpointIncomplete") return
      expect(error.count).toBeGreaterThan(2)
      expect(error.missing).toHaveLength(Math.min(16, error.count))
      const hidden = yield* writeCheckpoint(root, [
        frame(frameEntries([concat(Uint8Array.of(2), root.hash)]))
      ])
      expect(yield* Effect.flip(verify(hidden))).toMatchObject({ count: 1, missing: [toHex(root.hash)] })
    }).pipe(Effect.provide(files))
  )

  it.scoped("names a chunk whose file is missing", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem
      const directory = yield* writeCheckpoint(root, framed)
      yield* fs.remove(`${directory}/chunks/2`)
      expect(yield* Effect.flip(verify(directory))).toMatchObject({
        _tag: "ChunkNotFound",
        code: 2,
        index: 2
      })
    }).pipe(Effect.provide(files))
  )

  it.scoped("follows no symbolic links, and waits for no pipes", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem
      const outside = yield* writeCheckpoint(root, framed)
      for (const name of ["meta", "chunks", "chunks/2"]) {
        const directory = yield* writeCheckpoint(root, framed)
        yield* fs.remove(`${directory}/${name}`, { recursive: true })
        yield* fs.symlink(`${outside}/${name}`, `${directory}/${name}`)
        const error = yield* Effect.flip(verify(directory))
        expect(error).toMatchObject({ _tag: "CheckpointStorageFailed", reason: "SymbolicLink" })
      }
      const directory = yield* writeCheckpoint(root, framed)
      yield* fs.remove(`${directory}/chunks/2`)
      yield* fs.makeDirectory(`${directory}/chunks/2`)
      expect(yield* Effect.flip(verify(directory))).toMatchObject({ reason: "NotPlain" })
    }).pipe(Effect.provide(files))
  )

  it.scoped("tells damaged metadata", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem
      const directory = yield* writeCheckpoint(root, framed)
      yield* fs.writeFile(`${directory}/meta`, new Uint8Array(10))
      const error = yield* Effect.flip(verify(directory))
      expect(error).toMatchObject({ _tag: "InvalidMetadata", path: `${directory}/meta` })
    }).pipe(Effect.provide(files))
  )
})

describe("CoverageChecker", () => {
  it("settles what any chunks show, in any order and more than once, and knows when that is all", () => {
    const someOfAll = fc.tuple(someTree, someOptions).chain(([tree, options]) => {
      const chunks = chunksOf(tree.root, options).map(({ framed }) => decodeChunk(framed, 1 << 26))
      const all = fc.shuffledSubarray(chunks, { minLength: chunks.length })
      return fc.tuple(fc.constant(tree), fc.oneof(all, fc.array(fc.constantFrom(...chunks))))
    })
    holds(
      fc.property(someOfAll, ([tree, chunks]) => {
        const checker = new CoverageChecker(tree.rootHash, nodeHasher)
        const shown = new Set<string>()
        for (const entries of chunks) {
          const check = checker.chunk(entries)
          while (!check.step(7)) {}
          const proof = proofOfFramed(0, tree.rootHash, entries)
          for (const { key } of verifyProof(proof, tree.rootHash, nodeHasher).writeLog())
            shown.add(toHex(key))
        }
        expect(checker.keys).toBe(shown.size)
        expect(checker.open.size === 0).toBe(shown.size === listing(tree).length)
      }),
      300
    )
  })

  it("checks trees that are too deep for recursion", () => {
    const { root, rootHash } = deepTree(20_000, () => new Uint8Array(0))
    const [chunk] = chunksOf(root, { chunkSize: 1 << 26, threads: 0 })
    const checker = new CoverageChecker(rootHash, nodeHasher)
    const check = checker.chunk(decodeChunk(chunk!.framed, 1 << 26))
    while (!check.step(1_000)) {}
    expect([checker.open.size, checker.keys]).toEqual([0, 20_001])
  })
})

describe("OpenReferences", () => {
  it("is a set", () => {
    const operation = fc.tuple(fc.boolean(), fc.nat({ max: 5 }))
    holds(
      fc.property(fc.array(operation), (operations) => {
        const references = new OpenReferences()
        const model = new Set<string>()
        for (const [add, number] of operations) {
          const hash = hashText(String(number))
          if (add) references.add(hash)
          else expect(references.delete(hash)).toBe(model.has(toHex(hash)))
          if (add) model.add(toHex(hash))
          else model.delete(toHex(hash))
        }
        expect(references.size).toBe(model.size)
        expect([...references.some(10)].sort()).toEqual([...model].sort())
        expect(Option.fromNullable(references.some(1)[0])._tag).toBe(model.size > 0 ? "Some" : "None")
      }),
      100
    )
  })
})
