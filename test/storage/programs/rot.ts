import { createHash } from "node:crypto"
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync
} from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Cause, Chunk, Effect, Exit, Option, Stream } from "effect"
import { toHex } from "../../../src/mkvs/Bytes.ts"
import type { Root } from "../../../src/mkvs/Root.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"

/**
 * Reads damaged copies of a database: `rot.mjs BASE SCRATCH`. Each line on stdin is a `Damage` as JSON; the answer is
 * the line of its outcome: `same` (everything read was right), the tag of a typed error, or anything else, which is
 * what must not be. Crashes are for the caller to see.
 */

export interface Damage {
  readonly file: string
  /** Numbers of bits to flip; bit 0 is the lowest of the first byte. */
  readonly flip?: ReadonlyArray<number>
  /** Bytes that are left. */
  readonly truncate?: number
  /** `[from, to, bytes]`: what lies at `from` overwrites what lies at `to`. */
  readonly copy?: readonly [from: number, to: number, bytes: number]
  /** Opened for writing, and then written to as well. */
  readonly write?: boolean
}

const [base = "", scratch = ""] = process.argv.slice(2)
const files = ["data.mdb", "lock.mdb", "writer.lock"]

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** A digest of all that can be asked: roots, entries both ways, each key, absent keys, write logs, records. */
const readAll = (database: NodeDatabase.Service) =>
  Effect.gen(function* () {
    const hash = createHash("sha256")
    const note = (...parts: ReadonlyArray<string | Uint8Array | undefined>) => {
      for (const part of parts) hash.update(part ?? "absent").update("|")
    }
    const earliest = Option.getOrElse(yield* database.earliestVersion, () => 0n)
    const latest = Option.getOrElse(yield* database.latestVersion, () => 0n)
    note(`${earliest}`, `${latest}`)
    let before: Root | undefined
    for (let version = earliest; version <= latest && latest > 0n; version++) {
      for (const root of yield* database.rootsForVersion(version)) {
        note(toHex(root.hash), String(root.type))
        yield* database.read(root, (snapshot) => {
          note(String(snapshot.keys))
          for (const [key, value] of snapshot.iterate()) note(key, value, snapshot.get(key))
          for (const [key] of snapshot.iterate({ reverse: true })) note(key)
          for (const key of ["", "key", "key/1x", "zzz"]) note(snapshot.get(text(key)))
        })
        const { keys, pages } = yield* database.verify(root)
        note(`${keys} ${pages}`)
        if (before !== undefined && before.type === root.type) {
          const log = yield* Stream.runCollect(database.getWriteLog(before, root))
          for (const { key, value } of Chunk.toReadonlyArray(log)) note(key, value)
        }
        before = root
      }
    }
    for (const table of ["blocks", "events", "never"]) {
      for (const [key, value] of Chunk.toReadonlyArray(
        yield* Stream.runCollect(database.records.range(table))
      )) {
        note(key, value)
      }
      for (let i = 0; i < 40; i++)
        note(Option.getOrUndefined(yield* database.records.get(table, text(`${i}`))))
    }
    note((yield* database.multipart.current)._tag)
    return hash.digest("hex")
  })

/** Two versions more and one less: so that lists of free pages and of replaced ones are used. */
const goOn = (database: NodeDatabase.Service) =>
  Effect.gen(function* () {
    for (let round = 0; round < 2; round++) {
      const latest = Option.getOrThrow(yield* database.latestVersion)
      const old = (yield* database.rootsForVersion(latest))[0]!
      const batch = yield* database.newBatch(old, latest + 1n)
      for (let i = 0; i < 60; i++)
        batch.insert(text(`key/${i * 7 + round}`), text(`after ${round} ${i}`.repeat(9)))
      const { root } = yield* batch.commit
      const changes = [{ table: "blocks", key: text(`after ${round}`), value: text("block".repeat(30)) }]
      yield* database.finalize([root], { changes })
    }
    yield* database.prune(Option.getOrThrow(yield* database.earliestVersion))
  }).pipe(Effect.scoped)

const digestOf = (directory: string, write: boolean) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const before = yield* readAll(database)
    if (!write) return before
    yield* goOn(database)
    return `${before} ${yield* readAll(database)}`
  }).pipe(
    Effect.provide(NodeDatabase.layerLmdb({ directory, readOnly: !write })),
    Effect.exit,
    Effect.runPromise
  )

const copyBase = (directory: string): void => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  for (const file of files) copyFileSync(join(base, file), join(directory, file))
}

const expected = async (write: boolean): Promise<string> => {
  const directory = join(scratch, `whole-${process.pid}-${write}`)
  copyBase(directory)
  const exit = await digestOf(directory, write)
  rmSync(directory, { recursive: true, force: true })
  if (Exit.isFailure(exit))
    throw new Error(`the undamaged database cannot be read: ${Cause.pretty(exit.cause)}`)
  return exit.value
}

const damage = (directory: string, { copy, file, flip = [], truncate }: Damage): void => {
  const path = join(directory, file)
  const bytes = readFileSync(path)
  for (const bit of flip) bytes[bit >>> 3]! ^= 1 << (bit & 7)
  if (copy !== undefined) bytes.copyWithin(copy[1], copy[0], copy[0] + copy[2])
  writeFileSync(path, bytes)
  if (truncate !== undefined) truncateSync(path, truncate)
}

const outcome = (exit: Exit.Exit<string, { readonly _tag: string }>, right: string): string => {
  if (Exit.isSuccess(exit)) return exit.value === right ? "same" : "a wrong answer"
  return Option.match(Cause.failureOption(exit.cause), {
    onSome: ({ _tag }) => _tag,
    onNone: () => `a defect: ${Cause.pretty(exit.cause)}`
  })
}

const rights = { reading: await expected(false), writing: await expected(true) }
let count = 0
for await (const line of createInterface({ input: process.stdin })) {
  // The test that started this process wrote the line as a `Damage`.
  const asked = JSON.parse(line) as Damage
  const directory = join(scratch, `${process.pid}-${count++}`)
  copyBase(directory)
  damage(directory, asked)
  const exit = await digestOf(directory, asked.write ?? false)
  rmSync(directory, { recursive: true, force: true })
  writeSync(1, `${JSON.stringify(outcome(exit, asked.write ? rights.writing : rights.reading))}\n`)
}
