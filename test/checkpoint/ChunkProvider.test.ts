import { FileSystem } from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ChunkProvider } from "../../src/checkpoint/ChunkProvider.ts"
import { ChunkMetadata, GetCheckpointsRequest } from "../../src/checkpoint/Metadata.ts"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { hashText } from "../mkvs/hasher.ts"
import { chunkOf, collect, contents, everything, root, tree, withCreator } from "./creators.ts"
import { chunksOf, dataTree, files, namespace, rootOf, sourceOf } from "./support.ts"

describe("CheckpointCreator.get, delete and list", () => {
  const first = rootOf(tree, 1n)
  const second = rootOf(tree, 12n)
  const third = rootOf(dataTree("decimal", 1), 12n)
  const three = sourceOf([tree, dataTree("decimal", 1)])

  it.effect("list by version, then hash, and by what is asked for", () =>
    withCreator(
      (creator) =>
        Effect.gen(function* () {
          expect(yield* creator.list(everything())).toEqual([])
          for (const root of [third, second, first]) yield* creator.create(root, 10_000, 0)
          const roots = (request: GetCheckpointsRequest) =>
            Effect.map(creator.list(request), (found) => found.map(({ root }) => root))
          expect(yield* roots(everything())).toEqual([first, second, third])
          expect(yield* roots(everything(2))).toEqual([])
          const only = (rootVersion: bigint, of = namespace) =>
            new GetCheckpointsRequest({ version: 1, namespace: of, rootVersion })
          expect(yield* roots(only(12n))).toEqual([second, third])
          expect(yield* roots(only(2n))).toEqual([])
          expect(yield* roots(only(12n, hashText("foreign")))).toEqual([])
        }),
      three
    )
  )

  it.effect("pass over what is not a checkpoint here", () =>
    withCreator(
      (creator, directory) =>
        Effect.gen(function* () {
          const fs = yield* FileSystem
          yield* creator.create(first, 10_000, 0)
          yield* creator.create(second, 10_000, 0)
          yield* fs.makeDirectory(`${directory}/007/x`, { recursive: true })
          yield* fs.writeFile(`${directory}/12/notes`, new Uint8Array(1))
          yield* fs.writeFile(`${directory}/99`, new Uint8Array(1))
          yield* fs.copy(`${directory}/1`, `${directory}/5`)
          yield* fs.makeDirectory(`${directory}/6/${toHex(first.hash)}/meta`, { recursive: true })
          yield* fs.makeDirectory(`${directory}/7/${toHex(first.hash)}`, { recursive: true })
          yield* fs.writeFile(`${directory}/7/${toHex(first.hash)}/meta`, new Uint8Array(9))
          expect((yield* creator.list(everything())).map(({ root }) => root)).toEqual([first, second])
        }),
      three
    )
  )

  it.effect("delete takes the version's directory with its last checkpoint", () =>
    withCreator(
      (creator, directory) =>
        Effect.gen(function* () {
          const fs = yield* FileSystem
          yield* creator.create(second, 10_000, 0)
          yield* creator.create(third, 10_000, 0)
          yield* creator.delete(1, second)
          expect(yield* fs.readDirectory(`${directory}/12`)).toEqual([toHex(third.hash)])
          expect(yield* Effect.flip(creator.delete(1, second))).toMatchObject({
            _tag: "CheckpointNotFound",
            code: 1
          })
          yield* creator.delete(1, third)
          expect(yield* fs.readDirectory(directory)).toEqual([])
        }),
      three
    )
  )

  it.effect("delete takes damaged checkpoints, too", () =>
    withCreator((creator, directory) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem
        yield* creator.create(root, 10_000, 0)
        yield* fs.writeFile(`${directory}/1/${toHex(root.hash)}/meta`, new Uint8Array(5))
        expect((yield* Effect.flip(creator.get(1, root)))._tag).toBe("InvalidMetadata")
        yield* creator.delete(1, root)
        expect(yield* contents(directory)).toEqual([])
      })
    )
  )

  it.effect("know one format", () =>
    withCreator((creator) =>
      Effect.gen(function* () {
        const metadata = yield* creator.create(root, 10_000, 0)
        expect(yield* creator.get(1, root)).toEqual(metadata)
        expect((yield* Effect.flip(creator.get(2, root)))._tag).toBe("CheckpointNotFound")
        expect((yield* Effect.flip(creator.delete(2, root)))._tag).toBe("CheckpointNotFound")
        expect((yield* Effect.flip(creator.get(1, rootOf(tree, 2n))))._tag).toBe("CheckpointNotFound")
      })
    )
  )
})

describe("ChunkProvider.getChunk", () => {
  it.effect("gives the chunk's bytes, also without a creator", () =>
    withCreator((creator, directory) =>
      Effect.gen(function* () {
        const metadata = yield* creator.create(root, 2_048, 4)
        const expected = chunksOf(tree.root, { chunkSize: 2_048, threads: 4 })
        const provider = yield* Effect.provide(
          ChunkProvider,
          Layer.provide(ChunkProvider.layer({ directory }), files)
        )
        expect(yield* provider.list(everything())).toEqual([metadata])
        for (const [index, { framed }] of expected.entries()) {
          expect(toHex(yield* collect(provider, chunkOf(metadata, index)))).toBe(toHex(framed))
        }
      })
    )
  )

  it.effect("says what is missing", () =>
    withCreator((creator, directory) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem
        const metadata = yield* creator.create(root, 2_048, 4)
        const chunk = chunkOf(metadata, 1)
        const refusal = (changes: Partial<ChunkMetadata>) =>
          Effect.flip(collect(creator, new ChunkMetadata({ ...chunk, ...changes })))
        expect(yield* refusal({ index: 12 })).toMatchObject({ _tag: "ChunkNotFound", code: 2, index: 12 })
        expect((yield* refusal({ digest: hashText("other") }))._tag).toBe("ChunkNotFound")
        expect((yield* refusal({ root: rootOf(tree, 2n) }))._tag).toBe("CheckpointNotFound")
        const file = `${directory}/1/${toHex(root.hash)}/chunks/1`
        yield* fs.rename(file, `${directory}/../moved`)
        expect((yield* refusal({}))._tag).toBe("ChunkNotFound")
        yield* fs.symlink(`${directory}/../moved`, file)
        expect(yield* refusal({})).toMatchObject({ _tag: "CheckpointStorageFailed", reason: "SymbolicLink" })
      })
    )
  )
})
