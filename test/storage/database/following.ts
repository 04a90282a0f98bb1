import { Chunk, Effect, Exit, Option, Scope, Stream } from "effect"
import { expect } from "vitest"
import { compare, equal, toHex } from "../../../src/mkvs/Bytes.ts"
import { emptyRoot, type Root, type RootType, rootType } from "../../../src/mkvs/Root.ts"
import { ReferenceTree } from "../../../src/mkvs/reference/ReferenceTree.ts"
import type { Reader } from "../../../src/mkvs/Tree.ts"
import type { WriteLogEntry } from "../../../src/mkvs/WriteLog.ts"
import type { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import { nodeHasher } from "../../mkvs/hasher.ts"
import { apply, type Change } from "../../mkvs/model.ts"
import { expectSameEntries, expectSameNodes, expectSameProofs, expectSameValue } from "./comparing.ts"
import { clean, type Disk, inventoryOf } from "./disks.ts"
import type { CandidatePlan, Step } from "./histories.ts"

/** What a version must hold: the plain tree of each of its roots. */
interface Kept {
  readonly version: bigint
  readonly roots: ReadonlyArray<{ readonly root: Root; readonly tree: ReferenceTree }>
}

/** Goes through a history with a database and with plain trees, and compares them at every turn. */
export const follow = (disk: Disk, steps: ReadonlyArray<Step>): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const follower = new Follower(disk)
    yield* follower.open
    for (const step of steps) yield* follower.step(step)
    yield* follower.step({ kind: "reopen" })
    yield* follower.everything
  }).pipe(Effect.scoped)

class Follower {
  private readonly kept: Array<Kept> = []
  private latest = 0n
  private scope: Scope.CloseableScope | undefined
  private database!: NodeDatabase.Service

  constructor(private readonly disk: Disk) {}

  readonly open: Effect.Effect<void, unknown, Scope.Scope> = Effect.suspend(() =>
    Effect.gen(this, function* () {
      this.scope = yield* Effect.flatMap(Effect.scope, (scope) => Scope.fork(scope, scope.strategy))
      this.database = yield* Scope.extend(this.disk.open(), this.scope)
    })
  )

  step(step: Step): Effect.Effect<void, unknown, Scope.Scope> {
    switch (step.kind) {
      case "version":
        return this.version(step)
      case "prune":
        return this.prune
      case "reopen":
        return Effect.gen(this, function* () {
          yield* Scope.close(this.scope!, Exit.void)
          yield* this.checkDisk
          yield* this.open
        })
    }
  }

  private version(step: Step & { readonly kind: "version" }): Effect.Effect<void, unknown> {
    return Effect.gen(this, function* () {
      const version = this.latest + 1n
      const made: Array<{ readonly root: Root; readonly tree: ReferenceTree }> = []
      for (const plan of step.candidates) made.push(yield* this.candidate(plan, version, made))
      const io = step.io === undefined ? [] : [yield* this.io(version, step.io)]
      for (const { root, tree } of [...made, ...io]) yield* this.checkRoot(root, tree, step.looks)
      const winner = step.winner === "none" ? undefined : made[step.winner % made.length]
      const roots = winner === undefined ? io : [winner, ...io]
      // A version needs a root; that of an empty tree needs no batch.
      if (roots.length === 0) roots.push({ root: this.empty(version), tree: new ReferenceTree(nodeHasher) })
      yield* this.database.finalize([...roots].reverse().map(({ root }) => root))
      this.latest = version
      this.kept.push({ version, roots })
      yield* this.checkGone(made, roots)
      yield* this.look(step.looks)
    })
  }

  private candidate(
    plan: CandidatePlan,
    version: bigint,
    made: ReadonlyArray<{ readonly root: Root; readonly tree: ReferenceTree }>
  ) {
    const before = this.kept.at(-1)?.roots.find(({ root }) => root.type === rootType.state)
    const parent = typeof plan.from === "number" ? made[plan.from] : undefined
    const old = parent ?? (plan.from === "empty" ? undefined : before)
    const oldRoot = old?.root ?? this.empty(this.latest)
    return this.commit(oldRoot, version, old?.tree.fork() ?? new ReferenceTree(nodeHasher), plan.changes)
  }

  private io(version: bigint, changes: ReadonlyArray<Change>) {
    return this.commit(this.empty(version, rootType.io), version, new ReferenceTree(nodeHasher), changes)
  }

  private commit(oldRoot: Root, version: bigint, tree: ReferenceTree, changes: ReadonlyArray<Change>) {
    return Effect.gen(this, function* () {
      const batch = yield* this.database.newBatch(oldRoot, version)
      apply(batch, changes)
      apply(tree, changes)
      expectSameEntries(batch, tree)
      for (const [key] of changes) expectSameValue(batch, tree, key)
      const commit = yield* batch.commit
      const { rootHash, writeLog } = tree.commit()
      expect(toHex(commit.root.hash)).toBe(toHex(rootHash))
      expect(commit.keys).toBe(Array.from(tree.iterate()).length)
      expect(logTexts(commit.writeLog())).toEqual(logTexts(writeLog))
      return { root: commit.root, tree }
    }).pipe(Effect.scoped)
  }

  private readonly prune: Effect.Effect<void, unknown> = Effect.suspend(() =>
    Effect.gen(this, function* () {
      if (this.kept.length < 2) return
      const [first] = this.kept.splice(0, 1)
      yield* this.database.prune(first!.version)
      expect(yield* this.database.earliestVersion).toEqual(Option.some(this.kept[0]!.version))
      for (const { root } of first!.roots) expect(yield* this.database.has(root)).toBe(false)
      yield* this.checkDisk
    })
  )

  /** Each kept version wholly; then what is on the disk. */
  readonly everything: Effect.Effect<void, unknown> = Effect.suspend(() =>
    Effect.gen(this, function* () {
      for (const { roots, version } of this.kept) {
        expect(yield* this.database.rootsForVersion(version)).toEqual(roots.map(({ root }) => root))
        for (const { root, tree } of roots) yield* this.checkRoot(root, tree, [1, 2, 3, 4, 5, 6])
      }
      yield* this.checkDisk
    })
  )

  /** Some kept roots, and the write log between two of them. */
  private look(looks: ReadonlyArray<number>): Effect.Effect<void, unknown> {
    return Effect.gen(this, function* () {
      const states = this.kept.flatMap(({ roots }) =>
        roots.filter(({ root }) => root.type === rootType.state)
      )
      const any = this.kept[looks[0]! % this.kept.length]!.roots
      for (const { root, tree } of any) yield* this.checkRoot(root, tree, looks)
      if (states.length === 0) return
      const [from, to] = [looks[1]! % states.length, looks[2]! % states.length].sort((a, b) => a - b)
      yield* this.checkLog(states[from!]!, states[to!]!)
    })
  }

  private checkRoot(
    root: Root,
    tree: ReferenceTree,
    looks: ReadonlyArray<number>
  ): Effect.Effect<void, unknown> {
    return Effect.gen(this, function* () {
      const keys = Array.from(tree.iterate(), ([key]) => key)
      const some = looks.slice(3).map((look) => keyNear(keys, look))
      yield* this.database.read(root, (snapshot) => {
        expect(snapshot.keys).toBe(keys.length)
        expectSameEntries(snapshot, tree)
        for (const [index, key] of some.entries()) {
          expectSameValue(snapshot, tree, key)
          const prefix = index % 2 === 0 ? key.slice(0, looks[index]! % 3) : undefined
          expectSameEntries(snapshot, tree, { from: key, prefix, reverse: index % 3 === 0 })
        }
        expectSameNodes(snapshot.top, tree.root)
        expectSameProofs(snapshot.top, tree.root, some.slice(0, 3), looks[0]! % 5)
      })
      expect((yield* this.database.verify(root).pipe(Effect.catchTag("RootNotFound", Effect.die))).keys).toBe(
        keys.length
      )
    })
  }

  private checkLog(
    start: { readonly root: Root; readonly tree: ReferenceTree },
    end: { readonly root: Root; readonly tree: ReferenceTree }
  ) {
    return Effect.gen(this, function* () {
      const log = yield* Stream.runCollect(this.database.getWriteLog(start.root, end.root))
      expect(logTexts(Chunk.toReadonlyArray(log))).toEqual(logTexts(difference(start.tree, end.tree)))
    })
  }

  /** Candidates that were not finalised are gone, but for those with the same content. */
  private checkGone(
    made: ReadonlyArray<{ readonly root: Root }>,
    roots: ReadonlyArray<{ readonly root: Root }>
  ): Effect.Effect<void, unknown> {
    return Effect.forEach(
      made.filter(({ root }) => !root.isEmpty),
      ({ root }) =>
        Effect.map(this.database.has(root), (has) =>
          expect(has).toBe(roots.some((kept) => kept.root.equals(root)))
        ),
      { discard: true }
    )
  }

  private get checkDisk(): Effect.Effect<void, unknown> {
    return Effect.map(inventoryOf(this.disk), (inventory) => {
      expect(inventory).toMatchObject({ ...clean, versions: this.kept.map(({ version }) => version) })
    })
  }

  private empty(version: bigint, type: RootType = rootType.state): Root {
    return emptyRoot(this.database.namespace, version, type)
  }
}

/** A key of the tree, one beside it, or one that is not there. */
const keyNear = (keys: ReadonlyArray<Uint8Array>, look: number): Uint8Array => {
  const key = keys[look % Math.max(1, keys.length)] ?? Uint8Array.of(look & 0xff)
  switch (look % 4) {
    case 0:
      return key.slice(0, -1)
    case 1:
      return Uint8Array.of(...key, 0)
    default:
      return key
  }
}

const logTexts = (log: Iterable<WriteLogEntry>): ReadonlyArray<string> =>
  Array.from(log, ({ key, value }) => `${toHex(key)}=${value === undefined ? "removed" : nameOf(value)}`)

/** Long values by their hash. */
const nameOf = (value: Uint8Array): string =>
  value.length > 64 ? `#${toHex(nodeHasher.hash(value))}` : toHex(value)

/** The write log by the rule: keys whose value differs, and keys that are gone; in key order. */
const difference = (before: Reader, after: Reader): ReadonlyArray<WriteLogEntry> => {
  const log: Array<WriteLogEntry> = []
  for (const [key, value] of after.iterate()) {
    const old = before.get(key)
    if (old === undefined || !equal(old, value)) log.push({ key, value })
  }
  for (const [key] of before.iterate()) if (!after.has(key)) log.push({ key, value: undefined })
  return log.sort((a, b) => compare(a.key, b.key))
}
