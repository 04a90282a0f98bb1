import { Effect, Option } from "effect"
import { emptyRoot, type Root, rootType } from "../../../src/mkvs/Root.ts"
import type { Writer } from "../../../src/mkvs/Tree.ts"
import type { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import type { Change } from "../../../src/storage/PageStore.ts"
import { Random, seedOf } from "./Random.ts"

/**
 * A history of versions that follows from its seed: the program that is killed and the suite that looks at what it left
 * know the same plan, and tell each other nothing but version numbers.
 */

/** `undefined` removes the key. */
export type Changes = ReadonlyArray<readonly [key: Uint8Array, value: Uint8Array | undefined]>

export interface VersionPlan {
  /** Batches, each on the candidate before; the last one becomes the state. */
  readonly batches: ReadonlyArray<Changes>
  /** A candidate that is committed first and loses. */
  readonly loser: Changes | undefined
  /** The io tree, made from nothing. */
  readonly io: Changes | undefined
}

export interface Profile {
  readonly seed: number
  /** How often a version rewrites all large values; the first one always does. */
  readonly large: number
  /** How many of them there are. */
  readonly largeKeys: number
  /** How often an io tree is large. */
  readonly largeIo: number
}

/** So many large values are more than the 8 MiB at which a commit flushes early, and more pages than a slice of a prune. */
export const largeKeys = 4_400
const largeValueBytes = 2_100
const smallKeys = 3_000
/** In pages of their own: more of them than one slice of a prune holds. */
const largeIoKeys = 4_400
const largeIoValueBytes = 1_100

export const planOf = (profile: Profile, version: bigint): VersionPlan => {
  const { seed, large, largeIo } = profile
  const random = new Random(seedOf(seed, Number(version)))
  const salt = random.between(0, 1_000_000)
  const batches = [
    version === 1n || random.chance(large)
      ? largeChanges(random, salt, profile.largeKeys)
      : someChanges(random, salt)
  ]
  if (random.chance(0.25)) batches.push(someChanges(random, salt + 1))
  return {
    batches,
    loser: random.chance(0.25) ? someChanges(random, salt + 2) : undefined,
    io: random.chance(largeIo)
      ? ioChanges(largeIoKeys, largeIoValueBytes, salt)
      : random.chance(0.25)
        ? ioChanges(40, 30, salt)
        : undefined
  }
}

/** A record written with each version: its number. */
export const historyTable = "history"
export const historyKey = new TextEncoder().encode("latest")

export const historyRecord = (version: bigint): Change => ({
  table: historyTable,
  key: historyKey,
  value: numberBytes(version)
})

/** Makes the next version. `told` is called when everything is ready and only `finalize` is left. */
export const advance = (
  database: NodeDatabase.Service,
  plan: VersionPlan,
  version: bigint,
  told: () => void = () => {}
) =>
  Effect.gen(function* () {
    const before = yield* stateRoot(database, version - 1n)
    if (plan.loser !== undefined) yield* candidate(database, before, version, plan.loser)
    let root = before
    for (const changes of plan.batches) root = yield* candidate(database, root, version, changes)
    const roots = [root]
    if (plan.io !== undefined) {
      roots.push(
        yield* candidate(database, emptyRoot(database.namespace, version, rootType.io), version, plan.io)
      )
    }
    told()
    yield* database.finalize(roots, { changes: [historyRecord(version)] })
    return root
  })

const candidate = (database: NodeDatabase.Service, old: Root, version: bigint, changes: Changes) =>
  Effect.gen(function* () {
    const batch = yield* database.newBatch(old, version)
    apply(batch, changes)
    return (yield* batch.commit).root
  }).pipe(Effect.scoped)

export const apply = (writer: Pick<Writer, "insert" | "remove">, changes: Changes): void => {
  for (const [key, value] of changes) {
    if (value === undefined) writer.remove(key)
    else writer.insert(key, value)
  }
}

/** The state of a version, empty before the first. */
const stateRoot = (database: NodeDatabase.Service, version: bigint) =>
  Effect.gen(function* () {
    if (Option.isNone(yield* database.latestVersion))
      return emptyRoot(database.namespace, version, rootType.state)
    const roots = yield* database.rootsForVersion(version)
    return (
      roots.find((root) => root.type === rootType.state) ??
      emptyRoot(database.namespace, version, rootType.state)
    )
  })

export const numberBytes = (number: bigint): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, number)
  return bytes
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** Cheap to make, and different for each key and each time. */
const valueOf = (bytes: number, key: number, salt: number): Uint8Array =>
  new Uint8Array(Buffer.alloc(bytes, `${salt}/${key} `))

const largeChanges = (random: Random, salt: number, count: number): Changes => {
  const removes = random.chance(0.3)
  return Array.from({ length: count }, (_, i) => {
    const key = text(`large/${(i * 7) % count}`)
    return [key, removes && i % 2 === 0 ? undefined : valueOf(largeValueBytes, i, salt)]
  })
}

/** None, a few, or many. */
const someChanges = (random: Random, salt: number): Changes =>
  Array.from({ length: random.pick([0, 1, 20, 50, 300, 1_000]) }, () => {
    const number = random.between(0, smallKeys - 1)
    const value = random.chance(0.2) ? undefined : valueOf(random.between(0, 200), number, salt)
    return [text(`small/${number}`), value]
  })

const ioChanges = (keys: number, bytes: number, salt: number): Changes =>
  Array.from({ length: keys }, (_, i) => [text(`io/${i}`), valueOf(bytes, i, salt)])

/** A profile as arguments of a program, and back. */
export const profileArguments = ({ seed, large, largeKeys, largeIo }: Profile): ReadonlyArray<string> =>
  [seed, large, largeKeys, largeIo].map(String)

export const profileFrom = ([seed, large, largeKeys, largeIo]: ReadonlyArray<string>): Profile => ({
  seed: Number(seed),
  large: Number(large),
  largeKeys: Number(largeKeys),
  largeIo: Number(largeIo)
})
