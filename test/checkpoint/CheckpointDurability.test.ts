import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import { CheckpointCreator } from "../../src/checkpoint/CheckpointCreator.ts"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { contents, root, tree } from "./creators.ts"
import { faultyFiles } from "./faultyFiles.ts"
import { files, sourceOf, temporaryDirectory } from "./support.ts"

describe("what is durable when", () => {
  const creating = (fails: (operation: string) => boolean, code?: string) =>
    Effect.gen(function* () {
      const directory = `${yield* Effect.provide(temporaryDirectory, files)}/checkpoints`
      const faulty = faultyFiles(() => directory, { fails, ...(code === undefined ? {} : { code }) })
      const layer = Layer.provide(CheckpointCreator.layer({ directory }), [sourceOf([tree]), faulty])
      const result = yield* Effect.provide(
        Effect.either(Effect.flatMap(CheckpointCreator, (creator) => creator.create(root, 8_192, 0))),
        layer
      )
      return { result, left: yield* Effect.provide(contents(directory), files) }
    }).pipe(Effect.scoped)

  const place = `1/${toHex(root.hash)}`
  const watch = Effect.gen(function* () {
    const operations: Array<string> = []
    const { result } = yield* creating((operation) => {
      operations.push(operation.replaceAll(place, "P"))
      return false
    })
    expect(Either.isRight(result)).toBe(true)
    return operations
  })

  it.effect("chunks before meta, meta before its name", () =>
    Effect.gen(function* () {
      const operations = yield* watch
      const chunks = [0, 1, 2].flatMap((index) => [
        `create P/chunks/${index}`,
        `write P/chunks/${index}`,
        `sync P/chunks/${index}`
      ])
      const parents = operations.filter((operation) => operation.startsWith("sync /"))
      expect(parents).toHaveLength(1)
      expect(operations).toEqual([
        "remove P",
        "mkdir .",
        ...parents,
        "mkdir 1",
        "sync .",
        "mkdir P",
        "sync 1",
        "mkdir P/chunks",
        "sync P",
        ...chunks,
        "sync P/chunks",
        "create P/meta.new",
        "write P/meta.new",
        "sync P/meta.new",
        "rename P/meta",
        "sync P"
      ])
    })
  )

  it.effect("a full disk at any moment leaves nothing", () =>
    Effect.gen(function* () {
      const count = (yield* watch).length
      for (let at = 0; at < count; at++) {
        let operations = 0
        const { result, left } = yield* creating(() => operations++ === at)
        expect(Either.flip(result)).toMatchObject({
          right: { _tag: "CheckpointStorageFailed", reason: "Full" }
        })
        expect(left).toEqual([])
      }
    })
  )

  it.effect("tells a read-only disk from a full one", () =>
    Effect.gen(function* () {
      const { result } = yield* creating((operation) => operation.startsWith("mkdir"), "EROFS")
      expect(Either.flip(result)).toMatchObject({ right: { reason: "NotPermitted" } })
    })
  )
})
