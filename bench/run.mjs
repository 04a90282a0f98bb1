// npm run bench -- [--keys N] [--json] [--dir DIR]
// The workload everyone compares on: build, 20 blocks, gets, checkpoint (0 and 2 threads), restore, in one process, on a
// fresh directory, with the settings a user gets by default. What is timed is what a caller waits for; making the
// input is not.
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { CheckpointCreator } from "../dist/checkpoint/CheckpointCreator.js"
import { CheckpointSource } from "../dist/checkpoint/CheckpointSource.js"
import { Restorer } from "../dist/checkpoint/Restorer.js"
import { toHex } from "../dist/mkvs/Bytes.js"
import { emptyRoot, rootType } from "../dist/mkvs/Root.js"
import { NodeDatabase } from "../dist/storage/NodeDatabase.js"
import * as Workload from "./workload.mjs"

const { values: options } = parseArgs({
  options: {
    keys: { type: "string", default: "100000" },
    json: { type: "boolean", default: false },
    dir: { type: "string" }
  }
})
const keys = Number(options.keys)
if (!(Number.isInteger(keys) && keys > 0)) {
  process.stderr.write("--keys takes a whole number above 0\n")
  process.exit(2)
}

const seconds = (effect) =>
  Effect.gen(function* () {
    const start = performance.now()
    const value = yield* effect
    return [value, (performance.now() - start) / 1000]
  })

/** Inserts all entries into version 1; the input is made in pieces beside the clock. */
const build = Effect.gen(function* () {
  const database = yield* NodeDatabase
  const batch = yield* database.newBatch(emptyRoot(database.namespace, 0n, rootType.state), 1n)
  let spent = 0
  for (let from = 0; from < keys; from += 1_000) {
    const to = Math.min(from + 1_000, keys)
    const entries = Array.from({ length: to - from }, (_, i) => [
      Workload.keyOf(from + i),
      Workload.valueOf(from + i)
    ])
    const start = performance.now()
    for (const [key, value] of entries) batch.insert(key, value)
    spent += (performance.now() - start) / 1000
  }
  const [{ root }, committing] = yield* seconds(
    Effect.tap(batch.commit, (commit) => database.finalize([commit.root]))
  )
  return [root, spent + committing]
}).pipe(Effect.scoped)

const blocks = (first) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    let root = first
    let spent = 0
    for (let version = 2; version < 2 + Workload.blockCount; version++) {
      const updates = Workload.blockOf(version, keys)
      const [commit, took] = yield* seconds(
        Effect.gen(function* () {
          const batch = yield* database.newBatch(root, BigInt(version))
          for (const [key, value] of updates) batch.insert(key, value)
          const commit = yield* batch.commit
          yield* database.finalize([commit.root])
          return commit
        }).pipe(Effect.scoped)
      )
      root = commit.root
      spent += took
    }
    return [root, spent]
  })

const gets = (root) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const wanted = Workload.getKeys(keys)
    return yield* seconds(
      database.read(root, (snapshot) => {
        let found = 0
        for (const key of wanted) if (snapshot.get(key) !== undefined) found++
        return found
      })
    )
  })

const checkpointed = (directory, root, threads) =>
  Effect.gen(function* () {
    const creator = yield* CheckpointCreator
    return yield* seconds(creator.create(root, Workload.chunkSize, threads))
  }).pipe(Effect.provide(CheckpointCreator.layer({ directory }).pipe(Layer.provide(CheckpointSource.layer))))

/** Chunks are read from the first database's checkpoint and fed one after the other. */
const restored = (source, metadata) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const restorer = yield* Restorer
    const creator = yield* CheckpointCreator
    return yield* seconds(
      Effect.gen(function* () {
        yield* restorer.startRestore(metadata)
        for (let index = 0; index < metadata.chunks.length; index++) {
          const chunk = yield* metadata.getChunkMetadata(index)
          const parts = yield* Stream.runCollect(creator.getChunk(chunk))
          yield* restorer.restoreChunk(index, new Uint8Array(Buffer.concat([...parts])))
        }
        yield* database.finalize([metadata.root])
      })
    )
  }).pipe(
    Effect.provide(Restorer.layer()),
    Effect.provide(CheckpointCreator.layer({ directory: source }).pipe(Layer.provide(CheckpointSource.layer)))
  )

const peakMiB = () => {
  const status = readFileSync("/proc/self/status", "utf8")
  return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(status)[1]) / 1024)
}

const run = (directory) =>
  Effect.gen(function* () {
    const database = NodeDatabase.layerLmdb({ directory: join(directory, "database") })
    const result = yield* Effect.gen(function* () {
      const [root1, buildTime] = yield* build
      const [root21, blocksTime] = yield* blocks(root1)
      const [found, getsTime] = yield* gets(root21)
      if (found !== Workload.getCount) throw new Error(`${found} of ${Workload.getCount} keys found`)
      const [metadata, checkpoint] = yield* checkpointed(join(directory, "checkpoints"), root21, 0)
      const [metadata2, checkpoint2] = yield* checkpointed(join(directory, "checkpoints2"), root21, 2)
      const dbBytes = yield* (yield* NodeDatabase).size
      return {
        root1,
        root21,
        buildTime,
        blocksTime,
        getsTime,
        metadata,
        metadata2,
        checkpoint,
        checkpoint2,
        dbBytes
      }
    }).pipe(Effect.provide(database))
    const [, restore] = yield* restored(join(directory, "checkpoints"), result.metadata).pipe(
      Effect.provide(NodeDatabase.layerLmdb({ directory: join(directory, "restored") }))
    )
    return {
      keys,
      build: result.buildTime,
      blocks: Workload.blockCount / result.blocksTime,
      gets: Workload.getCount / result.getsTime,
      checkpoint: result.checkpoint,
      checkpoint2: result.checkpoint2,
      restore,
      rssMiB: peakMiB(),
      dbBytes: result.dbBytes,
      root1: toHex(result.root1.hash),
      root21: toHex(result.root21.hash),
      encodedHash: toHex(result.metadata.encodedHash()),
      encodedHash2: toHex(result.metadata2.encodedHash())
    }
  })

/** Hashes that differ from those of the benchmark. */
const wrong = (result) =>
  Object.entries(Workload.expected[keys] ?? {}).flatMap(([name, hash]) =>
    result[name] === hash ? [] : [`${name} is ${result[name]}, expected ${hash}`]
  )

const table = (result) => {
  const other = Workload.reference[keys]
  const row = (name, figure, unit, ratio) =>
    `${name.padEnd(24)}${figure.padStart(12)} ${unit.padEnd(10)}${ratio === undefined ? "" : `${ratio.toFixed(2)} ×`}`
  const time = (name, field) =>
    row(name, result[field].toFixed(3), "s", other?.[field] && other[field] / result[field])
  const rate = (name, field) =>
    row(
      name,
      Math.round(result[field]).toLocaleString("en"),
      "per s",
      other?.[field] && result[field] / other[field]
    )
  return [
    `${keys.toLocaleString("en")} keys${" ".repeat(30)}against the reference`,
    time("build", "build"),
    rate("blocks of 1,000", "blocks"),
    rate("gets", "gets"),
    time("checkpoint", "checkpoint"),
    time("checkpoint, 2 threads", "checkpoint2"),
    time("restore", "restore"),
    row("peak RSS", String(result.rssMiB), "MiB", other && result.rssMiB / other.rssMiB),
    row("database", (result.dbBytes / 1_048_576).toFixed(1), "MiB")
  ].join("\n")
}

const directory = mkdtempSync(join(options.dir ?? tmpdir(), "cairn-bench-"))
try {
  const result = await Effect.runPromise(run(directory).pipe(Effect.provide(NodeContext.layer)))
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${table(result)}\n`)
  const mistakes = wrong(result)
  for (const mistake of mistakes) process.stderr.write(`wrong result: ${mistake}\n`)
  if (mistakes.length > 0) process.exitCode = 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}
