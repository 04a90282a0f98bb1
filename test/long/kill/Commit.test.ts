import { describe, it } from "@effect/vitest"
import { largeKeys } from "../support/History.ts"
import { historySuite } from "./HistorySuite.ts"

describe("kill -9 while versions are committed", () => {
  it.scopedLive("leaves every finalised version, and nothing else", () =>
    historySuite({
      title: "commit",
      profile: { large: 0.35, largeKeys, largeIo: 0 },
      keep: 3,
      steps: ["flush", "finalize"]
    })
  )
})
