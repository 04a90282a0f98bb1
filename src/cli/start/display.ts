import { Cause } from "effect"
import { toHex } from "../../mkvs/Bytes.ts"
import { BlockEvent, type BlockExecuted } from "../../node/BlockEvents.ts"
import type { Head } from "../../node/Head.ts"
import type { MachineRecord } from "../../node/MachineRecord.ts"
import * as CheckpointResult from "../checkpoint/result.ts"
import { describe } from "../Failure.ts"
import type { Json } from "../Json.ts"
import type { Result } from "../Output.ts"
import { count } from "../Progress.ts"

/** The first line: what runs where, and from where it goes on. */
export const started = (machine: MachineRecord, head: Head, dataDir: string): Result => ({
  json: () => ({
    event: "Started",
    machine: machine.name,
    machineVersion: machine.version,
    dataDir,
    round: head.round,
    root: toHex(head.root.hash),
    lastHeight: head.lastHeight
  }),
  human: () => {
    const where =
      head.round === 0n
        ? "new, no blocks yet"
        : `goes on after block ${head.round} (transaction ${count(head.lastHeight)}), root ${toHex(head.root.hash)}`
    return `machine ${machine.name} version ${machine.version}, data in ${dataDir}: ${where}`
  }
})

export const event = (event: BlockEvent): Result => ({
  json: () => ({ event: event._tag, ...fields(event) }),
  human: () => humanLine(event)
})

const fields: (event: BlockEvent) => { readonly [name: string]: Json } = BlockEvent.$match({
  BlockExecuted: ({
    durationMillis,
    failed,
    firstHeight,
    keys,
    lastHeight,
    root,
    round,
    time,
    transactions
  }) => ({
    round,
    root: toHex(root.hash),
    firstHeight,
    lastHeight,
    transactions,
    failed,
    keys,
    time,
    durationMillis: Math.round(durationMillis * 1000) / 1000
  }),
  CheckpointStarted: ({ version }) => ({ version }),
  CheckpointCreated: ({ version, checkpoints }) => ({
    version,
    checkpoints: checkpoints.map(CheckpointResult.toJson)
  }),
  CheckpointRemoved: ({ version }) => ({ version }),
  CheckpointFailed: ({ version, cause }) => ({ version, error: describe(Cause.squash(cause)) }),
  VersionPruned: ({ version }) => ({ version }),
  FeedEnded: ({ lastHeight }) => ({ lastHeight })
})

const humanLine: (event: BlockEvent) => string = BlockEvent.$match({
  BlockExecuted: (block) => blocksLine([block]),
  CheckpointStarted: ({ version }) => `checkpoint of version ${version}: started`,
  CheckpointCreated: ({ version, checkpoints }) =>
    `checkpoint of version ${version}: done, ${checkpoints.map(({ chunks }) => chunks.length).join(" + ")} chunks`,
  CheckpointRemoved: ({ version }) => `checkpoint of version ${version}: removed, newer ones are there`,
  CheckpointFailed: ({ version, cause }) =>
    `checkpoint of version ${version}: FAILED, the node goes on: ${describe(Cause.squash(cause))}`,
  VersionPruned: ({ version }) => `version ${version} pruned`,
  FeedEnded: ({ lastHeight }) => `the feed has ended: ${count(lastHeight)} transactions are executed`
})

/**
 * Lines for a person who watches: when blocks come faster than can be read, consecutive ones share a line, and pruned
 * versions, of which each block makes one, are left out.
 */
export const condensed = (events: ReadonlyArray<BlockEvent>): ReadonlyArray<Result> => {
  const blocks = events.filter(BlockEvent.$is("BlockExecuted")).length
  if (blocks <= linesAtOnce) return events.filter((event) => event._tag !== "VersionPruned").map(event)
  const lines: Array<Result> = []
  let run: Array<BlockExecuted> = []
  const endRun = (): void => {
    const ended = run
    if (ended.length > 0) lines.push({ json: () => null, human: () => blocksLine(ended) })
    run = []
  }
  for (const next of events) {
    if (next._tag === "VersionPruned") continue
    if (next._tag === "BlockExecuted") {
      run.push(next)
    } else {
      endRun()
      lines.push(event(next))
    }
  }
  endRun()
  return lines
}

/** Blocks that are still shown one by one when they come within a tenth of a second. */
const linesAtOnce = 20

/** One line for consecutive blocks; the root is the last one's. */
const blocksLine = (blocks: ReadonlyArray<BlockExecuted>): string => {
  const first = blocks[0]!
  const last = blocks.at(-1)!
  const sum = (of: (block: BlockExecuted) => number) => blocks.reduce((total, block) => total + of(block), 0)
  const transactions = sum((block) => block.transactions)
  const failed = sum((block) => block.failed)
  const rate = Math.round(
    (1000 * transactions) /
      Math.max(
        sum((block) => block.durationMillis),
        0.001
      )
  )
  const name = first === last ? `block ${first.round}` : `blocks ${first.round}-${last.round}`
  const failures = failed === 0 ? "" : `, ${count(failed)} failed`
  return `${name}  root ${toHex(last.root.hash)}  ${count(transactions)} transactions${failures}  ${count(rate)}/s`
}
