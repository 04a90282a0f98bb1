import { it } from "@effect/vitest"
import { Effect } from "effect"
import { cpSync } from "node:fs"
import { bundle } from "../support/bundle.ts"
it.scopedLive("t", () => Effect.gen(function*(){
  const t0 = performance.now()
  const p = yield* bundle({
      checkpoints: "test/long/kill/programs/checkpoints.ts",
      history: "test/long/kill/programs/history.ts",
      worker: "src/checkpoint/worker.ts",
      watch: "test/long/support/DiskWatch.ts"
    })
  console.log(performance.now()-t0)
  cpSync(p.watch.replace("/watch.js",""), "/tmp/kx/out", { recursive: true, verbatimSymlinks: true })
}))
