import { FileSystem } from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import { Effect, Either, Option, Stream } from "effect"
import { toHex } from "../mkvs/Bytes.ts"
import type { Root } from "../mkvs/Root.ts"
import { type CheckpointStorageFailed, InvalidMetadata } from "./CheckpointError.ts"
import type { CheckpointLimits } from "./CheckpointLimits.ts"
import { decodeMetadata, type Metadata, metadataBytesMax } from "./Metadata.ts"
import * as PlainFiles from "./PlainFiles.ts"

/**
 * Where things lie (`spec/checkpoint.md`, Bytes and Creator):
 * `<directory>/<version>/<root hash>/meta` and `…/chunks/<index>`. Of two roots of a version with the same hash the
 * second lies in `<root hash>-<root type>`. What has no `meta` is no checkpoint.
 */

type Files = FileSystem | Path

/** The directory of one checkpoint: `base` is trusted, what is below it is not. */
export type Place = PlainFiles.Below

export interface FoundCheckpoint {
  readonly place: Place
  readonly metadata: Metadata
}

export const metaName = "meta"
export const chunksName = "chunks"

/** A directory that is itself a checkpoint's. */
export const placeAt = (directory: string): Place => ({ base: directory, names: [] })

/** Both places a checkpoint of the root may be in, in the order in which they are taken. */
export const placesOf = (directory: string, root: Root): readonly [Place, Place] => {
  const version = root.version.toString()
  const hash = toHex(root.hash)
  return [
    { base: directory, names: [version, hash] },
    { base: directory, names: [version, `${hash}-${root.type}`] }
  ]
}

/** `None` where there is no finished checkpoint. */
export const readMetadata = (
  place: Place,
  limits: CheckpointLimits
): Effect.Effect<Option.Option<Metadata>, InvalidMetadata | CheckpointStorageFailed, Files> =>
  Effect.gen(function* () {
    const bytes = yield* readFile(within(place, metaName), metadataBytesMax(limits.chunksMax))
    if (Option.isNone(bytes)) return Option.none()
    const path = yield* PlainFiles.pathOf(within(place, metaName))
    if (Either.isLeft(bytes.value)) return yield* new InvalidMetadata({ path, reason: bytes.value.left })
    const metadata = decodeMetadata(bytes.value.right, limits)
    return Either.isRight(metadata)
      ? Option.some(metadata.right)
      : yield* new InvalidMetadata({ path, reason: metadata.left.reason })
  })

/** A chunk's bytes, not checked; `None` where there is no such file. `Left`: it is longer than `bytesMax`. */
export const readChunk = (
  place: Place,
  index: number,
  bytesMax: number
): Effect.Effect<Option.Option<Either.Either<Uint8Array, string>>, CheckpointStorageFailed, Files> =>
  readFile(within(place, chunksName, String(index)), bytesMax)

/** A chunk's bytes in pieces, not checked; `None` where there is no such file. */
export const streamChunk = (
  place: Place,
  index: number
): Effect.Effect<
  Option.Option<Stream.Stream<Uint8Array, CheckpointStorageFailed>>,
  CheckpointStorageFailed,
  Files
> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const found = yield* PlainFiles.find(within(place, chunksName, String(index)), "File")
    return Option.map(found, ({ path }) =>
      Stream.mapError(fs.stream(path), PlainFiles.storageFailed("read", path))
    )
  })

/**
 * The finished checkpoints below `directory`, by version, then hash, then type; only those of `version` where given.
 * Names that are not ours are passed over; damaged ones too, with a warning in the log.
 */
export const list = (
  directory: string,
  limits: CheckpointLimits,
  version?: bigint
): Effect.Effect<ReadonlyArray<FoundCheckpoint>, CheckpointStorageFailed, Files> =>
  Effect.gen(function* () {
    const found: Array<FoundCheckpoint> = []
    for (const place of yield* places(directory, version)) {
      const metadata = yield* readMetadata(place, limits).pipe(
        Effect.flatMap((metadata) => checkPlace(place, metadata)),
        passOver(Option.none<Metadata>())
      )
      if (Option.isSome(metadata)) found.push({ place, metadata: metadata.value })
    }
    return found
  })

/** Where checkpoints may be below `directory`, by version, then hash, then type, finished or not. */
export const places = (
  directory: string,
  only?: bigint
): Effect.Effect<ReadonlyArray<Place>, CheckpointStorageFailed, Files> =>
  Effect.gen(function* () {
    const versions = (yield* PlainFiles.namesIn({ base: directory, names: [] }))
      .filter((name) => /^(0|[1-9][0-9]{0,19})$/.test(name))
      .map(BigInt)
      .filter((version) => only === undefined || version === only)
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    const all: Array<Place> = []
    for (const version of versions) {
      const names = yield* PlainFiles.namesIn({ base: directory, names: [version.toString()] }).pipe(
        passOver<ReadonlyArray<string>>([])
      )
      const ours = names.filter((name) => /^[0-9a-f]{64}(-[12])?$/.test(name)).sort()
      all.push(...ours.map((name) => ({ base: directory, names: [version.toString(), name] })))
    }
    return all
  })

/** Goes on without an entry that is no good; that says nothing about the others. Other failures stay. */
const passOver =
  <A>(instead: A) =>
  <E extends InvalidMetadata | CheckpointStorageFailed, R>(
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, CheckpointStorageFailed, R> =>
    Effect.catchAll(effect, (error) => {
      const failure: InvalidMetadata | CheckpointStorageFailed = error
      if (failure._tag === "CheckpointStorageFailed" && !isDamage(failure)) return Effect.fail(failure)
      return Effect.as(Effect.logWarning("passed over in the checkpoint directory", failure), instead)
    })

const isDamage = (error: CheckpointStorageFailed): boolean =>
  error.reason === "SymbolicLink" || error.reason === "NotPlain"

/** A checkpoint that was moved to another root's place is not served there. */
const checkPlace = (
  place: Place,
  metadata: Option.Option<Metadata>
): Effect.Effect<Option.Option<Metadata>, InvalidMetadata, Files> =>
  Effect.gen(function* () {
    if (Option.isNone(metadata)) return metadata
    const { root } = metadata.value
    const belongs = placesOf(place.base, root).some(({ names }) => names.join("/") === place.names.join("/"))
    if (belongs) return metadata
    const path = yield* PlainFiles.pathOf(within(place, metaName))
    return yield* new InvalidMetadata({ path, reason: `it is about another root: ${root}` })
  })

export const within = (place: Place, ...names: ReadonlyArray<string>): PlainFiles.Below => ({
  base: place.base,
  names: [...place.names, ...names]
})

const readFile = (
  below: PlainFiles.Below,
  bytesMax: number
): Effect.Effect<Option.Option<Either.Either<Uint8Array, string>>, CheckpointStorageFailed, Files> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const found = yield* PlainFiles.find(below, "File")
    if (Option.isNone(found)) return Option.none()
    const { path, bytes } = found.value
    if (bytes > bytesMax) {
      return Option.some(Either.left(`the file has ${bytes} bytes: at most ${bytesMax} are allowed`))
    }
    const content = yield* PlainFiles.absentAsNone(fs.readFile(path), "read", path)
    return Option.map(content, Either.right)
  })
