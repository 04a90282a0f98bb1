import { describe, expect, it } from "@effect/vitest"
import { Cause } from "effect"
import { stringify } from "../../src/cli/Json.ts"
import * as Display from "../../src/cli/start/display.ts"
import { quoted } from "../../src/cli/start/hints.ts"
import { emptyHash, emptyRoot, rootType } from "../../src/mkvs/Root.ts"
import { BlockEvent } from "../../src/node/BlockEvents.ts"

const block = (round: bigint, failed = 0): BlockEvent =>
  BlockEvent.BlockExecuted({
    round,
    root: emptyRoot(new Uint8Array(32), round, rootType.state),
    firstHeight: 10n * round - 9n,
    lastHeight: 10n * round,
    transactions: 10,
    failed,
    keys: 3,
    time: 1,
    durationMillis: 4
  })

const rounds = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => block(BigInt(from + i)))
const human = (events: ReadonlyArray<BlockEvent>) => Display.condensed(events).map(({ human }) => human())

describe("what start shows", () => {
  it("a line for each block, with its root and rate", () => {
    const hash = Buffer.from(emptyHash).toString("hex")
    expect(human([block(7n), block(8n, 2)])).toEqual([
      `block 7  root ${hash}  10 transactions  2,500/s`,
      `block 8  root ${hash}  10 transactions, 2 failed  2,500/s`
    ])
  })

  it("one line for many blocks at once, in order with other events; pruned versions are left out", () => {
    const events = [
      ...rounds(1, 15),
      BlockEvent.VersionPruned({ version: 1n }),
      ...rounds(16, 15),
      BlockEvent.CheckpointStarted({ version: 20n }),
      ...rounds(31, 3)
    ]
    expect(human(events).map((line) => line.split("  ")[0])).toEqual([
      "blocks 1-30",
      "checkpoint of version 20: started",
      "blocks 31-33"
    ])
  })

  it("every event as JSON of one line", () => {
    const events = [
      block(1n),
      BlockEvent.CheckpointCreated({ version: 1n, checkpoints: [] }),
      BlockEvent.CheckpointFailed({ version: 1n, cause: Cause.fail(new Error("no\nroom")) }),
      BlockEvent.FeedEnded({ lastHeight: 10n })
    ]
    const lines = events.map((event) => stringify(Display.event(event).json()))
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
      expect.objectContaining({ event: "BlockExecuted", round: 1, transactions: 10, failed: 0, keys: 3 }),
      { event: "CheckpointCreated", version: 1, checkpoints: [] },
      { event: "CheckpointFailed", version: 1, error: "no room" },
      { event: "FeedEnded", lastHeight: 10 }
    ])
    expect(lines.join("")).not.toContain("\n")
  })

  it("quotes for a shell only what needs it", () => {
    expect(quoted("AD/02/Canillo")).toBe("AD/02/Canillo")
    expect(quoted("L'Aldosa de Canillo")).toBe("'L'\\''Aldosa de Canillo'")
  })
})
