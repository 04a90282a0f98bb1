import { Effect, Option } from "effect"
import { expect } from "vitest"
import { Root } from "../../../src/mkvs/Root.ts"
import type { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import type { Opened } from "./Directory.ts"
import { advance, historyKey, historyTable, numberBytes, planOf } from "./History.ts"
import { digestOf, type Expected, type HistoryModel } from "./HistoryModel.ts"
import type { Inventory } from "./Inventory.ts"

/** What processes have vouched for or begun, over all their lives. */
export class Vouched {
  finalized = 0n
  finalizing = 0n
  pruned = 0n
  pruning = 0n

  hear(said: ReadonlyArray<ReadonlyArray<string>>): void {
    for (const [what, version] of said) {
      if (what === "finalized" || what === "finalizing" || what === "pruned" || what === "pruning") {
        this[what] = BigInt(version ?? 0)
      }
    }
  }
}

/** Whether the database holds what was vouched for, nothing half, and not a page too many. */
export const checkHistory = ({ database, inventory }: Opened, model: HistoryModel, vouched: Vouched) =>
  Effect.gen(function* () {
    const { earliest, latest } = yield* keptVersions(database)
    expect(latest >= vouched.finalized && latest <= vouched.finalizing, `latest ${latest}`).toBe(true)
    expect(earliest > vouched.pruned && earliest <= vouched.pruning + 1n, `earliest ${earliest}`).toBe(true)
    for (let version = earliest; version <= latest; version++) {
      yield* checkVersion(database, version, model.at(version))
    }
    const record = Option.getOrUndefined(yield* database.records.get(historyTable, historyKey))
    expect(record).toEqual(latest === 0n ? undefined : numberBytes(latest))
    const inserting = Option.isSome(yield* database.multipart.current)
    checkInventory(yield* inventory, earliest, latest, inserting)
    return { earliest, latest }
  })

/** Every root of the version: its hash, all hashes below, and all its entries. */
export const checkVersion = (
  database: NodeDatabase.Service,
  version: bigint,
  expected: ReadonlyArray<Expected>
) =>
  Effect.gen(function* () {
    const roots = yield* database.rootsForVersion(version)
    expect(roots).toEqual(
      expected.map(({ type, hash }) => new Root({ namespace: database.namespace, version, type, hash }))
    )
    for (const [index, root] of roots.entries()) {
      const { keys, digest } = expected[index]!
      expect((yield* database.verify(root)).keys).toBe(keys)
      const found = yield* database.read(root, (snapshot) => ({
        keys: snapshot.keys,
        digest: digestOf(snapshot)
      }))
      expect(found, `content of ${root}`).toEqual({ keys, digest })
    }
  })

/** Nothing on the medium but these versions, and a multipart insert where there is one. */
export const checkInventory = (
  inventory: Inventory,
  earliest: bigint,
  latest: bigint,
  inserting: boolean
): void => {
  const { leaked, lacking, versions, replaced, garbage, parts, multipart } = inventory
  expect({ leaked, lacking, garbage, multipart }).toEqual({
    leaked: [],
    lacking: [],
    garbage: 0,
    multipart: inserting ? "inserting" : undefined
  })
  expect(inserting || parts === 0, `${parts} records of parts`).toBe(true)
  const kept = Array.from(
    { length: latest === 0n ? 0 : Number(latest - earliest) + 1 },
    (_, i) => earliest + BigInt(i)
  )
  expect(versions).toEqual(kept)
  expect(replaced.filter((version) => version <= earliest || version > latest)).toEqual([])
}

/** Work goes on: a version more, and one less. */
export const goOn = ({ database }: Opened, model: HistoryModel, vouched: Vouched, keep: number) =>
  Effect.gen(function* () {
    const version = (yield* keptVersions(database)).latest + 1n
    yield* advance(database, planOf(model.profile, version), version)
    vouched.finalizing = vouched.finalized = version
    const { earliest } = yield* keptVersions(database)
    if (version - earliest < BigInt(keep)) return
    yield* database.prune(earliest)
    vouched.pruning = vouched.pruned = earliest
  })

/** 1 and 0 before the first version. */
export const keptVersions = (database: NodeDatabase.Service) =>
  Effect.gen(function* () {
    const earliest = Option.getOrElse(yield* database.earliestVersion, () => 1n)
    return { earliest, latest: Option.getOrElse(yield* database.latestVersion, () => 0n) }
  })
