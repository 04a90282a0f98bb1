import { Schema } from "effect"

/**
 * The errors of checkpoints (`spec/checkpoint.md`, Restorer). Those with a `code` are the reference's, by its numbers.
 * Hashes are hex, so that an error can be printed and sent as it is.
 */

const names = { rootVersion: Schema.BigInt, rootHash: Schema.String }

/** There is no finished checkpoint of this root here, or none of this format. */
export class CheckpointNotFound extends Schema.TaggedError<CheckpointNotFound>()("CheckpointNotFound", {
  /** The root that was asked for, or the directory that was expected to hold a checkpoint. */
  what: Schema.String
}) {
  get code() {
    return 1 as const
  }
  override get message() {
    return `no checkpoint of ${this.what} here: list what there is`
  }
}

/** The checkpoint has no such chunk, or its file is gone. */
export class ChunkNotFound extends Schema.TaggedError<ChunkNotFound>()("ChunkNotFound", {
  ...names,
  index: Schema.Number
}) {
  get code() {
    return 2 as const
  }
  override get message() {
    return `no chunk ${this.index} in the checkpoint of root ${this.rootHash} of version ${this.rootVersion}`
  }
}

/** One restore at a time: finish or abort the one of this root first. It goes on. */
export class RestoreAlreadyInProgress extends Schema.TaggedError<RestoreAlreadyInProgress>()(
  "RestoreAlreadyInProgress",
  names
) {
  get code() {
    return 3 as const
  }
  override get message() {
    return `root ${this.rootHash} of version ${this.rootVersion} is being restored: finish or abort that first`
  }
}

/** No restore has been started, or it has ended. */
export class NoRestoreInProgress extends Schema.TaggedError<NoRestoreInProgress>()(
  "NoRestoreInProgress",
  {}
) {
  get code() {
    return 4 as const
  }
  override get message() {
    return "no restore is in progress: start one"
  }
}

/** The chunk was restored before. The restore goes on. */
export class ChunkAlreadyRestored extends Schema.TaggedError<ChunkAlreadyRestored>()("ChunkAlreadyRestored", {
  index: Schema.Number
}) {
  get code() {
    return 5 as const
  }
  override get message() {
    return `chunk ${this.index} has been restored already: send another one`
  }
}

/**
 * The bytes are those that the metadata names, but they do not decode, or prove nothing about the root: the metadata
 * itself is bad. A restore is aborted, and nothing of it is left.
 */
export class ChunkProofVerificationFailed extends Schema.TaggedError<ChunkProofVerificationFailed>()(
  "ChunkProofVerificationFailed",
  { index: Schema.Number, reason: Schema.String }
) {
  get code() {
    return 6 as const
  }
  override get message() {
    return `chunk ${this.index} does not prove its part of the tree: ${this.reason}; take another checkpoint`
  }
}

/** The bytes are not those that the metadata names. A restore goes on: ask another peer. */
export class ChunkCorrupted extends Schema.TaggedError<ChunkCorrupted>()("ChunkCorrupted", {
  index: Schema.Number,
  expected: Schema.String,
  actual: Schema.String
}) {
  get code() {
    return 7 as const
  }
  override get message() {
    return `chunk ${this.index} is corrupted: its digest is ${this.actual}, not ${this.expected}; get it from elsewhere`
  }
}

/**
 * All chunks are right, but together they do not cover the tree: the metadata leaves chunks out. A restore is aborted,
 * and nothing of it is left.
 */
export class CheckpointIncomplete extends Schema.TaggedError<CheckpointIncomplete>()("CheckpointIncomplete", {
  /** Hashes of missing subtrees, at most 16 of them. */
  missing: Schema.Array(Schema.String),
  count: Schema.Number
}) {
  override get message() {
    return `the checkpoint lacks ${this.count} subtrees, the first is ${this.missing[0] ?? "unknown"}; take another checkpoint`
  }
}

/** Bytes that describe no checkpoint that can be used here. Nothing was started. */
export class InvalidMetadata extends Schema.TaggedError<InvalidMetadata>()("InvalidMetadata", {
  reason: Schema.String,
  /** The file it was read from, where it was one. */
  path: Schema.optionalWith(Schema.String, { exact: true })
}) {
  override get message() {
    return `invalid checkpoint metadata${this.path === undefined ? "" : ` in ${this.path}`}: ${this.reason}`
  }
}

/**
 * The directory could not be read or written. `Full`: no space left. `NotPermitted`: read-only, or not ours to change.
 * `SymbolicLink`, `NotPlain`: something inside is no plain file or directory, and is not followed. `Occupied`: the place
 * holds the checkpoint of another root. Nothing partial is left, unless it could not be removed either.
 */
export class CheckpointStorageFailed extends Schema.TaggedError<CheckpointStorageFailed>()(
  "CheckpointStorageFailed",
  {
    path: Schema.String,
    operation: Schema.String,
    reason: Schema.Literal("Full", "NotPermitted", "SymbolicLink", "NotPlain", "Occupied", "Failed"),
    detail: Schema.String
  }
) {
  override get message() {
    return `checkpoint storage: ${this.operation} ${this.path} failed: ${this.detail}${advice[this.reason]}`
  }
}

const advice = {
  Full: "; free some space and try again",
  NotPermitted: "; check who may write there",
  SymbolicLink: "; remove it",
  NotPlain: "; remove it",
  Occupied: "; use another directory",
  Failed: ""
} as const
