import { Effect, FastCheck as fc } from "effect"
import { describe, it } from "vitest"
import { lmdbDisk, memoryDisk } from "../storage/database/disks.ts"
import { follow } from "../storage/database/following.ts"
import { type HistoryOptions, history } from "../storage/database/histories.ts"

/**
 * Thousands of histories, each gone through with the database and with plain trees. A failure prints fast-check's seed
 * and path, with which `fc.assert` finds it again.
 */

const inMemory = (options: HistoryOptions, numRuns: number) =>
  fc.assert(
    fc.asyncProperty(history(options), (steps) =>
      Effect.runPromise(Effect.flatMap(memoryDisk, (disk) => follow(disk, steps)))
    ),
    { numRuns }
  )

const inLmdb = (options: HistoryOptions, numRuns: number) =>
  fc.assert(
    fc.asyncProperty(history(options), (steps) =>
      Effect.runPromise(Effect.scoped(Effect.flatMap(lmdbDisk, (disk) => follow(disk, steps))))
    ),
    { numRuns }
  )

describe("histories at random", () => {
  it("1,600 in memory", () => inMemory({}, 1_600))
  it("100 with large batches, in memory", () => inMemory({ batch: 500 }, 100))
  it("100 with many large values, in memory", () => inMemory({ large: 30 }, 100))
  it("400 in LMDB", () => inLmdb({}, 400))
  it("50 with many large values, in LMDB", () => inLmdb({ large: 20, batch: 200 }, 50))
})
