import { describe, it } from "@effect/vitest"
import { largeKeys } from "../support/History.ts"
import { historySuite } from "./HistorySuite.ts"

describe("kill -9 while versions are pruned", () => {
  it.scopedLive("leaves every kept version, and nothing of the pruned ones", () =>
    historySuite({
      title: "prune",
      profile: { large: 0.5, largeKeys, largeIo: 0.1 },
      keep: 2,
      steps: ["prune", "prune, further"]
    })
  )
})
