import { spawn } from "node:child_process"
import { closeSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Effect } from "effect"
import { emptyRoot, type Root, rootType } from "../../../src/mkvs/Root.ts"
import { readMeta } from "../../../src/storage/LmdbLayout.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import type { Random } from "../../long/support/Random.ts"
import type { Damage } from "../programs/rot.ts"
import { text } from "./support.ts"

/**
 * A small database with something of everything: versions, some of them pruned, io roots, large values, records, lists
 * of free pages.
 */
export const writeBase = (directory: string) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    let state: Root = emptyRoot(database.namespace, 0n, rootType.state)
    for (let version = 1n; version <= 7n; version++) {
      const n = Number(version)
      const next = yield* commit(
        state,
        version,
        (i) => [`key/${(i * 37 + n * 11) % 500}`, `${n} ${i} `.repeat(4)],
        120
      )
      const io = yield* commit(
        emptyRoot(database.namespace, version, rootType.io),
        version,
        (i) => [`${i}`, `${n}`],
        n
      )
      const changes = Array.from({ length: 6 }, (_, i) => ({
        table: i % 2 === 0 ? "blocks" : "events",
        key: text(`${n * 5 + i}`),
        value: text(`record ${n} ${i} `.repeat(n === 4 && i === 2 ? 600 : 12))
      }))
      yield* database.finalize(n % 3 === 0 ? [next, io] : [next], { changes })
      state = next
      if (n === 4 || n === 5) yield* database.prune(BigInt(n - 3))
    }
    yield* database.records.write([{ table: "events", key: text("9"), value: undefined }])
  }).pipe(Effect.provide(NodeDatabase.layerLmdb({ directory })))

const commit = (old: Root, version: bigint, entry: (i: number) => readonly [string, string], count: number) =>
  Effect.gen(function* () {
    const batch = yield* (yield* NodeDatabase).newBatch(old, version)
    for (let i = 0; i < count; i++) {
      const [key, value] = entry(i)
      batch.insert(text(key), text(value))
    }
    if (old.type === rootType.state) batch.insert(text("large"), new Uint8Array(9_000).fill(Number(version)))
    batch.remove(text(`key/${version}`))
    return (yield* batch.commit).root
  }).pipe(Effect.scoped)

/** Outcomes, and the damages that led to each. */
export type Outcomes = ReadonlyMap<string, ReadonlyArray<Damage>>

/** Whatever is typed is fine, and so is the right answer. */
export const fine = new Set([
  "same",
  "DatabaseDamaged",
  "StoreFailed",
  "UnknownFormatVersion",
  "BadNamespace",
  "RootNotFound",
  "VersionNotFound"
])

/** Asks `programs/rot.ts` about each damage; where it crashes, about the rest anew. */
export const rot = (
  program: string,
  base: string,
  scratch: string,
  damages: ReadonlyArray<Damage>
): Effect.Effect<Outcomes> =>
  Effect.promise(async () => {
    const outcomes = new Map<string, Array<Damage>>()
    for (let done = 0; done < damages.length; ) {
      const rest = damages.slice(done)
      for (const outcome of await outcomesOf(program, [base, scratch], rest)) {
        outcomes.set(outcome, [...(outcomes.get(outcome) ?? []), damages[done++]!])
      }
    }
    return outcomes
  })

/** As many as the process lived for; the last one says how it died. */
const outcomesOf = async (
  program: string,
  paths: ReadonlyArray<string>,
  damages: ReadonlyArray<Damage>
): Promise<ReadonlyArray<string>> => {
  const child = spawn(process.execPath, [program, ...paths], { stdio: ["pipe", "pipe", "pipe"] })
  let problem = ""
  child.stderr.setEncoding("utf8").on("data", (part: string) => (problem = (problem + part).slice(-2_000)))
  const gone = new Promise<string>((resolve) =>
    child.on("close", (code, signal) => resolve(String(signal ?? code)))
  )
  // It may be gone before it has read all.
  child.stdin.on("error", () => {})
  child.stdin.end(damages.map((damage) => `${JSON.stringify(damage)}\n`).join(""))
  const outcomes: Array<string> = []
  for await (const line of createInterface({ input: child.stdout })) outcomes.push(JSON.parse(line))
  const how = await gone
  return outcomes.length === damages.length ? outcomes : [...outcomes, `a crash: ${how} ${problem}`]
}

/** What went wrong, with some of the damages that show it; empty when all is fine. */
export const notFine = (outcomes: Outcomes): ReadonlyArray<string> =>
  [...outcomes]
    .filter(([outcome]) => !fine.has(outcome))
    .map(([outcome, damages]) => `${damages.length} × ${outcome}: ${JSON.stringify(damages.slice(0, 5))}`)

/** The data file's size, and which of its pages LMDB's own lists begin with. */
export const layoutOf = (directory: string) => {
  const path = join(directory, "data.mdb")
  const descriptor = openSync(path, "r")
  try {
    const first = readMeta(descriptor, 0, undefined)!
    const second = readMeta(descriptor, 1, first.pageBytes)!
    const { free, main, pageBytes } = first.transaction > second.transaction ? first : second
    return { bytes: readFileSync(path).length, pageBytes, roots: [free.root, main.root] }
  } finally {
    closeSync(descriptor)
  }
}

/** Bits at random: a third anywhere, a third in what LMDB puts before the records of a page, a third in its lists. */
export const someBits = (random: Random, directory: string, count: number): ReadonlyArray<Damage> => {
  const { bytes, pageBytes, roots } = layoutOf(directory)
  const page = () => random.between(2, bytes / pageBytes - 1) * pageBytes
  const places = [
    () => random.between(0, 8 * bytes - 1),
    () => 8 * (page() + random.between(0, 60)) + random.between(0, 7),
    () => 8 * random.pick(roots) * pageBytes + random.between(0, 8 * pageBytes - 1)
  ]
  return Array.from({ length: count }, (_, i) => ({
    file: "data.mdb",
    flip: [places[i % 3]!()],
    write: random.chance(0.3)
  }))
}

/** A page, or a sector, that the disk wrote to another place. */
export const misplaced = (random: Random, directory: string, count: number): ReadonlyArray<Damage> => {
  const { bytes, pageBytes } = layoutOf(directory)
  return Array.from({ length: count }, () => {
    const unit = random.pick([512, pageBytes])
    const place = () => random.between(0, bytes / unit - 1) * unit
    return { file: "data.mdb", copy: [place(), place(), unit], write: random.chance(0.3) } as const
  })
}

/** Ends of the data file: `count` of them, evenly spread. */
export const cutShort = (directory: string, count: number): ReadonlyArray<Damage> => {
  const { bytes } = layoutOf(directory)
  return Array.from({ length: count }, (_, i) => ({
    file: "data.mdb",
    truncate: Math.floor((i * bytes) / count),
    write: i % 2 === 0
  }))
}

/** The part of the two first pages that says something, bit by bit; the rest of them in handfuls. */
export const firstPages = (directory: string): ReadonlyArray<Damage> => {
  const { pageBytes } = layoutOf(directory)
  const damages: Array<Damage> = []
  for (const page of [0, 1]) {
    const first = 8 * page * pageBytes
    for (let bit = 0; bit < 8 * metaBytes; bit++)
      damages.push({ file: "data.mdb", flip: [first + bit], write: bit % 4 === 0 })
    for (let bit = 8 * metaBytes; bit < 8 * pageBytes; bit += 512) {
      const flip = Array.from({ length: Math.min(512, 8 * pageBytes - bit) }, (_, i) => first + bit + i)
      damages.push({ file: "data.mdb", flip })
    }
  }
  return damages
}

/** Header and meta record, with a little more. */
const metaBytes = 176
