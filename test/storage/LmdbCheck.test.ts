import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { checkLmdb } from "../../src/storage/LmdbCheck.ts"
import { dataFile } from "../../src/storage/LmdbFile.ts"
import { readMeta } from "../../src/storage/LmdbLayout.ts"
import * as LmdbPageStore from "../../src/storage/LmdbPageStore.ts"
import { LmdbWalk } from "../../src/storage/LmdbWalk.ts"
import type { Change } from "../../src/storage/PageStore.ts"
import * as Records from "../../src/storage/Records.ts"
import { pageKey } from "../../src/storage/StoredPages.ts"
import { Random } from "../long/support/Random.ts"
import { text } from "./database/support.ts"
import { temporaryDirectory } from "./temporary.ts"

/** Walks the latest state; gives how many records of each table it was shown. */
const walk = (directory: string, skip = "pages", leavesMax = Number.POSITIVE_INFINITY) => {
  const descriptor = openSync(dataFile(directory), "r")
  try {
    const first = readMeta(descriptor, 0, undefined)!
    const second = readMeta(descriptor, 1, first.pageBytes)!
    const meta = first.transaction > second.transaction ? first : second
    const seen: Record<string, number> = {}
    const onRecord = (table: string) => {
      seen[table] = (seen[table] ?? 0) + 1
    }
    const walk = new LmdbWalk(descriptor, meta, onRecord, skip, leavesMax)
    while (!walk.run(100)) {}
    return seen
  } finally {
    closeSync(descriptor)
  }
}

/** Pages that come and go, records of all sizes under keys of all lengths. */
function* work(random: Random, next: { page: number }): IterableIterator<Change> {
  const count = random.between(0, 150)
  const page = (id: number, bytes?: number): Change => ({
    table: "pages",
    key: pageKey(id),
    value: bytes === undefined ? undefined : new Uint8Array(bytes).fill(7)
  })
  for (let i = 0; i < count; i++) {
    yield page(next.page++, random.chance(0.02) ? random.between(0, 60_000) : random.between(100, 2_100))
  }
  for (let i = 0; i < count; i++) yield page(random.between(1, next.page))
  if (random.chance(0.05)) for (let id = Math.max(1, next.page - 1_000); id < next.page; id++) yield page(id)
  for (let i = random.between(0, 50); i > 0; i--) {
    const key = text(
      `key ${random.between(0, 2_000)}`.padEnd(random.chance(0.1) ? random.between(8, 511) : 0, "x")
    )
    const bytes = random.chance(0.03) ? random.between(0, 200_000) : random.between(0, 300)
    const table = random.pick(["a", "b", "records/blocks"])
    yield random.chance(0.7)
      ? Records.put(table, key, new Uint8Array(bytes).fill(random.between(0, 255)))
      : Records.remove(table, key)
  }
}

describe("a check of the data file", () => {
  it.scoped("finds nothing wrong with whatever LMDB writes", () =>
    Effect.gen(function* () {
      const random = new Random(20_261_124)
      const path = yield* temporaryDirectory
      const next = { page: 1 }
      let busy = 0
      for (let session = 0; session < 4; session++) {
        yield* Effect.gen(function* () {
          const store = yield* LmdbPageStore.open({ path })
          // Where somebody reads, what is deleted is not used again at once.
          const reader = yield* LmdbPageStore.open({ path, readOnly: true })
          for (let round = 0; round < 30; round++) {
            const aborted = random.chance(0.1)
            const write = () =>
              store.write(
                (function* () {
                  yield* work(random, next)
                  if (aborted) throw new Error("changed my mind")
                })(),
                { durable: random.chance(0.3) }
              )
            if (aborted) expect(write).toThrow("changed my mind")
            else write()
            if (random.chance(0.2)) reader.get("a", text("key 1"))
            const seen = walk(path)
            for (const table of ["a", "b", "records/blocks"]) {
              expect(seen[table] ?? 0).toBe(Array.from(store.range(table)).length)
            }
            busy += seen["a"] ?? 0
          }
        }).pipe(Effect.scoped)
        yield* checkLmdb(path)
      }
      expect(busy).toBeGreaterThan(1_000)
    })
  )

  it.scoped("comes to small tables first when it does not look at everything", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      const store = yield* LmdbPageStore.open({ path })
      const records = (table: string, count: number) =>
        Array.from({ length: count }, (_, i) => Records.put(table, text(`${i}`), new Uint8Array(1_000)))
      store.write([
        ...records("a large one", 400),
        ...records("meta", 2),
        ...records("z", 1),
        ...records("pins", 9)
      ])
      expect(walk(path, "pages", 0)).toEqual({})
      const some = walk(path, "pages", 10)
      expect(some).toMatchObject({ meta: 2, z: 1, pins: 9 })
      expect(some["a large one"]).toBeLessThan(30)
      expect(walk(path)).toEqual({ meta: 2, z: 1, pins: 9, "a large one": 400 })
    })
  )

  it.scoped("names the page that is damaged, or the record", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      yield* Effect.scoped(
        Effect.map(LmdbPageStore.open({ path }), (store) =>
          store.write(
            Array.from({ length: 50 }, (_, i) => Records.put("blocks", text(`block ${i}`), text("content")))
          )
        )
      )
      const whole = readFileSync(dataFile(path))
      const at = whole.indexOf("block 17")
      const page = Math.floor(at / 4096)
      const damaged = (change: (bytes: Buffer) => void) => {
        const bytes = Buffer.from(whole)
        change(bytes)
        writeFileSync(dataFile(path), bytes)
        return Effect.flip(checkLmdb(path))
      }
      expect(yield* damaged((bytes) => bytes.write("x", at + 9))).toMatchObject({
        _tag: "DatabaseDamaged",
        record: `blocks ${Buffer.from("block 17").toString("hex")}`,
        reason: "its checksum is wrong"
      })
      const renumbered = yield* damaged((bytes) => bytes.writeUInt8(99, page * 4096))
      expect(renumbered).toMatchObject({ _tag: "DatabaseDamaged", record: `page ${page} of data.mdb` })
      const disordered = yield* damaged((bytes) => bytes.write("z", at))
      expect(disordered).toMatchObject({
        record: `page ${page} of data.mdb`,
        reason: "its keys are out of order"
      })
      expect(renumbered.message).toContain("restore")
      writeFileSync(dataFile(path), whole)
      yield* checkLmdb(path)
    })
  )
})
