import { Effect, type ParseResult, Schema } from "effect"
import { defaultHasher } from "../mkvs/hasher/index.ts"
import { TransactionMalformed } from "./NodeError.ts"

/** An ordered request to a state machine, as bytes: what is hashed, stored and executed. */
export interface Transaction {
  /** SHA-512/256 of `bytes`. */
  readonly id: Uint8Array
  readonly bytes: Uint8Array
}

/** Keeps `bytes`: they must not be changed afterwards. */
export const make = (bytes: Uint8Array): Transaction => ({ id: defaultHasher().hash(bytes), bytes })

/** Between a machine's transactions and their bytes, which are the JSON of the Schema's encoded side, in UTF-8. */
export interface Codec<T> {
  /** Dies where the Schema's encoded side is nothing that JSON can hold. */
  readonly encode: (transaction: T) => Effect.Effect<Transaction, ParseResult.ParseError>
  /** Refuses what the Schema does not name: every byte of a transaction means something, or the transaction fails. */
  readonly decode: (bytes: Uint8Array) => Effect.Effect<T, TransactionMalformed>
}

export const codec = <T, I>(schema: Schema.Schema<T, I>): Codec<T> => {
  const encode = Schema.encode(schema)
  const decode = Schema.decodeUnknown(schema, { onExcessProperty: "error" })
  return {
    encode: (transaction) => Effect.map(encode(transaction), (encoded) => make(jsonBytes(encoded))),
    decode: (bytes) =>
      Effect.flatMap(parse(bytes), (json) =>
        Effect.mapError(decode(json), (error) => new TransactionMalformed({ reason: error.message }))
      )
  }
}

const utf8 = {
  encoder: new TextEncoder(),
  decoder: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
}

const jsonBytes = (encoded: unknown): Uint8Array => {
  const json: string | undefined = JSON.stringify(encoded)
  if (json === undefined) throw new TypeError("a transaction's Schema must encode to JSON")
  return utf8.encoder.encode(json)
}

const parse = (bytes: Uint8Array): Effect.Effect<unknown, TransactionMalformed> =>
  Effect.suspend(() => {
    try {
      const json: unknown = JSON.parse(utf8.decoder.decode(bytes))
      const reason = refusal(json)
      return reason === undefined ? Effect.succeed(json) : Effect.fail(new TransactionMalformed({ reason }))
    } catch (cause) {
      return Effect.fail(
        new TransactionMalformed({ reason: cause instanceof Error ? cause.message : String(cause) })
      )
    }
  })

/** Arrays and objects within one another, at most. Schemas recurse, and so would overflow the stack. */
export const nestingMax = 128

/**
 * JSON can spell what it cannot give back: text without UTF-8 (`"\ud800"`) and numbers that are infinite (`1e999`).
 * A machine that stored such a value would break on it later, and one hostile transaction could stop every node.
 */
const refusal = (json: unknown): string | undefined => {
  let level = [json]
  for (let depth = 0; level.length > 0; depth++) {
    const below: Array<unknown> = []
    for (const value of level) {
      if (typeof value === "string") {
        if (loneSurrogate.test(value)) return "text with a lone surrogate"
      } else if (typeof value === "number") {
        if (!Number.isFinite(value)) return "a number too large"
      } else if (typeof value !== "object" || value === null) {
      } else if (depth === nestingMax) {
        return `more than ${nestingMax} arrays and objects within one another`
      } else if (Array.isArray(value)) {
        for (const item of value) below.push(item)
      } else {
        for (const [name, item] of Object.entries(value)) below.push(name, item)
      }
    }
    level = below
  }
  return undefined
}

const loneSurrogate = /\p{Surrogate}/u
