import { Schema } from "effect"
import { toHex } from "../mkvs/Bytes.ts"

const Bytes = Schema.Uint8ArrayFromSelf

/** A machine wrote below the node's own key prefix. Nothing was written. */
export class ReservedKey extends Schema.TaggedError<ReservedKey>()("ReservedKey", { key: Bytes }) {
  override get message() {
    return `key ${toHex(this.key)} is below the node's own prefix: a state machine may read it, not write it`
  }
}

/** Bytes that are no transaction of this machine. In a block they are a failed result and change nothing. */
export class TransactionMalformed extends Schema.TaggedError<TransactionMalformed>()("TransactionMalformed", {
  reason: Schema.String
}) {
  override get message() {
    return `not a transaction of this state machine: ${this.reason}`
  }
}

/**
 * The machine broke (a throw that is no typed failure). Nothing of the block was kept, and the node executes no further
 * block: its transactions are where they were, and the next start meets them again.
 */
export class ExecutionDefect extends Schema.TaggedError<ExecutionDefect>()("ExecutionDefect", {
  round: Schema.BigIntFromSelf,
  /** Absent in `genesis`, which runs before the first transaction. */
  height: Schema.OptionFromSelf(Schema.BigIntFromSelf),
  transaction: Schema.OptionFromSelf(Bytes),
  cause: Schema.Defect
}) {
  override get message() {
    const where = this.height._tag === "Some" ? `at height ${this.height.value}` : "in genesis"
    const which = this.transaction._tag === "Some" ? `, transaction ${toHex(this.transaction.value)}` : ""
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `the state machine broke ${where} (round ${this.round}${which}): ${why}; nothing of the block was kept: mend the machine and start again`
  }
}

/** The directory holds a tree without a block header: it is no node's. Nothing was changed. */
export class BareTree extends Schema.TaggedError<BareTree>()("BareTree", { version: Schema.BigIntFromSelf }) {
  override get message() {
    return `version ${this.version} is a bare tree, not a node's state: it holds no block header; start the node in another directory`
  }
}

/** The state was made by another machine. Nothing was changed. */
export class ForeignMachine extends Schema.TaggedError<ForeignMachine>()("ForeignMachine", {
  expected: Schema.String,
  found: Schema.String
}) {
  override get message() {
    return `the state belongs to machine "${this.found}", not to "${this.expected}": start that machine, or use another directory`
  }
}

/** The state was made by a later version of the machine. Nothing was changed. */
export class MachineOutdated extends Schema.TaggedError<MachineOutdated>()("MachineOutdated", {
  machine: Schema.String,
  given: Schema.Number,
  found: Schema.Number
}) {
  override get message() {
    return `the state was made by version ${this.found} of machine "${this.machine}", this is version ${this.given}: use the later one`
  }
}

/** State and blocks, which are always written together, do not match. Nothing was changed. */
export class TablesDisagree extends Schema.TaggedError<TablesDisagree>()("TablesDisagree", {
  version: Schema.BigIntFromSelf,
  reason: Schema.String
}) {
  override get message() {
    return `state version ${this.version} and the stored blocks do not match: ${this.reason}; restore the directory from a checkpoint or a dump`
  }
}

/** A block, header or machine record was written by a newer program. Nothing was changed. */
export class UnknownBlockFormat extends Schema.TaggedError<UnknownBlockFormat>()("UnknownBlockFormat", {
  what: Schema.String,
  found: Schema.Number,
  supported: Schema.Number
}) {
  override get message() {
    return `the ${this.what} has format ${this.found}, this program knows up to ${this.supported}: use a newer version of Cairn`
  }
}

/** The feed broke, or gave something that is no transaction of the machine. Blocks up to `lastHeight` are kept. */
export class FeedFailed extends Schema.TaggedError<FeedFailed>()("FeedFailed", {
  lastHeight: Schema.BigIntFromSelf,
  cause: Schema.Defect
}) {
  override get message() {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `the feed failed after height ${this.lastHeight}: ${why}; what was executed is kept, and a restart asks the feed to go on from there`
  }
}

/** The machine did not answer a question. */
export class QueryFailed extends Schema.TaggedError<QueryFailed>()("QueryFailed", {
  machine: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `machine "${this.machine}" did not answer: ${this.reason}`
  }
}

/** There is no such module. */
export class MachineModuleNotFound extends Schema.TaggedError<MachineModuleNotFound>()(
  "MachineModuleNotFound",
  {
    module: Schema.String,
    directory: Schema.String
  }
) {
  override get message() {
    return `no module ${this.module} seen from ${this.directory}: give the path of a JavaScript file (beginning with ./ or /) or the name of an installed package`
  }
}

/** The module is there, but threw while it was loaded. */
export class MachineModuleBroken extends Schema.TaggedError<MachineModuleBroken>()("MachineModuleBroken", {
  module: Schema.String,
  cause: Schema.Defect
}) {
  override get message() {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `module ${this.module} could not be loaded: ${why}`
  }
}

/** The module loads, but one of its exports is missing or is not what a node needs. */
export class MachineModuleInvalid extends Schema.TaggedError<MachineModuleInvalid>()("MachineModuleInvalid", {
  module: Schema.String,
  reason: Schema.Literal("NoDefaultExport", "NotAStateMachine", "FeedIsNoFunction")
}) {
  override get message() {
    return `module ${this.module}: ${moduleReasons[this.reason]}`
  }
}

const moduleReasons = {
  NoDefaultExport: "it has no default export: export default StateMachine.make({ … })",
  NotAStateMachine: "its default export is no StateMachine: make it with StateMachine.make({ … })",
  FeedIsNoFunction:
    "its export named feed is no function: export const feed = (fromHeight) => a Stream of transactions"
} as const
