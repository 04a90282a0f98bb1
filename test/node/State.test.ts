import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Option, Stream } from "effect"
import { nodeHasher } from "../../src/mkvs/hasher/NodeHasher.ts"
import { Overlay } from "../../src/mkvs/Overlay.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import type { Reader, Writer } from "../../src/mkvs/Tree.ts"
import { lend, lendReadable, reservedKey, reservedPrefix, settled } from "../../src/node/State.ts"
import { StoreFailed } from "../../src/storage/StoreError.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** A tree with these keys, each with its own name as value. */
const treeOf = (...keys: ReadonlyArray<string>): Writer => {
  const tree = new ReferenceTree(nodeHasher)
  for (const key of keys) tree.insert(utf8(key), utf8(key))
  return tree
}

const keysOf = (stream: Stream.Stream<readonly [Uint8Array, Uint8Array]>) =>
  stream.pipe(
    Stream.map(([key]) => text(key)),
    Stream.runCollect,
    Effect.map(Chunk.toReadonlyArray)
  )

describe("State", () => {
  it.effect("reads what it wrote, and what was there before", () =>
    Effect.gen(function* () {
      const { state } = lend(new Overlay(treeOf("a", "b")))
      yield* state.set(utf8("c"), new Uint8Array(0))
      yield* state.delete(utf8("a"))
      yield* state.delete(utf8("absent"))
      expect(yield* state.get(utf8("a"))).toEqual(Option.none())
      expect(yield* state.get(utf8("b"))).toEqual(Option.some(utf8("b")))
      expect(yield* state.get(utf8("c"))).toEqual(Option.some(new Uint8Array(0)))
      expect(yield* state.has(utf8("a"))).toBe(false)
      expect(yield* state.has(utf8("c"))).toBe(true)
    })
  )

  it.effect("shares no memory with the machine", () =>
    Effect.gen(function* () {
      const { state } = lend(new Overlay(treeOf("a")))
      const value = utf8("one")
      yield* state.set(utf8("k"), value)
      value.fill(0)
      const read = Option.getOrThrow(yield* state.get(utf8("k")))
      expect(text(read)).toBe("one")
      read.fill(0)
      Option.getOrThrow(yield* state.get(utf8("a"))).fill(0)
      expect(text(Option.getOrThrow(yield* state.get(utf8("k"))))).toBe("one")
      expect(text(Option.getOrThrow(yield* state.get(utf8("a"))))).toBe("a")
      const [entry] = Chunk.toReadonlyArray(yield* Stream.runCollect(state.iterate()))
      entry?.[0].fill(0)
      entry?.[1].fill(0)
      expect(yield* keysOf(state.iterate())).toEqual(["a", "k"])
    })
  )

  it.effect("refuses writes below the node's prefix, and reads there", () =>
    Effect.gen(function* () {
      const base = new ReferenceTree(nodeHasher)
      base.insert(reservedKey("header"), utf8("header"))
      const { state } = lend(base)
      for (const key of [reservedPrefix, reservedKey("header"), reservedKey("other")]) {
        expect((yield* Effect.flip(state.set(key, utf8("x"))))._tag).toBe("ReservedKey")
        expect((yield* Effect.flip(state.delete(key)))._tag).toBe("ReservedKey")
      }
      expect(yield* state.get(reservedKey("header"))).toEqual(Option.some(utf8("header")))
      expect(yield* state.has(reservedPrefix)).toBe(false)
      // One byte short of the prefix, and one byte off, are the machine's.
      yield* state.set(reservedPrefix.subarray(0, -1), utf8("mine"))
      yield* state.set(utf8("\0cairn0"), utf8("mine"))
    })
  )

  it.effect("knows that a key of more than 8,191 bytes is absent, and refuses to write it", () =>
    Effect.gen(function* () {
      const { state, thrown } = lend(treeOf())
      const key = new Uint8Array(8192)
      expect(yield* state.get(key)).toEqual(Option.none())
      expect(yield* state.has(key)).toBe(false)
      expect((yield* Effect.flip(state.set(key, key)))._tag).toBe("KeyTooLong")
      expect((yield* Effect.flip(state.delete(key)))._tag).toBe("KeyTooLong")
      yield* state.set(key.subarray(1), key)
      expect(yield* state.has(key.subarray(1))).toBe(true)
      expect(thrown()).toEqual(Option.none())
    })
  )

  it.effect("iterates forward, in reverse, from a key and below a prefix", () =>
    Effect.gen(function* () {
      const { state } = lendReadable(treeOf("a", "b/1", "b/2", "b/3", "c"))
      expect(yield* keysOf(state.iterate())).toEqual(["a", "b/1", "b/2", "b/3", "c"])
      expect(yield* keysOf(state.iterate({ prefix: utf8("b/") }))).toEqual(["b/1", "b/2", "b/3"])
      expect(yield* keysOf(state.iterate({ from: utf8("b/2"), reverse: true }))).toEqual(["b/2", "b/1", "a"])
      expect(yield* keysOf(state.iterate({ from: utf8("bb") }))).toEqual(["c"])
    })
  )

  it.effect("an iteration sees the state as it is when it gets there", () =>
    Effect.gen(function* () {
      for (const reverse of [false, true]) {
        const { state } = lend(new Overlay(treeOf("a", "b", "c", "d", "e")))
        const seen: Array<string> = []
        yield* Stream.runForEach(state.iterate({ reverse }), ([key]) => {
          seen.push(text(key))
          // Deletes each key it sees, and on the way the next one, and adds one ahead.
          if (text(key) !== "c") return state.delete(key)
          const [next, ahead] = reverse ? ["b", "a0"] : ["d", "d0"]
          return Effect.zipRight(state.delete(utf8(next)), state.set(utf8(ahead), utf8("new")))
        })
        expect(seen).toEqual(reverse ? ["e", "d", "c", "a0", "a"] : ["a", "b", "c", "d0", "e"])
        expect(yield* keysOf(state.iterate())).toEqual(["c"])
      }
    })
  )

  it.effect("dies when used after its loan has ended", () =>
    Effect.gen(function* () {
      const base = treeOf("a")
      const loan = lend(base)
      loan.end()
      for (const use of [
        loan.state.get(utf8("a")),
        loan.state.has(utf8("a")),
        loan.state.set(utf8("a"), utf8("changed")),
        loan.state.delete(utf8("a")),
        Stream.runDrain(loan.state.iterate())
      ]) {
        const exit = yield* Effect.exit(use)
        expect(Exit.isFailure(exit) && String(exit.cause)).toContain("after its transaction had ended")
      }
      expect(base.get(utf8("a"))).toEqual(utf8("a"))
      expect(loan.thrown()).toEqual(Option.none())
    })
  )

  it.effect("remembers what the tree threw, though the machine caught it", () =>
    Effect.gen(function* () {
      const failure = new StoreFailed({ path: "nowhere", operation: "get", cause: "torn cable" })
      const broken: Reader = {
        get: () => {
          throw failure
        },
        has: () => {
          throw failure
        },
        iterate: () => {
          throw failure
        }
      }
      for (const use of ["get", "has", "iterate"] as const) {
        const loan = lendReadable(broken)
        const { state } = loan
        const used = use === "iterate" ? Stream.runDrain(state.iterate()) : state[use](utf8("a"))
        yield* Effect.catchAllCause(used, () => Effect.void)
        expect(loan.thrown()).toEqual(Option.some(failure))
        const attempt = <A>(body: () => A) =>
          Effect.try({
            try: body,
            catch: (thrown) =>
              thrown === failure ? failure : new StoreFailed({ path: "", operation: "", cause: thrown })
          })
        expect(yield* Effect.flip(settled(loan, attempt))).toBe(failure)
      }
    })
  )
})
