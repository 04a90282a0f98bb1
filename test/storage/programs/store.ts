import { Effect } from "effect"
import * as LmdbPageStore from "../../../src/storage/LmdbPageStore.ts"
import type { PageStore } from "../../../src/storage/PageStore.ts"
import { bytes, listed, numberKey, put } from "../records.ts"

/**
 * A process of its own for tests of the LMDB store: `store.mjs MODE DIRECTORY`. Prints lines of JSON. An expected
 * failure is a line too; anything else, above all a signal, ends the process in another way.
 */

const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

const page = (i: number): Uint8Array => new Uint8Array(1_400).fill(i)

const caught = (body: () => void): string => {
  try {
    body()
    return "none"
  } catch (error) {
    return typeof error === "object" && error !== null && "_tag" in error
      ? String(error._tag)
      : `defect: ${error}`
  }
}

const modes: Record<string, (store: PageStore) => void> = {
  /** Writes until the medium refuses, then asks what is left and whether less still fits. */
  fill: (store) => {
    let batches = 0
    const batch = () =>
      Array.from({ length: 50 }, (_, i) => put("pages", numberKey(batches * 50 + i), page(batches)))
    let error = "none"
    while (error === "none" && batches < 4_000) {
      error = caught(() => store.write(batch()))
      if (error === "none") batches++
    }
    const again = caught(() => store.write(batch()))
    const records = [...store.range("pages")]
    const whole = records.every(([, value], i) => value.every((byte) => byte === (Math.floor(i / 50) & 0xff)))
    say({ batches, error, again, kept: records.length / 50, whole })
  },
  write: (store) => {
    say({ error: caught(() => store.write([put("a", "k", "v")])) })
  },
  /** Reads every record of every table it knows of. */
  read: (store) => {
    say({
      error: caught(() => {
        for (const table of ["pages", "a"]) for (const [key] of store.range(table)) store.get(table, key)
      }),
      records: listed(store, "a")
    })
  },
  /** Writes 1, 2, … under one key as fast as it can, in two tables, until it is killed. */
  count: (store) => {
    for (let i = 1; ; i++) {
      store.write([
        put("a", "count", String(i)),
        put("b", "count", String(i)),
        put("pages", numberKey(i), page(i))
      ])
      if (i % 10 === 0) say({ count: i })
    }
  },
  /** Writes once, so that its system calls can be traced; marks the moment of return. */
  trace: (store) => {
    store.write([put("pages", numberKey(1), page(1))])
    process.stderr.write("MARK before\n")
    store.write([put("pages", numberKey(2), page(2))])
    process.stderr.write("MARK durable write returned\n")
    store.write([put("pages", numberKey(3), page(3))], { durable: false })
    process.stderr.write("MARK lazy write returned\n")
    store.sync()
    process.stderr.write("MARK sync returned\n")
  },
  /** Adds 1 to a number, 200 times, in guarded writes that other processes make too. */
  add: (store) => {
    for (let i = 0; i < 200; i++) {
      let next = 0
      const guard = () => {
        next = Number(Buffer.from(store.get("a", bytes("sum")) ?? []).toString() || "0") + 1
      }
      store.write(
        (function* () {
          yield put("a", "sum", String(next))
        })(),
        { guard, durable: false }
      )
    }
    say({ added: 200 })
  }
}

const [mode = "", path = "", access] = process.argv.slice(2)
const program = Effect.scoped(
  Effect.map(LmdbPageStore.open({ path, readOnly: access === "read-only" }), (store) => modes[mode]!(store))
)
Effect.runPromise(
  Effect.catchAll(program, (error) =>
    Effect.sync(() => say({ opened: false, error: error._tag, message: error.message }))
  )
)
