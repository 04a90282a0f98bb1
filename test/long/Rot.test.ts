import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { buildPrograms, type Programs } from "../storage/children.ts"
import {
  cutShort,
  firstPages,
  misplaced,
  notFine,
  type Outcomes,
  rot,
  someBits,
  writeBase
} from "../storage/database/rotting.ts"
import type { Damage } from "../storage/programs/rot.ts"
import { temporaryDirectory } from "../storage/temporary.ts"
import { chosenSeed, Random } from "./support/Random.ts"

/** Thousands of damages to a database, each read by another process; prints what came of them. */

const seed = chosenSeed()
const random = new Random(seed)

let programs: Programs
beforeAll(async () => {
  programs = await buildPrograms("rot")
})
afterAll(() => programs.remove())

const check = (title: string, damages: (directory: string) => ReadonlyArray<Damage>) => {
  it.scoped(title, () =>
    Effect.gen(function* () {
      const base = yield* temporaryDirectory
      yield* writeBase(base)
      const scratch = yield* temporaryDirectory
      const all = damages(base)
      const half = all.length >>> 1
      const outcomes = yield* Effect.forEach(
        [all.slice(0, half), all.slice(half)],
        (some) => rot(programs.path("rot"), base, scratch, some),
        { concurrency: 2 }
      )
      console.log(`${title} (CAIRN_KILL_SEED=${seed}): ${outcomes.map(counted).join("; ")}`)
      expect(outcomes.flatMap(notFine)).toEqual([])
    })
  )
}

const counted = (outcomes: Outcomes): string =>
  [...outcomes].map(([outcome, damages]) => `${damages.length} × ${outcome}`).join(", ")

describe("rot of a database", () => {
  check("every bit of the first two pages", firstPages)
  check("1,500 bits elsewhere", (base) => someBits(random, base, 1_500))
  check("200 pages and sectors in the wrong place", (base) => misplaced(random, base, 200))
  check("100 ends of the file", (base) => cutShort(base, 100))
})
