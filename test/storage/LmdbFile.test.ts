import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync
} from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { dataFile, whyNotToOpen } from "../../src/storage/LmdbFile.ts"
import * as LmdbPageStore from "../../src/storage/LmdbPageStore.ts"
import type { Change, PageStore } from "../../src/storage/PageStore.ts"
import { bytes, listed, numberKey, put, remove } from "./records.ts"
import { temporaryDirectory } from "./temporary.ts"

/** Pages that come and go, some of them in one transaction, small and large records: like a database at work. */
const work = (store: PageStore, rounds: number, afterEach: (round: number) => void = () => {}): void => {
  let next = 1
  for (let round = 0; round < rounds; round++) {
    const changes: Array<Change> = [put("state", "round", `${round}`)]
    for (let i = 0; i < 50; i++, next++) {
      changes.push(put("records", numberKey(next), new Uint8Array(1_400 + 1_300 * (i % 7)).fill(round)))
      changes.push(remove("records", numberKey((next * 7_919) % next)))
      if (i % 3 === 0) changes.push(remove("records", numberKey(next)))
      if (i % 5 === 0) changes.push(put("pages", numberKey(next), new Uint8Array(1_000)))
    }
    store.write(changes, { durable: round % 5 === 0 })
    afterEach(round)
  }
}

/** A directory with a database that has been at work, closed. */
const worked = Effect.tap(temporaryDirectory, (path) =>
  Effect.scoped(Effect.map(LmdbPageStore.open({ path }), (store) => work(store, 40)))
)

describe("the look at LMDB's data file", () => {
  it.scoped("never refuses a sound file, at whatever moment; also where it ends before its last page", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      const store = yield* LmdbPageStore.open({ path })
      const copy = join(path, "copy.mdb")
      expect(whyNotToOpen(dataFile(path))).toBeUndefined()
      let short = 0
      work(store, 80, () => {
        copyFileSync(dataFile(path), copy)
        expect(whyNotToOpen(copy)).toBeUndefined()
        if (endsEarly(readFileSync(copy))) short++
      })
      // LMDB leaves pages unwritten that were allocated and freed in one transaction.
      expect(short).toBeGreaterThan(0)
    })
  )

  it.scoped("refuses a file that is empty or too short", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryDirectory, "data.mdb")
      writeFileSync(file, "")
      expect(whyNotToOpen(file)).toMatch(/data.mdb is empty: restore/)
      for (const length of [1, 100, 4_096, 8_191]) {
        writeFileSync(file, new Uint8Array(length))
        expect(whyNotToOpen(file)).toMatch(/no LMDB data file/)
      }
    })
  )

  it.scoped("refuses what is no file, or another program's", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      expect(whyNotToOpen(path)).toMatch(/not a regular file/)
      const file = join(path, "data.mdb")
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 1, maxLength: 20_000 }), (garbage) => {
          writeFileSync(file, garbage)
          expect(whyNotToOpen(file)).toMatch(/no LMDB data file/)
        }),
        { numRuns: 50 }
      )
    })
  )

  it.scoped("refuses a file that has been cut short anywhere it matters", () =>
    Effect.gen(function* () {
      const path = yield* worked
      const whole = readFileSync(dataFile(path))
      const file = join(path, "cut.mdb")
      writeFileSync(file, whole)
      const pageBytes = pageBytesOf(whole)
      const pages = whole.length / pageBytes
      for (const part of [0.9, 0.75, 0.5, 0.25, 0.1, 3 / pages, 2 / pages, 1 / pages]) {
        truncateSync(file, Math.floor(pages * part) * pageBytes)
        expect(whyNotToOpen(file)).toMatch(/restore the directory/)
      }
    })
  )

  it.scoped("finds any flipped bit that could bring back another state, or write over pages in use", () =>
    Effect.gen(function* () {
      const path = yield* worked
      const file = dataFile(path)
      const whole = readFileSync(file)
      const descriptor = openSync(file, "r+")
      for (const meta of [0, pageBytesOf(whole)]) {
        for (const [from, length] of decisive) {
          for (let bit = 8 * (meta + from); bit < 8 * (meta + from + length); bit++) {
            const at = bit >>> 3
            writeSync(descriptor, Uint8Array.of(whole[at]! ^ (1 << (bit & 7))), 0, 1, at)
            expect(whyNotToOpen(file), `bit ${bit}`).toMatch(/restore the directory/)
            writeSync(descriptor, whole, at, 1, at)
          }
        }
      }
      closeSync(descriptor)
      expect(whyNotToOpen(file)).toBeUndefined()
    })
  )

  it.scoped("makes opening fail with the reason, read-only too, and leaves the file as it is", () =>
    Effect.gen(function* () {
      const path = yield* worked
      const whole = readFileSync(dataFile(path))
      truncateSync(dataFile(path), 10 * pageBytesOf(whole))
      for (const readOnly of [true, false]) {
        const error = yield* Effect.flip(LmdbPageStore.open({ path, readOnly }))
        expect(error).toMatchObject({ _tag: "StoreFailed", path, operation: "open" })
        expect(error.message).toMatch(
          /has only \d+ bytes.*restore the directory from a checkpoint or a backup/
        )
      }
      writeFileSync(dataFile(path), whole)
      const store = yield* LmdbPageStore.open({ path })
      expect(listed(store, "state")).toEqual(["round=39"])
      expect(store.get("state", bytes("round"))).toEqual(bytes("39"))
    })
  )
})

/** Offsets and lengths of the fields, from the start of a page, that decide which state is read: see `LmdbLayout`. */
const decisive = [
  [0, 8], // number
  [18, 2], // kind of page
  [24, 8], // magic and version
  [48, 8], // page size, flags and depth of the free tree
  [88, 8], // root of the free tree
  [100, 4], // flags and depth of the main tree
  [136, 8], // root of the main tree
  [152, 8] // transaction
] as const

const pageBytesOf = (data: Buffer): number => data.readUInt32LE(48)

const endsEarly = (data: Buffer): boolean => {
  const pageBytes = pageBytesOf(data)
  const [first, second] = [0, pageBytes].map((meta) => ({
    transaction: data.readBigUInt64LE(meta + 152),
    lastPage: data.readBigUInt64LE(meta + 144)
  })) as [Meta, Meta]
  const latest = first.transaction > second.transaction ? first : second
  return BigInt(data.length) < (latest.lastPage + 1n) * BigInt(pageBytes)
}

interface Meta {
  readonly transaction: bigint
  readonly lastPage: bigint
}
