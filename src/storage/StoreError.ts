import { Schema } from "effect"

/** The medium has no room left. Nothing of the batch was applied. */
export class StoreFull extends Schema.TaggedError<StoreFull>()("StoreFull", { path: Schema.String }) {
  override get message() {
    return `no space left for the database at ${this.path}: free some and try again; nothing was changed`
  }
}

/** The medium cannot be written (opened read-only, or on a read-only file system). */
export class StoreReadOnly extends Schema.TaggedError<StoreReadOnly>()("StoreReadOnly", {
  path: Schema.String
}) {
  override get message() {
    return `the database at ${this.path} cannot be written: it is read-only`
  }
}

/** The medium failed in another way (I/O error, wrong permissions, not a database). */
export class StoreFailed extends Schema.TaggedError<StoreFailed>()("StoreFailed", {
  path: Schema.String,
  operation: Schema.String,
  cause: Schema.Defect
}) {
  override get message() {
    return `database at ${this.path}: ${this.operation} failed: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/** Another live process (or another layer of this one) writes this database. */
export class DatabaseHeld extends Schema.TaggedError<DatabaseHeld>()("DatabaseHeld", {
  path: Schema.String,
  holder: Schema.String
}) {
  override get message() {
    return `the database at ${this.path} is held by another process (${this.holder}): stop it first, or open read-only`
  }
}
