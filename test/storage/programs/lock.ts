import { Effect } from "effect"
import * as WriterLock from "../../../src/storage/WriterLock.ts"

/** Takes the writer's lock of a directory and holds it until it is told otherwise: `lock.mjs DIRECTORY`. */

const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

const hold = Effect.gen(function* () {
  yield* WriterLock.acquire(process.argv[2]!)
  say({ held: true })
  yield* Effect.async<void>((resume) => void process.stdin.once("data", () => resume(Effect.void)))
})

await Effect.runPromise(
  Effect.scoped(hold).pipe(
    Effect.zipRight(Effect.sync(() => say({ released: true }))),
    Effect.catchAll((error) => Effect.sync(() => say({ error: error._tag, message: error.message })))
  )
)
process.exit()
