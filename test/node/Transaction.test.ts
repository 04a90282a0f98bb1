import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck, Schema } from "effect"
import * as Transaction from "../../src/node/Transaction.ts"
import { hashText } from "../mkvs/hasher.ts"

const Payment = Schema.Struct({
  to: Schema.String,
  amount: Schema.Number,
  note: Schema.optional(Schema.String),
  tags: Schema.optional(Schema.Array(Schema.String))
})
const codec = Transaction.codec(Payment)
const utf8 = (text: string) => new TextEncoder().encode(text)
const refused = (text: string | Uint8Array) =>
  Effect.flip(codec.decode(typeof text === "string" ? utf8(text) : text))

describe("Transaction", () => {
  it.effect("is the JSON of the encoded side, and its id is the hash of that", () =>
    Effect.gen(function* () {
      const transaction = yield* codec.encode({ to: "käthe", amount: 3 })
      const json = '{"to":"käthe","amount":3}'
      expect(new TextDecoder().decode(transaction.bytes)).toBe(json)
      expect(transaction.id).toEqual(hashText(json))
      expect(Transaction.make(transaction.bytes)).toEqual(transaction)
    })
  )

  it.effect.prop(
    "decode undoes encode",
    [
      FastCheck.record(
        {
          to: FastCheck.fullUnicodeString(),
          amount: FastCheck.integer(),
          note: FastCheck.fullUnicodeString(),
          tags: FastCheck.array(FastCheck.string())
        },
        { requiredKeys: ["to", "amount"] }
      )
    ],
    ([payment]) =>
      Effect.gen(function* () {
        const { bytes } = yield* codec.encode(payment)
        expect(yield* codec.decode(bytes)).toEqual(payment)
      })
  )

  it.effect.prop(
    "arbitrary bytes give a transaction or a typed refusal",
    [FastCheck.uint8Array()],
    ([bytes]) =>
      Effect.gen(function* () {
        const result = yield* Effect.either(codec.decode(bytes))
        expect(result._tag === "Right" || result.left._tag === "TransactionMalformed").toBe(true)
      })
  )

  it.effect("refuses what the Schema does not name", () =>
    Effect.gen(function* () {
      for (const text of ["", "{", "null", "[]", '{"to":"a"}', '{"to":"a","amount":"3"}']) {
        expect((yield* refused(text))._tag).toBe("TransactionMalformed")
      }
      expect((yield* refused('{"to":"a","amount":3,"fee":1}')).reason).toContain("fee")
      expect((yield* refused('{"to":"a","amount":3}{}')).reason).toContain("JSON")
    })
  )

  it.effect("refuses bytes that are no UTF-8, and a byte order mark", () =>
    Effect.gen(function* () {
      const bytes = utf8('{"to":"a","amount":3}')
      bytes[7] = 0xff
      expect((yield* refused(bytes))._tag).toBe("TransactionMalformed")
      expect((yield* refused('\ufeff{"to":"a","amount":3}'))._tag).toBe("TransactionMalformed")
    })
  )

  it.effect("refuses JSON that JSON could not give back", () =>
    Effect.gen(function* () {
      expect((yield* refused('{"to":"\\ud800","amount":3}')).reason).toContain("surrogate")
      expect((yield* refused('{"to":"a","amount":3,"tags":["\\udc00"]}')).reason).toContain("surrogate")
      expect((yield* refused('{"to":"a","amount":3,"\\ud800":1}')).reason).toContain("surrogate")
      expect((yield* refused('{"to":"a","amount":1e999}')).reason).toContain("too large")
      // A pair is text like any other.
      expect((yield* codec.decode(utf8('{"to":"\\ud83d\\ude00","amount":3}'))).to).toBe("😀")
    })
  )

  it.effect("deep nesting is refused like everything else", () =>
    Effect.gen(function* () {
      const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth)
      const deep = nested(200_000)
      const tree = Transaction.codec(Schema.Unknown)
      expect(yield* tree.decode(utf8(nested(Transaction.nestingMax)))).toHaveLength(1)
      const tooDeep = yield* Effect.flip(tree.decode(utf8(nested(Transaction.nestingMax + 1))))
      expect(tooDeep.reason).toContain("within one another")
      expect((yield* refused(deep))._tag).toBe("TransactionMalformed")
      expect((yield* refused(`{"to":${deep},"amount":3}`))._tag).toBe("TransactionMalformed")
    })
  )
})
