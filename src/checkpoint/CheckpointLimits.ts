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
