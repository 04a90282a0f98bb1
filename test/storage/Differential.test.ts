import { Effect, FastCheck as fc } from "effect"
import { describe, it } from "vitest"
import { lmdbDisk, memoryDisk } from "./database/disks.ts"
import { follow } from "./database/following.ts"
import { history } from "./database/histories.ts"

/** A few of the histories of `test/long/Histories.test.ts`, for every run of the tests. */
describe("the database against plain trees, at random", () => {
  it("in memory", () =>
    fc.assert(
      fc.asyncProperty(history(), (steps) =>
        Effect.runPromise(Effect.flatMap(memoryDisk, (disk) => follow(disk, steps)))
      ),
      { numRuns: 60 }
    ))

  it("in LMDB", () =>
    fc.assert(
      fc.asyncProperty(history(), (steps) =>
        Effect.runPromise(Effect.scoped(Effect.flatMap(lmdbDisk, (disk) => follow(disk, steps))))
      ),
      { numRuns: 15 }
    ))
})
