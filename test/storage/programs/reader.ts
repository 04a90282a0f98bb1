import { parentPort, workerData } from "node:worker_threads"
import { Effect } from "effect"
import * as LmdbPageStore from "../../../src/storage/LmdbPageStore.ts"
import { bytes, text } from "../records.ts"

/** A thread that reads a number from a store, again and again, until it is at least as large as asked. */

const { path, until } = workerData as { readonly path: string; readonly until: number }

const read = (store: LmdbPageStoreOf): number => Number(text(store.get("a", bytes("count"))) ?? 0)

type LmdbPageStoreOf = Effect.Effect.Success<ReturnType<typeof LmdbPageStore.open>>

const program = Effect.gen(function* () {
  const store = yield* LmdbPageStore.open({ path, readOnly: true })
  const seen = [read(store)]
  while (seen.at(-1)! < until) {
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    store.refresh()
    const now = read(store)
    if (now !== seen.at(-1)) seen.push(now)
  }
  return seen
})

parentPort!.postMessage(await Effect.runPromise(Effect.scoped(program)))
