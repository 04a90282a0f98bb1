import { InvalidMetadata } from "./CheckpointError.ts"

/** What is accepted from outside; more is refused before memory is taken for it. */
export interface CheckpointLimits {
  readonly chunksMax: number
  /** Decompressed bytes of one chunk. */
  readonly chunkBytesMax: number
}

export const defaultCheckpointLimits: CheckpointLimits = {
  chunksMax: 1_000_000,
  chunkBytesMax: 64 * 1024 * 1024
}

/** A checkpoint that nobody would accept is not made. */
export const tooManyChunks = (chunksMax: number): InvalidMetadata =>
  new InvalidMetadata({
    reason: `the checkpoint would have more than ${chunksMax} chunks: use a larger chunk size`
  })
