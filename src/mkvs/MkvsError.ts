import { Schema } from "effect"
import { toHex } from "./Bytes.ts"

/**
 * The tree's errors. The synchronous core throws them; each Effect edge passes on those its signature names and lets
 * the others die, because inside a healthy process they cannot happen.
 */

/** A key has more than 8,191 bytes (labels count bits in 16). Nothing was changed. */
export class KeyTooLong extends Schema.TaggedError<KeyTooLong>()("KeyTooLong", {
  bytes: Schema.Number
}) {
  override get message() {
    return `key of ${this.bytes} bytes: at most 8191 are allowed; shorten it, or use its hash as the key`
  }
}

/** Bytes that are no node. */
export class MalformedNode extends Schema.TaggedError<MalformedNode>()("MalformedNode", {
  reason: Schema.String,
  offset: Schema.Number
}) {
  override get message() {
    return `malformed node: ${this.reason} at byte ${this.offset}`
  }
}

/** Bytes from outside that are no canonical CBOR of the expected shape. */
export class MalformedCbor extends Schema.TaggedError<MalformedCbor>()("MalformedCbor", {
  what: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `malformed ${this.what}: ${this.reason}`
  }
}

/** A proof does not prove what it claims. Nothing in it may be used. */
export class ProofVerificationFailed extends Schema.TaggedError<ProofVerificationFailed>()(
  "ProofVerificationFailed",
  {
    reason: Schema.String
  }
) {
  override get message() {
    return `proof refused: ${this.reason}`
  }
}

/** The question touches a part of the tree that this proof leaves out: ask for a proof of that part. */
export class NotCovered extends Schema.TaggedError<NotCovered>()("NotCovered", {
  hash: Schema.Uint8ArrayFromSelf
}) {
  override get message() {
    return `not covered by this proof: node ${toHex(this.hash)}`
  }
}
