import { it } from "@effect/vitest"
import { Effect, Exit, type Layer, Option, type Scope } from "effect"
import { expect } from "vitest"
import { frameEntries } from "../../../src/mkvs/CborEntries.ts"
import { proveIterate } from "../../../src/mkvs/proof/Prover.ts"
import { emptyRoot, Root, type RootType, rootType } from "../../../src/mkvs/Root.ts"
import type { Writer } from "../../../src/mkvs/Tree.ts"
import type { TreeNode } from "../../../src/mkvs/TreeNode.ts"
import { type BatchCommit, NodeDatabase, type Part } from "../../../src/storage/NodeDatabase.ts"

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

export const show = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && new TextDecoder().decode(bytes)

/** A database with nothing in it, new for each case. */
export type Fresh = () => Layer.Layer<NodeDatabase, unknown>

export type Check = (title: string, body: Effect.Effect<void, unknown, NodeDatabase | Scope.Scope>) => void

export const checks =
  (fresh: Fresh): Check =>
  (title, body) => {
    it.scoped(title, () => Effect.provide(body, fresh()))
  }

/** What a test writes: `null` removes. */
export type Writes = Readonly<Record<string, string | null>>

export const write = (writer: Writer, writes: Writes): void => {
  for (const [key, value] of Object.entries(writes)) {
    if (value === null) writer.remove(text(key))
    else writer.insert(text(key), text(value))
  }
}

export const nothing = (version: bigint, type: RootType = rootType.state) =>
  Effect.map(NodeDatabase, ({ namespace }) => emptyRoot(namespace, version, type))

/** Commits a candidate on `old`. */
export const candidate = (old: Root, version: bigint, writes: Writes) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const batch = yield* database.newBatch(old, version)
    write(batch, writes)
    return yield* batch.commit
  }).pipe(Effect.scoped)

/** Commits and finalises a state root on `old`. */
export const advance = (old: Root, writes: Writes) =>
  Effect.gen(function* () {
    const { root } = yield* candidate(old, old.version + 1n, writes)
    yield* (yield* NodeDatabase).finalize([root])
    return root
  })

/** Versions 1 … n, one for each of `history`; gives their roots. */
export const versions = (...history: ReadonlyArray<Writes>) =>
  Effect.gen(function* () {
    const roots: Array<Root> = []
    let last = yield* nothing(0n)
    for (const writes of history) {
      last = yield* advance(last, writes)
      roots.push(last)
    }
    return roots
  })

/** All entries of a root as text. */
export const contentOf = (root: Root) =>
  Effect.flatMap(NodeDatabase, (database) =>
    database.read(root, (snapshot) =>
      Object.fromEntries(Array.from(snapshot.iterate(), ([key, value]) => [show(key), show(value)]))
    )
  )

/** `effect` must fail, and with this tag. */
export const fails = <A, E extends { readonly _tag: string }, R, Tag extends E["_tag"]>(
  effect: Effect.Effect<A, E, R>,
  tag: Tag
): Effect.Effect<Extract<E, { readonly _tag: Tag }>, never, R> =>
  Effect.flatMap(Effect.either(effect), (result) => {
    if (result._tag === "Right") return Effect.dieMessage(`succeeded instead of failing with ${tag}`)
    expect(result.left._tag).toBe(tag)
    // the tag has just been compared
    return Effect.succeed(result.left as Extract<E, { readonly _tag: Tag }>)
  })

export const dies = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    expect(Exit.isFailure(exit) && exit.cause._tag).toBe("Die")
  })

export const some = <A>(value: A) => Option.some(value)

/** Parts that cover a tree between them: proofs of `keysPerPart` neighbouring keys each. */
export const partsOf = (
  root: Root,
  top: TreeNode | undefined,
  keys: ReadonlyArray<Uint8Array>,
  keysPerPart: number
) => {
  const parts: Array<Part> = []
  for (let from = 0; from === 0 || from < keys.length; from += keysPerPart) {
    const prefetch = Math.min(keysPerPart, keys.length - from) - 1
    const proof = proveIterate(top, keys[from] ?? new Uint8Array(0), Math.max(0, prefetch))
    parts.push({ index: parts.length, root, entries: frameEntries(proof.entries) })
  }
  return parts
}

/** A root and its parts from another database, in memory. */
export const foreign = (
  version: bigint,
  writes: Writes,
  keysPerPart: number,
  type: RootType = rootType.state
) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const batch = yield* database.newBatch(emptyRoot(database.namespace, version, type), version)
    write(batch, writes)
    const commit: BatchCommit = yield* batch.commit
    const snapshot = yield* database.snapshot(commit.root)
    const keys = Array.from(snapshot.iterate(), ([key]) => key)
    return { root: commit.root, parts: partsOf(commit.root, snapshot.top, keys, keysPerPart) }
  }).pipe(Effect.scoped, Effect.provide(NodeDatabase.layerMemory()), Effect.orDie)

export const otherNamespace = new Uint8Array(32).fill(7)

export const withNamespace = (root: Root, namespace: Uint8Array): Root => new Root({ ...root, namespace })

/** Many keys with values, so that a tree takes many pages. */
export const manyWrites = (count: number, salt = ""): Writes =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`key/${(i * 7919) % 100_003}`, `value ${salt}${i}`.repeat(4)])
  )
