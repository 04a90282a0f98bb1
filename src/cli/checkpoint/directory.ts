import { Effect, Either } from "effect"
import * as Directory from "../../checkpoint/CheckpointDirectory.ts"
import { CheckpointStorageFailed } from "../../checkpoint/CheckpointError.ts"
import * as Publishing from "../../checkpoint/CheckpointPublishing.ts"
import type { Metadata } from "../../checkpoint/Metadata.ts"
import * as PlainFiles from "../../checkpoint/PlainFiles.ts"
import { toHex } from "../../mkvs/Bytes.ts"
import { rootType } from "../../mkvs/Root.ts"
import * as ErrorJson from "../ErrorJson.ts"
import * as Output from "../Output.ts"
import { count } from "../Progress.ts"
import * as Places from "./places.ts"
import { toJson, toLine } from "./result.ts"
import { CheckpointsBad } from "./verify.ts"

export interface DirectoryOptions {
  readonly directory: string
  readonly json: boolean
}

/** One line for each finished checkpoint; those whose `meta` cannot be read are listed with why, and make it fail. */
export const list = ({ directory, json }: DirectoryOptions) =>
  eachCheckpoint(directory, json, (place, metadata) =>
    Effect.succeed({
      json: () => toJson(metadata),
      human: () => `${toLine(metadata)}  ${Places.pathOf(place)}`
    })
  )

/** Everything the `meta` says, and the sizes of the chunks. */
export const show = ({ directory, json }: DirectoryOptions) =>
  eachCheckpoint(directory, json, (place, metadata) =>
    Effect.gen(function* () {
      const sizes = yield* Effect.forEach(metadata.chunks, (_, index) => chunkSize(place, index))
      const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
      const type = metadata.root.type === rootType.state ? "state" : "io"
      const namespace = toHex(metadata.root.namespace)
      return {
        json: () => ({ ...toJson(metadata), type, namespace, bytes }),
        human: () =>
          [
            `path         ${Places.pathOf(place)}`,
            `version      ${metadata.root.version}`,
            `root         ${toHex(metadata.root.hash)} (${type})`,
            `namespace    ${namespace}`,
            `encodedHash  ${toHex(metadata.encodedHash())}`,
            `chunks       ${count(metadata.chunks.length)}, ${count(bytes)} bytes`,
            ...metadata.chunks.map((digest, index) => chunkLine(index, digest, sizes[index]))
          ].join("\n")
      }
    })
  )

/** Removes one checkpoint, finished or with a damaged `meta`, and its version's directory where that is empty then. */
export const remove = ({ directory, json }: DirectoryOptions) =>
  Effect.gen(function* () {
    const place = yield* Places.one(directory)
    yield* refuseForeign(place)
    const metadata = yield* Effect.either(Places.read(place))
    yield* Publishing.remove(place)
    yield* Output.result(json, {
      json: () => ({ ...(Either.isRight(metadata) ? toJson(metadata.right) : {}), deleted: true }),
      human: () => `deleted ${Places.pathOf(place)}`
    })
  })

const eachCheckpoint = <E, R>(
  directory: string,
  json: boolean,
  describe: (place: Directory.Place, metadata: Metadata) => Effect.Effect<Output.Result, E, R>
) =>
  Effect.gen(function* () {
    const places = yield* Places.all(directory)
    let bad = 0
    for (const place of places) {
      const metadata = yield* Effect.either(Places.read(place))
      if (Either.isRight(metadata)) {
        yield* Output.result(json, yield* describe(place, metadata.right))
        continue
      }
      const error = metadata.left
      bad++
      yield* Output.result(json, {
        json: () => ({ ok: false, error: ErrorJson.of(error) }),
        human: () => `UNREADABLE  ${Places.pathOf(place)}  ${error.message}`
      })
    }
    if (bad > 0) return yield* new CheckpointsBad({ directory, bad, total: places.length })
  })

/** `undefined` where the file is not there. */
const chunkSize = (place: Directory.Place, index: number) =>
  Effect.map(
    PlainFiles.find(Directory.within(place, Directory.chunksName, String(index)), "File"),
    (found) => (found._tag === "Some" ? found.value.bytes : undefined)
  )

const chunkLine = (index: number, digest: Uint8Array, bytes: number | undefined): string =>
  `${String(index).padStart(11)}  ${toHex(digest)}  ${bytes === undefined ? "MISSING" : `${count(bytes)} bytes`}`

/** Deleting takes the whole directory, so nothing else may be in it. */
const refuseForeign = (place: Directory.Place) =>
  Effect.gen(function* () {
    const names = yield* PlainFiles.namesIn(place)
    const foreign = names.find((name) => !ours.has(name))
    if (foreign === undefined) return
    return yield* new CheckpointStorageFailed({
      path: Places.pathOf(place),
      operation: "delete",
      reason: "Occupied",
      detail: `it also holds ${foreign}, which belongs to no checkpoint`
    })
  })

const ours: ReadonlySet<string> = new Set([
  Directory.metaName,
  `${Directory.metaName}.new`,
  Directory.chunksName
])
