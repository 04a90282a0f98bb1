import { Cause, Effect, Exit, Option, type Scope } from "effect"
import { expect } from "vitest"
import { MemoryDisk, makeMemoryPageStore } from "../../../src/storage/MemoryPageStore.ts"
import { makeDatabase } from "../../../src/storage/makeDatabase.ts"
import type { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import type { PageStore } from "../../../src/storage/PageStore.ts"
import { makeFaultyPageStore, SimulatedCrash } from "../../../src/testing/FaultyPageStore.ts"
import type { Opened } from "./Directory.ts"
import { takeInventory } from "./Inventory.ts"

/** Something that is done to a database, while it says what it vouches for and is about to do. */
export interface Script {
  readonly run: (database: NodeDatabase.Service, say: Say) => Effect.Effect<void, unknown, Scope.Scope>
  /** Looks at what a crash left, knowing what was said, and goes on with it. */
  readonly afterwards: (
    opened: Opened,
    said: ReadonlyArray<ReadonlyArray<string>>
  ) => Effect.Effect<void, unknown>
}

/** As a program that is killed says it on stdout. */
export type Say = (...words: ReadonlyArray<string | number | bigint>) => void

/**
 * Runs the script on a new medium in memory until it dies at its n-th write, once with that write applied and once
 * without, for every n; each time what is on the medium then is opened anew. A power cut that takes back writes that
 * were not durable leaves what a crash at an earlier n leaves. Gives the number of writes.
 */
export const crashEverywhere = (script: Script) =>
  Effect.gen(function* () {
    for (let atWrite = 1; ; atWrite++) {
      for (const applied of [false, true]) {
        const ended = yield* crashAt(script, { atWrite, applied })
        if (ended) return atWrite - 1
      }
    }
  })

/** True where the script came to its end. */
const crashAt = (script: Script, crash: { readonly atWrite: number; readonly applied: boolean }) =>
  Effect.gen(function* () {
    const disk = new MemoryDisk()
    const said: Array<ReadonlyArray<string>> = []
    const store = makeFaultyPageStore(makeMemoryPageStore({ disk }), { crash })
    const exit = yield* open(store).pipe(
      Effect.flatMap((database) => script.run(database, (...words) => void said.push(words.map(String)))),
      Effect.scoped,
      Effect.exit
    )
    const ended = Exit.isSuccess(exit)
    if (Exit.isFailure(exit)) expect(isCrash(exit.cause), Cause.pretty(exit.cause)).toBe(true)
    const reopened = makeMemoryPageStore({ disk })
    yield* open(reopened).pipe(
      Effect.flatMap((database) => {
        const inventory = Effect.sync(() => takeInventory(makeMemoryPageStore({ disk, readOnly: true })))
        return script.afterwards({ database, inventory }, said)
      }),
      Effect.tapErrorCause(() => Effect.sync(() => console.error("after the crash", crash)))
    )
    return ended
  })

const open = (store: PageStore) =>
  makeDatabase({ store, path: Option.none(), pinStore: Effect.succeed(store), owner: "crash" })

/** Whatever else failed on the way out, this was first. */
const isCrash = (cause: Cause.Cause<unknown>): boolean =>
  Option.exists(Cause.dieOption(cause), (defect) => defect instanceof SimulatedCrash)
