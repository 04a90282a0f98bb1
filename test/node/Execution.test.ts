import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { nodeHasher } from "../../src/mkvs/hasher/NodeHasher.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import type { Writer } from "../../src/mkvs/Tree.ts"
import * as Execution from "../../src/node/Execution.ts"
import * as Runner from "../../src/node/Runner.ts"
import * as StateMachine from "../../src/node/StateMachine.ts"
import { attempt } from "../../src/storage/attempt.ts"
import { DatabaseDamaged } from "../../src/storage/NodeDatabaseError.ts"
import { balances, ledger, transactions } from "./ledger.ts"

const header = {
  round: 2n,
  firstHeight: 1n,
  lastHeight: 2n,
  previousBlockHash: new Uint8Array(32),
  time: 0,
  transactionsHash: new Uint8Array(32)
}

/** A tree in which one key lies on a damaged page. */
const damagedAt = (damaged: Uint8Array): Writer => {
  const tree = new ReferenceTree(nodeHasher)
  return {
    get: (key) => {
      if (String(key) === String(damaged))
        throw new DatabaseDamaged({ record: "page 1", reason: "bad checksum" })
      return tree.get(key)
    },
    has: (key) => tree.has(key),
    iterate: (options) => tree.iterate(options),
    insert: (key, value) => tree.insert(key, value),
    remove: (key) => tree.remove(key)
  }
}

const run = (machine: typeof ledger) =>
  Effect.gen(function* () {
    return yield* Execution.run({
      database: { attempt: (body) => attempt(body, [DatabaseDamaged]) },
      machine: Runner.make(machine),
      base: damagedAt(balances.key("bob")),
      header,
      transactions: yield* transactions({ to: "ann", amount: 1 }, { to: "bob", amount: 1 })
    })
  })

describe("Execution", () => {
  it.effect("a damaged page is the medium's failure, not the machine's", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(run(ledger))).toMatchObject({ _tag: "DatabaseDamaged", record: "page 1" })
    })
  )

  it.effect("also when the machine makes light of it", () =>
    Effect.gen(function* () {
      const stubborn = StateMachine.make({
        ...ledger,
        execute: (transfer, state, block) =>
          Effect.catchAllCause(ledger.execute(transfer, state, block), () => Effect.void)
      })
      expect(yield* Effect.flip(run(stubborn))).toMatchObject({ _tag: "DatabaseDamaged" })
    })
  )
})
