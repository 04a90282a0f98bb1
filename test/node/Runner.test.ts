import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Schema } from "effect"
import { nodeHasher } from "../../src/mkvs/hasher/NodeHasher.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import * as Runner from "../../src/node/Runner.ts"
import { lend } from "../../src/node/State.ts"
import * as StateMachine from "../../src/node/StateMachine.ts"
import { Overdrawn } from "./ledger.ts"

const state = () => lend(new ReferenceTree(nodeHasher)).state
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

const plain = { name: "plain", version: 1, transaction: Schema.String, execute: () => Effect.void }

describe("StateMachine", () => {
  it("refuses names and versions that cannot be stored", () => {
    for (const change of [
      { name: "" },
      { name: "\ud800" },
      { version: 0 },
      { version: 1.5 },
      { version: -1 }
    ]) {
      expect(() => StateMachine.make({ ...plain, ...change })).toThrow(RangeError)
    }
  })

  it("is told from other values, also when another copy of the package made it", () => {
    const machine = StateMachine.make(plain)
    expect(StateMachine.isStateMachine(machine)).toBe(true)
    expect(StateMachine.isStateMachine({ ...machine })).toBe(true)
    for (const other of [plain, undefined, null, "machine", StateMachine.make]) {
      expect(StateMachine.isStateMachine(other)).toBe(false)
    }
  })
})

describe("Runner", () => {
  it.effect("validates where the machine does, after decoding", () =>
    Effect.gen(function* () {
      const lenient = Runner.make(StateMachine.make(plain))
      yield* lenient.validate(json("anything"), state())
      expect((yield* Effect.flip(lenient.validate(json(1), state())))._tag).toBe("TransactionMalformed")
      const strict = Runner.make(
        StateMachine.make({ ...plain, validate: (account) => new Overdrawn({ account }) })
      )
      expect(yield* Effect.flip(strict.validate(json("ann"), state()))).toMatchObject({ account: "ann" })
    })
  )

  it.effect("what a machine throws while it builds its Effects is a defect of the Effect", () =>
    Effect.gen(function* () {
      const thrower = () => {
        throw new Error("at once")
      }
      const { execute, genesis, query, validate } = Runner.make(
        StateMachine.make({ ...plain, execute: thrower, genesis: thrower, query: thrower, validate: thrower })
      )
      for (const effect of [
        execute(json("a"), state(), { round: 1n, height: 1n, time: 0 }),
        genesis(state()),
        validate(json("a"), state()),
        Effect.asVoid(query!("q", state()))
      ]) {
        expect(yield* Effect.exit(effect)).toEqual(Exit.die(new Error("at once")))
      }
    })
  )

  it.effect("optional parts have their defaults", () =>
    Effect.gen(function* () {
      const { genesis, query } = Runner.make(StateMachine.make(plain))
      yield* genesis(state())
      expect(query).toBeUndefined()
    })
  )
})
