import { Effect, type Scope } from "effect"
import { Overlay } from "../mkvs/Overlay.ts"
import { effectiveChanges, SlabChanges } from "../mkvs/paged/Changes.ts"
import { Merge } from "../mkvs/paged/Merge.ts"
import { NodeBuilder } from "../mkvs/paged/NodeBuilder.ts"
import { PagedReader } from "../mkvs/paged/PagedReader.ts"
import { Root } from "../mkvs/Root.ts"
import { SlabMap } from "../mkvs/SlabMap.ts"
import type { Entry, IterateOptions } from "../mkvs/Tree.ts"
import { attempt, writeFailures } from "./attempt.ts"
import type { Candidate, DatabaseCore } from "./DatabaseCore.ts"
import type { Batch, BatchCommit, NodeDatabase } from "./NodeDatabase.ts"
import * as Errors from "./NodeDatabaseError.ts"
import type { Pins } from "./Pins.ts"
import { PageCollector } from "./StoredPages.ts"
import { checkNamespace, type StoredRoot } from "./Versions.ts"
import { yieldToEventLoop } from "./yieldToEventLoop.ts"

/** New pages that await finalisation beyond this are written to the medium early; they are garbage after a crash. */
const flushBytes = 8 * 1_048_576

/** Nodes merged before other fibers get a turn: a few milliseconds. */
const nodesPerTurn = 4096

/** Starts a root of `version` from `oldRoot`; see `NodeDatabase.newBatch`. */
export const newBatch = (
  core: DatabaseCore,
  pins: Pins,
  oldRoot: Root,
  version: bigint
): Effect.Effect<
  Batch,
  NodeDatabase.BatchRefused | NodeDatabase.RootUnavailable | NodeDatabase.ReadFailure,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const base = yield* attempt(
      () => findBase(core, oldRoot, version),
      [
        Errors.DatabaseReadOnly,
        Errors.RootMustFollowOld,
        Errors.PreviousVersionMismatch,
        Errors.VersionWentBackwards,
        Errors.AlreadyFinalized,
        Errors.NotFinalized,
        Errors.MultipartInProgress,
        Errors.RootNotFound,
        Errors.BadNamespace,
        Errors.DatabaseDamaged
      ]
    )
    // An empty old root of no kept version has nothing to keep.
    if (base.stored.page !== 0 && base.parent === undefined) yield* pins.hold(oldRoot.version)
    return new TreeBatch(core, oldRoot, version, base)
  })

interface Base {
  readonly stored: StoredRoot
  readonly parent: Candidate | undefined
}

/** Checks that a batch may start here, and finds what it starts from. */
const findBase = (core: DatabaseCore, oldRoot: Root, version: bigint): Base => {
  core.checkWritable("new batch")
  checkNamespace(core.namespace, oldRoot)
  checkFollows(oldRoot, version)
  core.checkNoMultipart()
  const kept = core.state.kept
  if (kept !== undefined) {
    if (version < kept.latest) throw new Errors.VersionWentBackwards({ version, latest: kept.latest })
    if (version === kept.latest) throw new Errors.AlreadyFinalized({ version })
    if (version > kept.latest + 1n) {
      if (oldRoot.version === version) throw new Errors.NotFinalized({ version: version - 1n })
      throw new Errors.PreviousVersionMismatch({ given: oldRoot.version, expected: kept.latest })
    }
  }
  const parent = core.candidate(oldRoot)
  if (parent !== undefined) return { stored: { ...parent, type: oldRoot.type, hash: oldRoot.hash }, parent }
  if (oldRoot.isEmpty) return { stored: emptyStored(oldRoot), parent: undefined }
  return { stored: core.versions.find(core.namespace, oldRoot), parent: undefined }
}

/** The rule of `spec/mkvs.md`, for a root whose hash is not known yet. */
const checkFollows = (oldRoot: Root, version: bigint): void => {
  const next = new Root({ ...oldRoot, version, hash: oldRoot.hash })
  if (!next.follows(oldRoot)) throw new Errors.RootMustFollowOld({ oldVersion: oldRoot.version, version })
}

const emptyStored = (root: Root): StoredRoot => ({
  type: root.type,
  hash: root.hash,
  page: 0,
  keys: 0,
  derived: false
})

class TreeBatch implements Batch {
  readonly commit: Effect.Effect<BatchCommit, Errors.WriteFailure>
  private readonly pending = new SlabMap()
  private readonly overlay: Overlay
  private ended = false

  constructor(
    private readonly core: DatabaseCore,
    readonly oldRoot: Root,
    readonly version: bigint,
    private readonly base: Base
  ) {
    this.overlay = new Overlay(new PagedReader(core.pages, base.stored.page), this.pending)
    this.commit = core.writing.withPermits(1)(Effect.suspend(() => this.commitOnce()))
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.overlay.get(key)
  }

  has(key: Uint8Array): boolean {
    return this.overlay.has(key)
  }

  iterate(options?: IterateOptions): IterableIterator<Entry> {
    return this.overlay.iterate(options)
  }

  insert(key: Uint8Array, value: Uint8Array): void {
    this.overlay.insert(key, value)
  }

  remove(key: Uint8Array): void {
    this.overlay.remove(key)
  }

  private commitOnce(): Effect.Effect<BatchCommit, Errors.WriteFailure> {
    if (this.ended) return Effect.dieMessage("this batch has been committed: start a new one")
    this.ended = true
    const { core, version } = this
    return Effect.gen(this, function* () {
      const mistake = yield* attempt(() => whyNotToCommit(core, version), writeFailures)
      if (mistake !== undefined) return yield* Effect.dieMessage(mistake)
      const collector = new PageCollector(core.pages, core.kernel, core.nextPage)
      return yield* this.merge(collector).pipe(
        // Ids are never used twice, so that no cache can hold the wrong page.
        Effect.ensuring(Effect.sync(() => (core.nextPage = collector.next))),
        Effect.onError(() => Effect.sync(() => dropPending(core, collector.first)))
      )
    })
  }

  private merge(collector: PageCollector): Effect.Effect<BatchCommit, Errors.WriteFailure> {
    const { core, base } = this
    const builder = new NodeBuilder(core.kernel, core.pages, collector)
    const changes = new SlabChanges(this.pending)
    const merge = new Merge(builder, core.pages, collector, changes)
    return Effect.gen(this, function* () {
      yield* attempt(() => merge.start(base.stored.page), writeFailures)
      while (!(yield* attempt(() => this.turn(merge, collector), writeFailures))) yield* yieldToEventLoop
      const root = merge.different ? builder.root() : { page: base.stored.page, hash: base.stored.hash }
      const keys = base.stored.keys + merge.keysDelta
      return {
        root: this.adopt(root, keys, collector),
        keys,
        writeLog: () => effectiveChanges(changes, merge.effective)
      }
    })
  }

  private turn(merge: Merge, collector: PageCollector): boolean {
    const done = merge.run(nodesPerTurn)
    if (collector.bytes >= flushBytes) {
      this.core.flush()
      collector.bytes = 0
    }
    return done
  }

  /** Makes the new root a candidate, unless its content is one already. */
  private adopt(made: { page: number; hash: Uint8Array }, keys: number, collector: PageCollector): Root {
    const { core, base, version, oldRoot } = this
    const root = new Root({ namespace: core.namespace, version, type: oldRoot.type, hash: made.hash })
    if (core.candidate(root) !== undefined) {
      dropPending(core, collector.first)
      return root
    }
    core.candidates.push({
      root,
      page: made.page,
      keys,
      parent: base.parent,
      derived: base.parent === undefined ? base.stored.page !== 0 : base.parent.derived,
      from: collector.first,
      to: collector.next,
      gone: collector.gone
    })
    return root
  }
}

/** What the program did while a batch of the version was open; `undefined` where all is well. */
const whyNotToCommit = (core: DatabaseCore, version: bigint): string | undefined => {
  const kept = core.state.kept
  if (kept !== undefined && version <= kept.latest) {
    return `version ${version} was finalised while this batch of it was open`
  }
  return core.multipart()?.status === "inserting"
    ? "a multipart insert was started while this batch was open"
    : undefined
}

/** Forgets pages from this id on that wait for finalisation. */
const dropPending = (core: DatabaseCore, from: number): void => {
  for (const id of [...core.pages.pending.keys()]) if (id >= from) core.pages.drop(id)
}
