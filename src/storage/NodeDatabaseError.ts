import { Schema } from "effect"
import { toHex } from "../mkvs/Bytes.ts"
import type { StoreFailed, StoreFull, StoreReadOnly } from "./StoreError.ts"

const Bytes = Schema.Uint8ArrayFromSelf

/** No node with this hash lies on the way to the key in this root. */
export class NodeNotFound extends Schema.TaggedError<NodeNotFound>()("NodeNotFound", { hash: Bytes }) {
  override get message() {
    return `node ${toHex(this.hash)} is not on the way to that key in this root`
  }
}

/** The write log between these roots cannot be had: one of them is no longer (or not yet) kept, or they do not match. */
export class WriteLogNotFound extends Schema.TaggedError<WriteLogNotFound>()("WriteLogNotFound", {
  start: Schema.BigIntFromSelf,
  end: Schema.BigIntFromSelf,
  reason: Schema.Literal("StartNotKept", "EndNotKept", "TypesDiffer", "EndBeforeStart")
}) {
  override get message() {
    return `no write log from version ${this.start} to ${this.end}: ${this.reason}; both roots must be finalised, kept, of one type, in order`
  }
}

/** Finalise the versions before this one first, in order. */
export class NotFinalized extends Schema.TaggedError<NotFinalized>()("NotFinalized", {
  version: Schema.BigIntFromSelf
}) {
  override get message() {
    return `version ${this.version} is not finalised yet: finalise versions in order`
  }
}

/** The version is finalised and cannot change any more. */
export class AlreadyFinalized extends Schema.TaggedError<AlreadyFinalized>()("AlreadyFinalized", {
  version: Schema.BigIntFromSelf
}) {
  override get message() {
    return `version ${this.version} is finalised already and cannot change: use the next version`
  }
}

/** The version was never finalised here, or has been pruned. */
export class VersionNotFound extends Schema.TaggedError<VersionNotFound>()("VersionNotFound", {
  version: Schema.BigIntFromSelf,
  earliest: Schema.OptionFromSelf(Schema.BigIntFromSelf),
  latest: Schema.OptionFromSelf(Schema.BigIntFromSelf)
}) {
  override get message() {
    return this.earliest._tag === "Some" && this.latest._tag === "Some"
      ? `version ${this.version} is not here: versions ${this.earliest.value} to ${this.latest.value} are`
      : `version ${this.version} is not here: nothing has been finalised yet`
  }
}

/** The old root's version is not the latest finalised one. */
export class PreviousVersionMismatch extends Schema.TaggedError<PreviousVersionMismatch>()(
  "PreviousVersionMismatch",
  {
    given: Schema.BigIntFromSelf,
    expected: Schema.BigIntFromSelf
  }
) {
  override get message() {
    return `the old root is of version ${this.given}, but the latest finalised version is ${this.expected}: start from that`
  }
}

/** A new version must come after the latest one. */
export class VersionWentBackwards extends Schema.TaggedError<VersionWentBackwards>()("VersionWentBackwards", {
  version: Schema.BigIntFromSelf,
  latest: Schema.BigIntFromSelf
}) {
  override get message() {
    return `version ${this.version} is before the latest version ${this.latest}: versions only grow`
  }
}

/** The root is not in the database (any more). */
export class RootNotFound extends Schema.TaggedError<RootNotFound>()("RootNotFound", {
  version: Schema.BigIntFromSelf,
  type: Schema.Number,
  hash: Bytes
}) {
  override get message() {
    return `root ${toHex(this.hash)} (type ${this.type}) of version ${this.version} is not in the database`
  }
}

/** The new root's version or type does not follow from the old root's (`spec/mkvs.md`, Operations). */
export class RootMustFollowOld extends Schema.TaggedError<RootMustFollowOld>()("RootMustFollowOld", {
  oldVersion: Schema.BigIntFromSelf,
  version: Schema.BigIntFromSelf
}) {
  override get message() {
    return `a root of version ${this.version} cannot follow this root of version ${this.oldVersion}: same type, same version or one higher; an io root starts empty`
  }
}

/** The database belongs to another namespace. */
export class BadNamespace extends Schema.TaggedError<BadNamespace>()("BadNamespace", {
  expected: Bytes,
  actual: Bytes
}) {
  override get message() {
    return `namespace ${toHex(this.actual)} does not match the database's ${toHex(this.expected)}`
  }
}

/** Versions are pruned from the earliest on. */
export class NotEarliest extends Schema.TaggedError<NotEarliest>()("NotEarliest", {
  version: Schema.BigIntFromSelf,
  earliest: Schema.BigIntFromSelf
}) {
  override get message() {
    return `version ${this.version} cannot be pruned before ${this.earliest}: prune the earliest first`
  }
}

/** The database was opened read-only. */
export class DatabaseReadOnly extends Schema.TaggedError<DatabaseReadOnly>()("DatabaseReadOnly", {
  operation: Schema.String
}) {
  override get message() {
    return `${this.operation}: the database is open read-only`
  }
}

/** A multipart insert is running: finish or abort it first. */
export class MultipartInProgress extends Schema.TaggedError<MultipartInProgress>()("MultipartInProgress", {
  version: Schema.BigIntFromSelf
}) {
  override get message() {
    return `a multipart insert of version ${this.version} is in progress: finish or abort it first`
  }
}

/** The running multipart insert is of another version, or none is running (`running` absent). */
export class WrongMultipartVersion extends Schema.TaggedError<WrongMultipartVersion>()(
  "WrongMultipartVersion",
  {
    given: Schema.BigIntFromSelf,
    running: Schema.OptionFromSelf(Schema.BigIntFromSelf)
  }
) {
  override get message() {
    return this.running._tag === "Some"
      ? `version ${this.given} does not match the multipart insert of version ${this.running.value} in progress`
      : `no multipart insert of version ${this.given} is in progress`
  }
}

/** Parts of the multipart insert are still missing. Nothing was finalised; the insert is still in progress. */
export class MultipartIncomplete extends Schema.TaggedError<MultipartIncomplete>()("MultipartIncomplete", {
  /** Hashes of missing subtrees, at most 16 of them. */
  missing: Schema.Array(Bytes),
  count: Schema.Number
}) {
  override get message() {
    return `${this.count} subtrees are missing, the first is ${this.missing[0] ? toHex(this.missing[0]) : "unknown"}`
  }
}

/** The latest version is never pruned. */
export class CannotPruneLatest extends Schema.TaggedError<CannotPruneLatest>()("CannotPruneLatest", {
  version: Schema.BigIntFromSelf
}) {
  override get message() {
    return `version ${this.version} is the latest and cannot be pruned`
  }
}

/** Somebody (a reader, a checkpoint being made) still needs the version. Try again later. */
export class VersionPinned extends Schema.TaggedError<VersionPinned>()("VersionPinned", {
  version: Schema.BigIntFromSelf,
  by: Schema.String
}) {
  override get message() {
    return `version ${this.version} is pinned by ${this.by}: it can be pruned when that is done`
  }
}

/** The database was written by a newer program. Nothing was changed. */
export class UnknownFormatVersion extends Schema.TaggedError<UnknownFormatVersion>()("UnknownFormatVersion", {
  found: Schema.Number,
  supported: Schema.Number
}) {
  override get message() {
    return `the database has format ${this.found}, this program knows up to ${this.supported}: use a newer version of Cairn`
  }
}

/** A record is missing, or its checksum is wrong: the medium lost or changed it. It is never answered from. */
export class DatabaseDamaged extends Schema.TaggedError<DatabaseDamaged>()("DatabaseDamaged", {
  /** Which record: `page 17`, `versions 0000000000000005`, … */
  record: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `database damaged: ${this.record}: ${this.reason}; restore from a checkpoint or a dump`
  }
}

/** What any write may meet on its medium. */
export type WriteFailure = StoreFull | StoreReadOnly | StoreFailed | DatabaseDamaged | DatabaseReadOnly
