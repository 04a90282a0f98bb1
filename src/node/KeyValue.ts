import { Effect, Option, Schema } from "effect"
import * as Bytes from "../mkvs/Bytes.ts"
import type { State } from "./State.ts"
import * as StateMachine from "./StateMachine.ts"

/**
 * The machine that ships: a key-value store. Its transactions are JSON of one of three shapes; keys and values are
 * UTF-8, or hex with `"encoding":"hex"`.
 *
 * - `{"set":"<key>","value":"<value>"}`
 * - `{"delete":"<key>"}`: an absent key is fine
 * - `{"compareAndSet":"<key>","expected":"<value>"|null,"value":"<value>"|null}`: `null` stands for absent
 */
const encoding = { encoding: Schema.optional(Schema.Literal("utf8", "hex")) }

export const Set = Schema.Struct({ set: Schema.String, value: Schema.String, ...encoding })
export const Delete = Schema.Struct({ delete: Schema.String, ...encoding })
export const CompareAndSet = Schema.Struct({
  compareAndSet: Schema.String,
  expected: Schema.NullOr(Schema.String),
  value: Schema.NullOr(Schema.String),
  ...encoding
})

export const Transaction = Schema.Union(Set, Delete, CompareAndSet)
export type Transaction = typeof Transaction.Type

/** The key does not have the expected value. Nothing was changed: read it again and decide anew. */
export class CompareFailed extends Schema.TaggedError<CompareFailed>()("CompareFailed", {
  /** Key and values in the transaction's encoding; `null` stands for absent. */
  key: Schema.String,
  expected: Schema.NullOr(Schema.String),
  found: Schema.NullOr(Schema.String)
}) {
  override get message() {
    return `key ${JSON.stringify(this.key)} was expected to be ${described(this.expected)}, but is ${described(this.found)}`
  }
}

/** A key or value is not in the encoding that the transaction names. Nothing was changed. */
export class NotHex extends Schema.TaggedError<NotHex>()("NotHex", { text: Schema.String }) {
  override get message() {
    return `${JSON.stringify(this.text)} is not hex: an even number of the digits 0-9 and a-f is expected`
  }
}

export const machine = StateMachine.make({
  name: "KeyValue",
  version: 1,
  transaction: Transaction,
  execute: (transaction, state) =>
    Effect.gen(function* () {
      const bytes = bytesIn(transaction.encoding)
      if ("set" in transaction) {
        yield* state.set(yield* bytes(transaction.set), yield* bytes(transaction.value))
      } else if ("delete" in transaction) {
        yield* state.delete(yield* bytes(transaction.delete))
      } else {
        yield* compareAndSet(transaction, state)
      }
    }),
  /** `question` is a key in UTF-8; the answer is its value, or `null`. */
  query: (question, state) =>
    Effect.map(state.get(utf8.encoder.encode(question)), (value) =>
      textOf(Option.getOrUndefined(value), "utf8")
    )
})

type Encoding = Transaction["encoding"]

const compareAndSet = Effect.fnUntraced(function* (transaction: typeof CompareAndSet.Type, state: State) {
  const { compareAndSet, encoding, expected, value } = transaction
  const bytes = bytesIn(encoding)
  const key = yield* bytes(compareAndSet)
  const expectedBytes = expected === null ? undefined : yield* bytes(expected)
  const found = Option.getOrUndefined(yield* state.get(key))
  if (!sameValue(found, expectedBytes)) {
    return yield* new CompareFailed({ key: compareAndSet, expected, found: textOf(found, encoding) })
  }
  if (value === null) yield* state.delete(key)
  else yield* state.set(key, yield* bytes(value))
})

/** `undefined` stands for absent. */
const sameValue = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === undefined || b === undefined ? a === b : Bytes.equal(a, b)

const bytesIn =
  (encoding: Encoding) =>
  (text: string): Effect.Effect<Uint8Array, NotHex> => {
    if (encoding !== "hex") return Effect.succeed(utf8.encoder.encode(text))
    const bytes = Bytes.fromHex(text)
    return bytes === undefined ? new NotHex({ text }) : Effect.succeed(bytes)
  }

/** Bytes that are no UTF-8 are shown as hex all the same. */
const textOf = (value: Uint8Array | undefined, encoding: Encoding): string | null => {
  if (value === undefined) return null
  if (encoding === "hex") return Bytes.toHex(value)
  try {
    return utf8.decoder.decode(value)
  } catch {
    return `0x${Bytes.toHex(value)}`
  }
}

const described = (value: string | null): string => (value === null ? "absent" : JSON.stringify(value))

const utf8 = {
  encoder: new TextEncoder(),
  decoder: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
}
