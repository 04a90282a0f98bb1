import { pathToFileURL } from "node:url"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expect } from "vitest"
import { toHex } from "../../../src/mkvs/Bytes.ts"
import { rootType } from "../../../src/mkvs/Root.ts"
import { temporaryDirectory } from "../../storage/temporary.ts"
import { bundle } from "../support/bundle.ts"
import { makeCreator, verifyAll } from "../support/Checkpoints.ts"
import { type Opened, openPlain } from "../support/Directory.ts"
import { watchVariable } from "../support/DiskWatch.ts"
import { profileArguments } from "../support/History.ts"
import { checkHistory, goOn, keptVersions, Vouched } from "../support/HistoryCheck.ts"
import { HistoryModel } from "../support/HistoryModel.ts"
import type { Step } from "../support/KillTally.ts"
import { killAgainAndAgain, seed } from "../support/killing.ts"

const inThread = "chunk"
const inWorker = "chunk in worker"

/** Versions kept. */
const keep = 3

const steps: ReadonlyArray<Step> = [
  { step: inThread, edges: ["before", "filling", "during", "after"], times: 10 },
  { step: inWorker, edges: ["before", "filling", "during", "after"], times: 10 },
  { step: "chunk names", edges: ["before", "during", "after"] },
  { step: "meta", edges: ["before", "filling", "during", "after"] },
  { step: "meta name", edges: ["before", "during", "after"] },
  { step: "place", edges: ["before", "during", "after"] },
  { step: "meta removed", edges: ["before", "during", "after"] },
  { step: "place removed", edges: ["before", "during", "after"] }
]

describe("kill -9 while checkpoints are made", () => {
  it.scopedLive("leaves each of them whole or not at all", () => checkpointSuite)
})

const checkpointSuite = Effect.gen(function* () {
  const programs = yield* bundle({
    checkpoints: "test/long/kill/programs/checkpoints.ts",
    worker: "src/checkpoint/worker.ts",
    watch: "test/long/support/DiskWatch.ts"
  })
  const directory = yield* temporaryDirectory
  const out = yield* temporaryDirectory
  const model = new HistoryModel({ seed, large: 0.05, largeKeys: 1_000, largeIo: 0 })
  const vouched = new Vouched()
  const made = new Made(model)
  yield* Effect.scoped(Effect.flatMap(openPlain(directory), (opened) => goOn(opened, model, vouched, keep)))
  yield* killAgainAndAgain({
    title: "checkpoint",
    steps,
    lifeMillis: 1_500,
    victim: (round, step) => {
      const thread = step === inWorker || (step !== inThread && round % 2 === 0) ? "worker" : "thread"
      return {
        program: programs.checkpoints,
        preload: programs.watch,
        environment: { [watchVariable]: out },
        arguments: [directory, out, thread, String(round), String(keep), ...profileArguments(model.profile)]
      }
    },
    afterwards: (said, round) =>
      Effect.gen(function* () {
        vouched.hear(said)
        made.hear(said)
        const opened = yield* openPlain(directory)
        yield* checkHistory(opened, model, vouched)
        made.check(yield* verifyAll(out))
        yield* made.again(opened, out, round % 2 === 0 ? undefined : pathToFileURL(programs.worker))
        made.check(yield* verifyAll(out))
        yield* goOn(opened, model, vouched, keep)
      }).pipe(Effect.scoped)
  })
}).pipe(Effect.provide(NodeContext.layer))

/** What is known of the checkpoints in a directory, by what was said about them. */
class Made {
  /** Encoded hashes of those that are there for sure, by version. */
  readonly #there = new Map<bigint, string>()
  /** What may be there or not. */
  readonly #maybe = new Set<bigint>()

  constructor(private readonly model: HistoryModel) {}

  hear(said: ReadonlyArray<ReadonlyArray<string>>): void {
    for (const [what, version = "", encodedHash = ""] of said) {
      if (what === "created") this.#there.set(BigInt(version), encodedHash)
      if (what === "created" || what === "deleted") this.#maybe.delete(BigInt(version))
      if (what === "creating" && !this.#there.has(BigInt(version))) this.#maybe.add(BigInt(version))
      if (what === "deleting") {
        this.#there.delete(BigInt(version))
        this.#maybe.add(BigInt(version))
      }
    }
  }

  check(found: Effect.Effect.Success<ReturnType<typeof verifyAll>>): void {
    const hashes = new Map(
      found.map(({ metadata }) => [metadata.root.version, toHex(metadata.encodedHash())])
    )
    for (const [version, hash] of this.#there) expect(hashes.get(version), `version ${version}`).toBe(hash)
    for (const { metadata, keys } of found) {
      const { version, type, hash } = metadata.root
      expect(this.#there.has(version) || this.#maybe.has(version), `version ${version}`).toBe(true)
      const expected = this.model.at(version)[0]!
      expect({ type, hash, keys }).toEqual({ type: rootType.state, hash: expected.hash, keys: expected.keys })
    }
  }

  /** Makes what was interrupted, or the newest version's, and deletes older ones. */
  readonly again = (opened: Opened, out: string, worker: URL | undefined) =>
    Effect.gen(this, function* () {
      const { earliest, latest } = yield* keptVersions(opened.database)
      const creator = yield* makeCreator(opened.database, out, worker)
      const interrupted = [...this.#maybe].filter((version) => version >= earliest)
      for (const version of interrupted.length === 0 ? [latest] : interrupted) {
        const root = (yield* opened.database.rootsForVersion(version))[0]!
        const metadata = yield* creator.create(root, 400_000, 0)
        this.#maybe.delete(version)
        this.#there.set(version, toHex(metadata.encodedHash()))
      }
      for (const { metadata } of yield* verifyAll(out)) {
        const { root } = metadata
        if (root.version >= latest - 2n) continue
        yield* creator.delete(1, root)
        this.#there.delete(root.version)
        this.#maybe.delete(root.version)
      }
    })
}
