import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { nodeHasher } from "../../src/mkvs/hasher/NodeHasher.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import * as KeyValue from "../../src/node/KeyValue.ts"
import * as Runner from "../../src/node/Runner.ts"
import { lend } from "../../src/node/State.ts"

const machine = Runner.make(KeyValue.machine)
const utf8 = (text: string) => new TextEncoder().encode(text)
const block = { round: 1n, height: 1n, time: 0 }

const make = () => {
  const { state } = lend(new ReferenceTree(nodeHasher))
  const execute = (transaction: unknown) => machine.execute(utf8(JSON.stringify(transaction)), state, block)
  const valueOf = (key: string) =>
    Effect.map(
      state.get(utf8(key)),
      Option.match({ onNone: () => null, onSome: (value) => new TextDecoder().decode(value) })
    )
  return { state, execute, valueOf, refusal: (transaction: unknown) => Effect.flip(execute(transaction)) }
}

describe("KeyValue", () => {
  it.effect("sets and deletes", () =>
    Effect.gen(function* () {
      const { execute, valueOf } = make()
      yield* execute({ set: "schlüssel", value: "wert" })
      expect(yield* valueOf("schlüssel")).toBe("wert")
      yield* execute({ set: "schlüssel", value: "" })
      expect(yield* valueOf("schlüssel")).toBe("")
      yield* execute({ delete: "schlüssel" })
      yield* execute({ delete: "schlüssel" })
      expect(yield* valueOf("schlüssel")).toBe(null)
    })
  )

  it.effect("compares and sets: present or absent, to a value or to nothing", () =>
    Effect.gen(function* () {
      const { execute, refusal, valueOf } = make()
      const swap = (expected: string | null, value: string | null) => ({
        compareAndSet: "k",
        expected,
        value
      })
      expect((yield* refusal(swap("1", "2"))).message).toBe('key "k" was expected to be "1", but is absent')
      yield* execute(swap(null, "1"))
      expect((yield* refusal(swap(null, "2"))).message).toBe('key "k" was expected to be absent, but is "1"')
      expect(yield* refusal(swap("", "2"))).toMatchObject({ _tag: "CompareFailed", expected: "", found: "1" })
      expect(yield* valueOf("k")).toBe("1")
      yield* execute(swap("1", "2"))
      expect(yield* valueOf("k")).toBe("2")
      yield* execute(swap("2", null))
      expect(yield* valueOf("k")).toBe(null)
      yield* execute(swap(null, null))
    })
  )

  it.effect("takes hex, and says what is none", () =>
    Effect.gen(function* () {
      const { execute, refusal, state } = make()
      yield* execute({ set: "00fF", value: "80", encoding: "hex" })
      expect(yield* state.get(Uint8Array.of(0, 255))).toEqual(Option.some(Uint8Array.of(0x80)))
      const failed = yield* refusal({ compareAndSet: "00ff", expected: null, value: "01", encoding: "hex" })
      expect(failed).toMatchObject({ _tag: "CompareFailed", found: "80" })
      for (const text of ["0", "0g", "zz"]) {
        expect(yield* refusal({ delete: text, encoding: "hex" })).toMatchObject({ _tag: "NotHex", text })
        expect(yield* refusal({ set: "00", value: text, encoding: "hex" })).toMatchObject({ _tag: "NotHex" })
      }
      yield* execute({ set: "k", value: "ff", encoding: "utf8" })
      yield* execute({ set: "6b", value: "ff", encoding: "hex" })
      const shown = yield* refusal({ compareAndSet: "k", expected: "x", value: null })
      expect(shown).toMatchObject({ found: "0xff" })
    })
  )

  it.effect("refuses shapes it does not know, and keys it may not write", () =>
    Effect.gen(function* () {
      const { refusal } = make()
      for (const transaction of [
        {},
        { set: "k" },
        { set: "k", value: 1 },
        { set: "k", value: "v", encoding: "base64" },
        { set: "k", value: "v", delete: "k" },
        { compareAndSet: "k", value: "v" }
      ]) {
        expect((yield* refusal(transaction))._tag).toBe("TransactionMalformed")
      }
      expect((yield* refusal({ set: "\0cairn/header", value: "v" }))._tag).toBe("ReservedKey")
      expect((yield* refusal({ set: "k".repeat(8192), value: "v" }))._tag).toBe("KeyTooLong")
    })
  )

  it.effect("answers with the value of a key", () =>
    Effect.gen(function* () {
      const { execute, state } = make()
      yield* execute({ set: "k", value: "v" })
      expect(yield* machine.query!("k", state)).toBe("v")
      expect(yield* machine.query!("absent", state)).toBe(null)
    })
  )
})
