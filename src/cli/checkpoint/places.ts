import * as path from "node:path"
import { FileSystem } from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import { Effect, Option, Schema } from "effect"
import * as Directory from "../../checkpoint/CheckpointDirectory.ts"
import { type CheckpointStorageFailed, InvalidMetadata } from "../../checkpoint/CheckpointError.ts"
import { defaultCheckpointLimits } from "../../checkpoint/CheckpointLimits.ts"
import { findCheckpoints } from "../../checkpoint/CheckpointVerifier.ts"
import type { Metadata } from "../../checkpoint/Metadata.ts"
import * as PlainFiles from "../../checkpoint/PlainFiles.ts"
import { equal, toHex } from "../../mkvs/Bytes.ts"

/** Which checkpoints a directory on the command line means. */

type Files = FileSystem | Path

/** There is no finished checkpoint where one was looked for. */
export class NoCheckpoint extends Schema.TaggedError<NoCheckpoint>()("NoCheckpoint", {
  directory: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.directory} ${this.reason}: name a directory that cairn checkpoint create has written to`
  }
}

/** The directory holds several checkpoints, and the command is about one. */
export class SeveralCheckpoints extends Schema.TaggedError<SeveralCheckpoints>()("SeveralCheckpoints", {
  directory: Schema.String,
  count: Schema.Number,
  /** The directory of one of them. */
  example: Schema.String
}) {
  override get message() {
    return `${this.directory} holds ${this.count} checkpoints: name the directory of one, such as ${this.example}`
  }
}

/** At least one place that holds a finished checkpoint, whole or damaged; by version, then hash. */
export const all = (
  directory: string
): Effect.Effect<
  readonly [Directory.Place, ...ReadonlyArray<Directory.Place>],
  NoCheckpoint | CheckpointStorageFailed,
  Files
> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const found = yield* PlainFiles.absentAsNone(fs.stat(directory), "open", directory)
    if (Option.isNone(found)) return yield* new NoCheckpoint({ directory, reason: "does not exist" })
    const [first, ...others] = yield* findCheckpoints(directory)
    if (first === undefined) {
      return yield* new NoCheckpoint({ directory, reason: "holds no finished checkpoint" })
    }
    return [first, ...others]
  })

/** The one checkpoint that is meant. */
export const one = (
  directory: string
): Effect.Effect<Directory.Place, NoCheckpoint | SeveralCheckpoints | CheckpointStorageFailed, Files> =>
  Effect.gen(function* () {
    const places = yield* all(directory)
    if (places.length === 1) return whole(places[0])
    const example = pathOf(places[places.length - 1]!)
    return yield* new SeveralCheckpoints({ directory, count: places.length, example })
  })

/**
 * The one checkpoint that is meant, of the root with this hash where one is given: any other is refused.
 */
export const ofRoot = (
  directory: string,
  rootHash: Option.Option<Uint8Array>
): Effect.Effect<
  Directory.FoundCheckpoint,
  NoCheckpoint | SeveralCheckpoints | InvalidMetadata | CheckpointStorageFailed,
  Files
> =>
  Effect.gen(function* () {
    const places = yield* all(directory)
    if (Option.isNone(rootHash) || places.length === 1) {
      const place = yield* one(directory)
      const metadata = yield* read(place)
      if (Option.isNone(rootHash) || equal(metadata.root.hash, rootHash.value)) return { place, metadata }
      const reason = `it is about root ${toHex(metadata.root.hash)}, not ${toHex(rootHash.value)}`
      return yield* new InvalidMetadata({ reason, path: pathOf(place) })
    }
    const matching: Array<Directory.FoundCheckpoint> = []
    for (const place of places) {
      const metadata = yield* Effect.option(read(place))
      if (Option.isSome(metadata) && equal(metadata.value.root.hash, rootHash.value)) {
        matching.push({ place, metadata: metadata.value })
      }
    }
    const [first, ...others] = matching
    if (first === undefined) {
      const reason = `holds no checkpoint of root ${toHex(rootHash.value)}`
      return yield* new NoCheckpoint({ directory, reason })
    }
    if (others.length === 0) return first
    const example = pathOf(first.place)
    return yield* new SeveralCheckpoints({ directory, count: matching.length, example })
  })

export const read = (
  place: Directory.Place
): Effect.Effect<Metadata, NoCheckpoint | InvalidMetadata | CheckpointStorageFailed, Files> =>
  Effect.flatMap(Directory.readMetadata(place, defaultCheckpointLimits), (found) =>
    Option.isSome(found)
      ? Effect.succeed(found.value)
      : new NoCheckpoint({ directory: pathOf(place), reason: "holds no finished checkpoint" })
  )

export const pathOf = ({ base, names }: Directory.Place): string => path.join(base, ...names)

/**
 * The place as seen from the directory of all checkpoints, where the directory of one was named: its version's
 * directory belongs to it, too.
 */
const whole = (place: Directory.Place): Directory.Place => {
  if (place.names.length > 0) return place
  const directory = path.resolve(place.base)
  const names = [path.basename(path.dirname(directory)), path.basename(directory)]
  const isOurs = /^(0|[1-9][0-9]{0,19})\/[0-9a-f]{64}(-[12])?$/.test(names.join("/"))
  return isOurs ? { base: path.dirname(path.dirname(directory)), names } : place
}
