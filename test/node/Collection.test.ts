import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Option, Schema, Stream } from "effect"
import { nodeHasher } from "../../src/mkvs/hasher/NodeHasher.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import * as Collection from "../../src/node/Collection.ts"
import { lend } from "../../src/node/State.ts"

const Account = Schema.Struct({ balance: Schema.BigInt, owner: Schema.String })
const accounts = Collection.json("account/", Account)
const notes = Collection.text("note/")
const blobs = Collection.bytes("blob/")

const fresh = () => lend(new ReferenceTree(nodeHasher)).state
const utf8 = (text: string) => new TextEncoder().encode(text)

describe("Collection", () => {
  it.effect("keeps typed values behind its prefix", () =>
    Effect.gen(function* () {
      const state = fresh()
      yield* accounts.set(state, "zoë", { balance: 12n, owner: "zoë" })
      expect(yield* accounts.get(state, "zoë")).toEqual(Option.some({ balance: 12n, owner: "zoë" }))
      expect(yield* accounts.has(state, "zoë")).toBe(true)
      expect(accounts.key("zoë")).toEqual(utf8("account/zoë"))
      expect(yield* state.get(utf8("account/zoë"))).toEqual(
        Option.some(utf8('{"balance":"12","owner":"zoë"}'))
      )
      yield* accounts.delete(state, "zoë")
      yield* accounts.delete(state, "zoë")
      expect(yield* accounts.get(state, "zoë")).toEqual(Option.none())
    })
  )

  it.effect("updates from nothing and from what is there", () =>
    Effect.gen(function* () {
      const state = fresh()
      const longer = Option.match({ onNone: () => "a", onSome: (old: string) => `${old}a` })
      yield* notes.update(state, "n", longer)
      yield* notes.update(state, "n", longer)
      expect(yield* notes.get(state, "n")).toEqual(Option.some("aa"))
    })
  )

  it.effect("lists its own entries, in the order of the names' bytes", () =>
    Effect.gen(function* () {
      const state = fresh()
      yield* notes.set(state, "b", "2")
      yield* notes.set(state, "", "0")
      yield* notes.set(state, "a/b", "1")
      yield* blobs.set(state, "a", Uint8Array.of(0xff))
      const entries = yield* Stream.runCollect(notes.entries(state))
      expect(Chunk.toReadonlyArray(entries)).toEqual([
        ["", "0"],
        ["a/b", "1"],
        ["b", "2"]
      ])
      expect(yield* blobs.get(state, "a")).toEqual(Option.some(Uint8Array.of(0xff)))
    })
  )

  it.effect("below the node's own prefix it can be read and not written", () =>
    Effect.gen(function* () {
      const state = fresh()
      const mine = Collection.text("\0cairn/")
      expect((yield* Effect.flip(mine.set(state, "header", "mine")))._tag).toBe("ReservedKey")
      expect(yield* mine.get(state, "header")).toEqual(Option.none())
    })
  )

  it.effect("a stored value of another shape is a defect, and so is a name without UTF-8", () =>
    Effect.gen(function* () {
      const state = fresh()
      yield* state.set(accounts.key("a"), utf8('{"balance":1}'))
      yield* state.set(notes.key("a"), Uint8Array.of(0xff))
      for (const use of [
        accounts.get(state, "a"),
        notes.get(state, "a"),
        Effect.suspend(() => notes.set(state, "\ud800", "x"))
      ]) {
        const exit = yield* Effect.exit(Effect.asVoid(use))
        expect(Exit.isFailure(exit) && exit.cause._tag).toBe("Die")
      }
    })
  )
})
