import { Chunk, Effect, Option, type Scope, Stream } from "effect"
import { getBit } from "../mkvs/Bits.ts"
import * as Bytes from "../mkvs/Bytes.ts"
import { difference } from "../mkvs/Compare.ts"
import { KeyTooLong } from "../mkvs/MkvsError.ts"
import { nodeHashAt } from "../mkvs/paged/Page.ts"
import { PagedReader } from "../mkvs/paged/PagedReader.ts"
import { checkPage, MalformedPage, pageReferences } from "../mkvs/paged/PageWalk.ts"
import type { Root } from "../mkvs/Root.ts"
import type { TreeNode } from "../mkvs/TreeNode.ts"
import { attempt, readFailures } from "./attempt.ts"
import { type DatabaseCore, sliceLength } from "./DatabaseCore.ts"
import type { NodeDatabase, Snapshot } from "./NodeDatabase.ts"
import * as Errors from "./NodeDatabaseError.ts"
import type { Pins } from "./Pins.ts"
import { checkNamespace } from "./Versions.ts"
import { yieldToEventLoop } from "./yieldToEventLoop.ts"

const rootFailures = [...readFailures, Errors.RootNotFound, Errors.BadNamespace] as const

class RootSnapshot extends PagedReader implements Snapshot {
  constructor(
    core: DatabaseCore,
    readonly root: Root,
    page: number,
    readonly keys: number
  ) {
    super(core.pages, page)
  }
}

const open = (core: DatabaseCore, root: Root): Snapshot => {
  const stored = core.find(root)
  return new RootSnapshot(core, root, stored.page, stored.keys)
}

/** Synchronous, so nothing can prune the version meanwhile. */
export const read = <A>(core: DatabaseCore, root: Root, use: (snapshot: Snapshot) => A) =>
  attempt(() => use(open(core, root)), [...rootFailures, KeyTooLong])

export const snapshot = (
  core: DatabaseCore,
  pins: Pins,
  root: Root
): Effect.Effect<Snapshot, NodeDatabase.RootUnavailable | NodeDatabase.ReadFailure, Scope.Scope> =>
  Effect.zipRight(
    pins.hold(root.version),
    attempt(() => open(core, root), rootFailures)
  )

export const node = (core: DatabaseCore, root: Root, key: Uint8Array, hash: Uint8Array) =>
  attempt(() => {
    let node: TreeNode | undefined = open(core, root).top
    let bits = 0
    while (node !== undefined) {
      if (Bytes.equal(node.hash, hash)) return node
      if (node.isLeaf) break
      bits += node.labelBits
      const keyBits = key.length * 8
      node =
        keyBits < bits
          ? undefined
          : keyBits === bits
            ? node.leaf
            : getBit(key, bits) === 0
              ? node.left
              : node.right
    }
    throw new Errors.NodeNotFound({ hash })
  }, [...rootFailures, Errors.NodeNotFound])

/** Items taken from a walk before it gives way. */
const streamSlice = 256

/**
 * Compares the two trees instead of storing logs: both are kept anyway, equal parts are skipped by hash, and so the log
 * of any two kept versions can be had, exact, without a byte on disk.
 */
export const getWriteLog = (core: DatabaseCore, pins: Pins, start: Root, end: Root) =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      yield* attempt(
        () => checkLog(core, start, end),
        [...readFailures, Errors.WriteLogNotFound, Errors.BadNamespace]
      )
      yield* pins.hold(start.version)
      yield* pins.hold(end.version)
      return streamOf(() => difference(open(core, start).top, open(core, end).top))
    })
  )

/** What a synchronous walk over the medium yields, in slices; what it throws becomes a typed failure. */
export const streamOf = <A>(walk: () => Iterable<A>): Stream.Stream<A, NodeDatabase.ReadFailure> =>
  Stream.unwrap(
    Effect.map(
      attempt(() => walk()[Symbol.iterator](), readFailures),
      (items) => Stream.repeatEffectChunkOption(nextSlice(items))
    )
  )

const nextSlice = <A>(items: Iterator<A>) =>
  Effect.flatMap(yieldToEventLoop, () =>
    attempt(() => {
      const slice: Array<A> = []
      for (let next = items.next(); next.done !== true; next = items.next()) {
        if (slice.push(next.value) === streamSlice) break
      }
      return slice
    }, readFailures)
  ).pipe(
    Effect.mapError(Option.some),
    Effect.filterOrFail(
      (slice) => slice.length > 0,
      () => Option.none()
    ),
    Effect.map(Chunk.unsafeFromArray)
  )

const checkLog = (core: DatabaseCore, start: Root, end: Root): void => {
  checkNamespace(core.namespace, start)
  checkNamespace(core.namespace, end)
  const refuse = (reason: Errors.WriteLogNotFound["reason"]) => {
    throw new Errors.WriteLogNotFound({ start: start.version, end: end.version, reason })
  }
  if (start.type !== end.type) refuse("TypesDiffer")
  if (end.version < start.version) refuse("EndBeforeStart")
  if (!isFinal(core, start)) refuse("StartNotKept")
  if (!isFinal(core, end)) refuse("EndNotKept")
}

const isFinal = (core: DatabaseCore, root: Root): boolean => {
  try {
    core.versions.find(core.namespace, root)
    return true
  } catch (error) {
    if (error instanceof Errors.RootNotFound) return false
    throw error
  }
}

export const has = (core: DatabaseCore, root: Root) =>
  attempt(() => {
    try {
      core.find(root)
      return true
    } catch (error) {
      if (error instanceof Errors.RootNotFound || error instanceof Errors.BadNamespace) return false
      throw error
    }
  }, readFailures)

/** Reads every page below the root and recomputes every hash in it; see `NodeDatabase.verify`. */
export const verify = (
  core: DatabaseCore,
  pins: Pins,
  root: Root,
  onDamage: ((damage: Errors.DatabaseDamaged) => void) | undefined
) =>
  Effect.gen(function* () {
    yield* pins.hold(root.version)
    const stored = yield* attempt(() => core.find(root), rootFailures)
    const walk = new VerifyingWalk(core, onDamage)
    if (stored.page !== 0) walk.stack.push({ id: stored.page, hash: root.hash })
    while (walk.stack.length > 0) {
      yield* attempt(() => walk.run(sliceLength / 16), rootFailures)
      yield* yieldToEventLoop
    }
    if (walk.damaged === 0 && walk.keys !== stored.keys) {
      const reason = `the tree has ${walk.keys} keys, ${stored.keys} are on record`
      const damage = new Errors.DatabaseDamaged({ record: `root of version ${root.version}`, reason })
      if (onDamage === undefined) return yield* damage
      onDamage(damage)
    }
    return { pages: walk.pages, keys: walk.keys }
  }).pipe(Effect.scoped)

class VerifyingWalk {
  readonly stack: Array<{ readonly id: number; readonly hash: Uint8Array }> = []
  pages = 0
  keys = 0
  damaged = 0

  constructor(
    private readonly core: DatabaseCore,
    private readonly onDamage: ((damage: Errors.DatabaseDamaged) => void) | undefined
  ) {}

  run(pages: number): void {
    for (let left = pages; left > 0; left--) {
      const next = this.stack.pop()
      if (next === undefined) return
      try {
        this.page(next.id, next.hash)
      } catch (error) {
        if (!(error instanceof Errors.DatabaseDamaged) || this.onDamage === undefined) throw error
        this.damaged++
        this.onDamage(error)
      }
    }
  }

  private page(id: number, hash: Uint8Array): void {
    const { core } = this
    const page = core.pages.fresh(id)
    try {
      this.keys += checkPage(page, core.kernel).keys
      const hashAt = nodeHashAt(page, 0)
      if (!Bytes.equal(page.subarray(hashAt, hashAt + 32), hash))
        throw new MalformedPage("not the node referred to", 0)
      this.stack.push(...pageReferences(page))
      this.pages++
    } catch (error) {
      if (!(error instanceof MalformedPage)) throw error
      throw new Errors.DatabaseDamaged({ record: `page ${id}`, reason: error.message })
    }
  }
}
