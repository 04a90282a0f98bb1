import type { FileSystem } from "@effect/platform/FileSystem"
import type { Path } from "@effect/platform/Path"
import { Effect, Either, Option } from "effect"
import { equal, toHex } from "../mkvs/Bytes.ts"
import type { Hasher } from "../mkvs/Hasher.ts"
import { defaultHasher } from "../mkvs/hasher/index.ts"
import { makeHashStream } from "../mkvs/hasher/NodeHasher.ts"
import { ProofVerificationFailed } from "../mkvs/MkvsError.ts"
import { yieldToEventLoop } from "../storage/yieldToEventLoop.ts"
import * as Directory from "./CheckpointDirectory.ts"
import {
  CheckpointIncomplete,
  CheckpointNotFound,
  type CheckpointStorageFailed,
  ChunkCorrupted,
  ChunkNotFound,
  ChunkProofVerificationFailed,
  InvalidMetadata
} from "./CheckpointError.ts"
import { type CheckpointLimits, defaultCheckpointLimits } from "./CheckpointLimits.ts"
import { CoverageChecker } from "./ChunkChecker.ts"
import { decodeChunk, framedBytesMax } from "./ChunkCodec.ts"
import type { ChunkMetadata, Metadata } from "./Metadata.ts"
import * as PlainFiles from "./PlainFiles.ts"
import { MalformedSnappy } from "./SnappyFraming.ts"

/** Checks checkpoints on disk without a database. */

export interface VerifyOptions {
  readonly limits?: Partial<CheckpointLimits> | undefined
  /** Refuse a checkpoint of any other root hash. Without it a checkpoint proves only that it is whole. */
  readonly rootHash?: Uint8Array | undefined
  readonly hasher?: Hasher | undefined
  /** Called after each chunk. Must not throw. */
  readonly onChunk?: ((index: number, chunks: number) => void) | undefined
}

export interface VerifiedCheckpoint {
  readonly metadata: Metadata
  readonly keys: number
}

export type VerifyError =
  | CheckpointNotFound
  | InvalidMetadata
  | ChunkNotFound
  | ChunkCorrupted
  | ChunkProofVerificationFailed
  | CheckpointIncomplete
  | CheckpointStorageFailed

export type { Place } from "./CheckpointDirectory.ts"
export { placeAt } from "./CheckpointDirectory.ts"

/**
 * Finished checkpoints: `directory` itself where it holds a `meta`, else those below it as a creator lays them out
 * (`<version>/<root hash>/`), by version and hash. `[]` where there is none.
 */
export const findCheckpoints = (
  directory: string
): Effect.Effect<ReadonlyArray<Directory.Place>, CheckpointStorageFailed, FileSystem | Path> =>
  Effect.gen(function* () {
    const itself = Directory.placeAt(directory)
    if (yield* isFinished(itself)) return [itself]
    return yield* Effect.filter(yield* Directory.places(directory), isFinished)
  })

/** What cannot be looked at counts, so that verifying it says why. */
const isFinished = (place: Directory.Place): Effect.Effect<boolean, never, FileSystem | Path> =>
  PlainFiles.find(Directory.within(place, Directory.metaName), "File").pipe(
    Effect.map(Option.isSome),
    Effect.orElseSucceed(() => true)
  )

/**
 * Checks the checkpoint at `place`: every digest, every hash, and that all chunks together cover the tree. Holds
 * one chunk and the references that are still open, whatever the size of the tree.
 */
export const verify = Effect.fn("CheckpointVerifier.verify")(function* (
  place: Directory.Place,
  options: VerifyOptions = {}
): Effect.fn.Return<VerifiedCheckpoint, VerifyError, FileSystem | Path> {
  const limits = { ...defaultCheckpointLimits, ...options.limits }
  const directory = yield* PlainFiles.pathOf(place)
  const found = yield* Directory.readMetadata(place, limits)
  if (Option.isNone(found)) return yield* new CheckpointNotFound({ what: directory })
  const metadata = found.value
  const { root } = metadata
  if (options.rootHash !== undefined && !equal(root.hash, options.rootHash)) {
    return yield* new InvalidMetadata({
      reason: `it is about root ${toHex(root.hash)}, not ${toHex(options.rootHash)}`,
      path: directory
    })
  }
  const checker = new CoverageChecker(root.hash, options.hasher ?? defaultHasher())
  for (let index = 0; index < metadata.chunks.length; index++) {
    const chunk = yield* metadata.getChunkMetadata(index)
    yield* verifyChunk(place, chunk, checker, limits.chunkBytesMax)
    options.onChunk?.(index, metadata.chunks.length)
  }
  if (checker.open.size > 0) {
    return yield* new CheckpointIncomplete({ missing: checker.open.some(16), count: checker.open.size })
  }
  return { metadata, keys: checker.keys }
})

const verifyChunk = (
  place: Directory.Place,
  chunk: ChunkMetadata,
  checker: CoverageChecker,
  chunkBytesMax: number
): Effect.Effect<void, VerifyError, FileSystem | Path> =>
  Effect.gen(function* () {
    const { index, root } = chunk
    const refused = (reason: string) => new ChunkProofVerificationFailed({ index, reason })
    const found = yield* Directory.readChunk(place, index, framedBytesMax(chunkBytesMax))
    if (Option.isNone(found)) {
      return yield* new ChunkNotFound({ rootVersion: root.version, rootHash: toHex(root.hash), index })
    }
    if (Either.isLeft(found.value)) return yield* refused(found.value.left)
    const framed = found.value.right
    yield* checkDigest(framed, chunk)
    const entries = yield* Effect.try({
      try: () => decodeChunk(framed, chunkBytesMax),
      catch: (error) => {
        if (error instanceof MalformedSnappy) return refused(error.message)
        throw error
      }
    })
    const check = checker.chunk(entries)
    const step = Effect.try({
      try: () => check.step(entriesPerTurn),
      catch: (error) => {
        if (error instanceof ProofVerificationFailed) return refused(error.reason)
        throw error
      }
    })
    while (!(yield* step)) yield* yieldToEventLoop
  })

/** A few milliseconds of hashing. */
const entriesPerTurn = 2_048

/** `ChunkCorrupted` where the bytes are not those that the metadata names. */
export const checkDigest = (framed: Uint8Array, chunk: ChunkMetadata): Effect.Effect<void, ChunkCorrupted> =>
  Effect.suspend(() => {
    const stream = makeHashStream()
    stream.update(framed)
    const digest = stream.digest()
    if (equal(digest, chunk.digest)) return Effect.void
    return new ChunkCorrupted({
      index: chunk.index,
      expected: toHex(chunk.digest),
      actual: toHex(digest)
    })
  })
