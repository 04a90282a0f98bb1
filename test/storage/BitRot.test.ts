import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { chosenSeed, Random } from "../long/support/Random.ts"
import { buildPrograms, type Programs } from "./children.ts"
import { cutShort, firstPages, misplaced, notFine, rot, someBits, writeBase } from "./database/rotting.ts"
import type { Damage } from "./programs/rot.ts"
import { temporaryDirectory } from "./temporary.ts"

/**
 * A few of the damages of `test/long/Rot.test.ts`, for every run of the tests. Another process reads them,
 * because nothing but a typed error or the right answer may come of it, least of all the end of the process.
 */

const seed = chosenSeed()
const random = new Random(seed)

let programs: Programs
beforeAll(async () => {
  programs = await buildPrograms("rot")
})
afterAll(() => programs.remove())

const outcomesOf = (damages: (directory: string) => ReadonlyArray<Damage>) =>
  Effect.gen(function* () {
    const base = yield* temporaryDirectory
    yield* writeBase(base)
    const outcomes = yield* rot(programs.path("rot"), base, yield* temporaryDirectory, damages(base))
    expect(notFine(outcomes), `seed ${seed}`).toEqual([])
    return outcomes
  })

describe("bit rot", () => {
  it.scoped("a flipped bit anywhere is found, or makes no difference", () =>
    Effect.gen(function* () {
      const outcomes = yield* outcomesOf((base) => someBits(random, base, 120))
      expect(outcomes.get("same")!.length).toBeGreaterThan(10)
      expect(outcomes.get("DatabaseDamaged")!.length).toBeGreaterThan(30)
    })
  )

  it.scoped("so is one in the first pages, on which all depends", () =>
    Effect.gen(function* () {
      const outcomes = yield* outcomesOf((base) => random.shuffled(firstPages(base)).slice(0, 80))
      expect(outcomes.get("StoreFailed")!.length).toBeGreaterThan(4)
    })
  )

  it.scoped("so are pages and sectors in the wrong place", () =>
    Effect.gen(function* () {
      const outcomes = yield* outcomesOf((base) => misplaced(random, base, 30))
      expect(outcomes.get("DatabaseDamaged")!.length).toBeGreaterThan(4)
    })
  )

  it.scoped("so is a file that ends too early, and an empty one is no new database", () =>
    Effect.gen(function* () {
      const outcomes = yield* outcomesOf((base) => cutShort(base, 20))
      expect(outcomes.get("StoreFailed")).toContainEqual({ file: "data.mdb", truncate: 0, write: true })
    })
  )

  it.scoped("the lock's files hold nothing that an answer depends on", () =>
    Effect.gen(function* () {
      const outcomes = yield* outcomesOf(() => [
        ...Array.from({ length: 12 }, () => ({
          file: "lock.mdb",
          flip: [random.between(0, 8 * 400)],
          write: true
        })),
        ...[0, 64, 8_192].map((truncate) => ({ file: "lock.mdb", truncate, write: true })),
        { file: "writer.lock", flip: [], truncate: 0, write: true }
      ])
      expect(outcomes.get("same")!.length).toBeGreaterThan(10)
    })
  )
})
