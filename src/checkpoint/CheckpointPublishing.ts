import { FileSystem } from "@effect/platform/FileSystem"
import { Path } from "@effect/platform/Path"
import { Effect, Either, Exit, Option } from "effect"
import type { Root } from "../mkvs/Root.ts"
import * as Directory from "./CheckpointDirectory.ts"
import { CheckpointStorageFailed, type InvalidMetadata } from "./CheckpointError.ts"
import type { CheckpointLimits } from "./CheckpointLimits.ts"
import { encodeMetadata, formatVersion, Metadata } from "./Metadata.ts"
import * as PlainFiles from "./PlainFiles.ts"

/** How a checkpoint comes to be in its directory and goes away, so that it is never there in part. */

type Files = FileSystem | Path

export interface Survey {
  /** The finished checkpoint of the root. */
  readonly existing: Option.Option<Directory.FoundCheckpoint>
  /** A place of the root whose `meta` cannot be read. */
  readonly damaged: Option.Option<Directory.Place>
  /** Where a new one may go; `Occupied` where both places are taken by other roots. */
  readonly free: Effect.Effect<Directory.Place, InvalidMetadata | CheckpointStorageFailed, Files>
}

/** What lies in the two places of a root. */
export const survey = (
  directory: string,
  root: Root,
  limits: CheckpointLimits
): Effect.Effect<Survey, CheckpointStorageFailed, Files> =>
  Effect.gen(function* () {
    let existing = Option.none<Directory.FoundCheckpoint>()
    let damage = Option.none<{ readonly place: Directory.Place; readonly error: InvalidMetadata }>()
    let free = Option.none<Directory.Place>()
    for (const place of Directory.placesOf(directory, root)) {
      const metadata = yield* Directory.readMetadata(place, limits).pipe(
        Effect.map(Either.right),
        Effect.catchTag("InvalidMetadata", (error) => Effect.succeed(Either.left(error)))
      )
      if (Either.isLeft(metadata)) {
        damage = Option.orElse(damage, () => Option.some({ place, error: metadata.left }))
      } else if (Option.isNone(metadata.right)) {
        free = Option.orElse(free, () => Option.some(place))
      } else if (metadata.right.value.root.equals(root)) {
        existing = Option.some({ place, metadata: metadata.right.value })
      }
    }
    return {
      existing,
      damaged: Option.map(damage, ({ place }) => place),
      free: Option.isSome(damage)
        ? damage.value.error
        : Option.isSome(free)
          ? Effect.succeed(free.value)
          : occupied(directory, root)
    }
  })

/**
 * Lets `write` put chunk files, each of them durable, into the place, and makes them a checkpoint of `root`. Leftovers
 * of an earlier attempt are cleared away first. Whatever it fails by, nothing is left there afterwards.
 */
export const publish = <E, R>(
  place: Directory.Place,
  root: Root,
  write: (chunksDirectory: string) => Effect.Effect<ReadonlyArray<Uint8Array>, E, R>
): Effect.Effect<Metadata, E | InvalidMetadata | CheckpointStorageFailed, R | Files> =>
  Effect.gen(function* () {
    // before anything is made or removed: behind a link it would be somebody else's
    yield* refuseLinks(place)
    return yield* Effect.onExit(fill(place, root, write), (exit) =>
      Exit.isSuccess(exit)
        ? Effect.void
        : Effect.catchAll(remove(place), (error) =>
            Effect.logError("a partial checkpoint could not be removed", error)
          )
    )
  })

/** Takes a checkpoint, finished or not, away: first its `meta`, by which it ceases to be one. */
export const remove = (place: Directory.Place): Effect.Effect<void, CheckpointStorageFailed, Files> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const path = yield* Path
    const directory = yield* PlainFiles.pathOf(place)
    const meta = path.join(directory, Directory.metaName)
    if (yield* PlainFiles.failing(fs.exists(meta), "remove", meta)) {
      yield* PlainFiles.removeAll(meta)
      yield* PlainFiles.syncDirectory(directory)
    }
    yield* PlainFiles.removeAll(directory)
    const version = { base: place.base, names: place.names.slice(0, -1) }
    if (version.names.length > 0 && (yield* PlainFiles.namesIn(version)).length === 0) {
      yield* PlainFiles.removeAll(yield* PlainFiles.pathOf(version))
    }
  })

const fill = <E, R>(
  place: Directory.Place,
  root: Root,
  write: (chunksDirectory: string) => Effect.Effect<ReadonlyArray<Uint8Array>, E, R>
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const path = yield* Path
    const directory = yield* PlainFiles.pathOf(place)
    const chunks = path.join(directory, Directory.chunksName)
    yield* PlainFiles.removeAll(directory)
    yield* PlainFiles.makeDirectory(chunks)
    const [first, ...others] = yield* write(chunks)
    if (first === undefined) return yield* Effect.dieMessage("a tree has at least one chunk")
    yield* PlainFiles.syncDirectory(chunks)
    const metadata = new Metadata({ version: formatVersion, root, chunks: [first, ...others] })
    const meta = path.join(directory, Directory.metaName)
    // under another name first, so that a cut-off write leaves no meta rather than a short one
    yield* PlainFiles.writeNew(`${meta}.new`, encodeMetadata(metadata))
    yield* PlainFiles.failing(fs.rename(`${meta}.new`, meta), "rename", meta)
    yield* PlainFiles.syncDirectory(directory)
    return metadata
  })

const refuseLinks = (place: Directory.Place) =>
  Effect.forEach(
    place.names,
    (_, index) => PlainFiles.find({ base: place.base, names: place.names.slice(0, index + 1) }, "Directory"),
    { discard: true }
  )

const occupied = (directory: string, root: Root) =>
  new CheckpointStorageFailed({
    path: directory,
    operation: "create in",
    reason: "Occupied",
    detail: `both places for ${root} hold checkpoints of other roots`
  })
