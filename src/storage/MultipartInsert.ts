import { Effect, Option } from "effect"
import * as Bytes from "../mkvs/Bytes.ts"
import { ProofVerificationFailed } from "../mkvs/MkvsError.ts"
import { Assembler, type Known } from "../mkvs/paged/Assembler.ts"
import { NodeBuilder } from "../mkvs/paged/NodeBuilder.ts"
import { PartImporter } from "../mkvs/paged/PartImporter.ts"
import type { Root } from "../mkvs/Root.ts"
import { attempt, readFailures, writeFailures } from "./attempt.ts"
import { type DatabaseCore, type MultipartState, sliceLength } from "./DatabaseCore.ts"
import { checkNext, versionOf } from "./Finalizing.ts"
import {
  collectParts,
  decodeComplete,
  decodeSpine,
  partKey,
  partPages,
  partsTable,
  slotPage,
  spineKey,
  subtreeKey
} from "./MultipartParts.ts"
import type { NodeDatabase, Part } from "./NodeDatabase.ts"
import * as Errors from "./NodeDatabaseError.ts"
import type { Change } from "./PageStore.ts"
import { asGarbage, collectPages } from "./Pruning.ts"
import * as Records from "./Records.ts"
import { PageCollector, putPage, removePage } from "./StoredPages.ts"
import { checkNamespace, type StoredRoot } from "./Versions.ts"
import { yieldToEventLoop } from "./yieldToEventLoop.ts"

/** Entries taken in, or places assembled, before other fibers get a turn. */
const stepsPerTurn = 2048

/** More entries than any part of the size allowed elsewhere can hold. */
const entriesMax = 100_000_000

export const current = (core: DatabaseCore): MultipartState | undefined => {
  const state = core.multipart()
  return state?.status === "inserting" ? state : undefined
}

export const start = (
  core: DatabaseCore,
  version: bigint,
  tag: Uint8Array
): Effect.Effect<void, StartRefused | Errors.WriteFailure> =>
  Effect.gen(function* () {
    // What an earlier insert left must be gone: its records would be taken for parts of this one.
    if (!core.store.readOnly) yield* cleanUp(core)
    const started = yield* core.writing.withPermits(1)(
      attempt(() => startNow(core, version, tag), [...writeFailures, ...startRefusals])
    )
    if (!started) yield* start(core, version, tag)
  })

type StartRefused = Errors.MultipartInProgress | Errors.AlreadyFinalized | Errors.NotFinalized

const startRefusals = [
  Errors.DatabaseReadOnly,
  Errors.MultipartInProgress,
  Errors.AlreadyFinalized,
  Errors.NotFinalized
] as const

/** False where another insert was given up since the clean-up. */
const startNow = (core: DatabaseCore, version: bigint, tag: Uint8Array): boolean => {
  core.checkWritable("multipart insert")
  core.checkNoMultipart()
  checkNext(core, version)
  if (core.multipart() !== undefined) return false
  // Candidates of the same version would have their pages among those of the insert.
  for (const id of [...core.pages.pending.keys()]) core.pages.drop(id)
  core.candidates.length = 0
  core.write([
    core.versions.putState({ ...core.state, nextPage: core.nextPage }),
    core.putMultipart({ version, firstPage: core.nextPage, endPage: 0, status: "inserting", tag })
  ])
  return true
}

export const setTag = (core: DatabaseCore, tag: Uint8Array) =>
  core.writing.withPermits(1)(
    attempt(() => {
      const state = current(core)
      if (state === undefined) throw new Errors.WrongMultipartVersion({ given: 0n, running: Option.none() })
      core.write([core.putMultipart({ ...state, tag })])
    }, [...writeFailures, Errors.WrongMultipartVersion])
  )

/** Verifies one part and stores what it brings, in one durable step. */
export const put = (
  core: DatabaseCore,
  part: Part
): Effect.Effect<void, NodeDatabase.PartRefused | Errors.WriteFailure> =>
  core.writing.withPermits(1)(
    Effect.gen(function* () {
      const known = yield* attempt(() => {
        core.checkWritable("multipart insert")
        checkNamespace(core.namespace, part.root)
        checkRunning(core, part.root.version)
        return core.store.get(partsTable, partKey(part.root, part.index)) !== undefined
      }, refusals)
      if (known) return
      yield* insert(core, part, yield* collect(core))
    }).pipe(Effect.scoped)
  )

const refusals = [
  ...writeFailures,
  Errors.DatabaseReadOnly,
  Errors.BadNamespace,
  Errors.WrongMultipartVersion,
  ProofVerificationFailed
] as const

const insert = (core: DatabaseCore, part: Part, collector: PageCollector) =>
  Effect.gen(function* () {
    const { root } = part
    const builder = new NodeBuilder(core.kernel, core.pages, collector)
    const found = collectParts(core, root, collector)
    const importer = new PartImporter(part.entries, root.hash, builder, found, entriesMax)
    while (!(yield* attempt(() => importer.run(stepsPerTurn), refusals))) yield* yieldToEventLoop
    yield* attempt(() => {
      const pages: Array<Change> = []
      for (let id = collector.first; id < collector.next; id++) {
        const record = core.pages.pending.get(id)
        if (record !== undefined) pages.push(putPage(id, record))
      }
      core.write([
        ...pages,
        ...found.changes,
        Records.put(partsTable, partKey(root, part.index), Bytes.empty),
        core.versions.putState({ ...core.state, nextPage: collector.next })
      ])
    }, refusals)
  })

export const done = (core: DatabaseCore, root: Root): ReadonlyArray<number> => {
  const prefix = partKey(root, 0).subarray(0, -4)
  const to = partKey(root, 0xffffffff)
  return Array.from(
    core.store.range(partsTable, { from: Bytes.concat(prefix, new Uint8Array(4)), to }),
    ([key]) => new DataView(key.buffer, key.byteOffset + key.length - 4).getUint32(0)
  )
}

/** What is unresolved below `root`; and otherwise, through `builder`, the tree, with the pages `used` in it. */
const assemble = (core: DatabaseCore, root: Root, builder: NodeBuilder, used: Set<number>) =>
  Effect.gen(function* () {
    yield* attempt(() => checkRunning(core, root.version), [...readFailures, Errors.WrongMultipartVersion])
    const assembler = new Assembler(builder, (hash) => lookUp(core, root, hash, used), root.hash)
    const failures = [...readFailures, ProofVerificationFailed] as const
    while (!(yield* attempt(() => assembler.run(stepsPerTurn), failures))) yield* yieldToEventLoop
    return assembler
  })

const lookUp = (core: DatabaseCore, root: Root, hash: Uint8Array, used: Set<number>): Known => {
  const complete = Records.get(core.store, partsTable, subtreeKey(root, hash))
  if (complete !== undefined) {
    const subtree = decodeComplete(complete)
    used.add(subtree.page)
    return { kind: "complete", ...subtree }
  }
  const spine = Records.get(core.store, partsTable, spineKey(root, hash))
  if (spine === undefined) return undefined
  const node = decodeSpine(spine)
  used.add(slotPage(node))
  return { kind: "spine", node }
}

export const missing = (core: DatabaseCore, root: Root) =>
  core.writing.withPermits(1)(
    Effect.gen(function* () {
      if (root.isEmpty) return Option.none()
      const builder = new NodeBuilder(core.kernel, core.pages, yield* collect(core))
      return Option.fromNullable(asIncomplete(yield* assemble(core, root, builder, new Set())))
    }).pipe(Effect.scoped)
  )

const asIncomplete = ({ missing, missingCount }: Assembler): Errors.MultipartIncomplete | undefined =>
  missingCount === 0 ? undefined : new Errors.MultipartIncomplete({ missing, count: missingCount })

/** Ends the insert: assembles each root and makes the version final, in one durable step. */
export const finalizeMultipart = (
  core: DatabaseCore,
  roots: ReadonlyArray<Root>,
  changes: Iterable<Change>
) =>
  Effect.gen(function* () {
    const version = versionOf(roots)
    const collector = yield* collect(core)
    const builder = new NodeBuilder(core.kernel, core.pages, collector)
    const stored: Array<StoredRoot> = []
    const used = new Set<number>()
    for (const root of roots) {
      const entry = { type: root.type, hash: root.hash, derived: false }
      if (root.isEmpty) {
        stored.push({ ...entry, page: 0, keys: 0 })
        continue
      }
      const assembler = yield* assemble(core, root, builder, used)
      const incomplete = asIncomplete(assembler)
      if (incomplete !== undefined) return yield* incomplete
      stored.push({ ...entry, page: assembler.page || builder.root().page, keys: assembler.keys })
    }
    const unused: Array<number> = []
    const tops = yield* attempt(() => partPages(core).filter((page) => !used.has(page)), writeFailures)
    for (const page of tops) yield* collectPages(core, page, unused)
    yield* attempt(() => {
      const state = core.state
      const kept = { earliest: state.kept?.earliest ?? version, latest: version }
      core.write([
        ...asGarbage(unused),
        ...Array.from(core.pages.pending, ([id, record]) => putPage(id, record)),
        core.versions.putRoots(
          version,
          stored.sort((a, b) => a.type - b.type)
        ),
        core.versions.putState({ ...state, nextPage: collector.next, kept }),
        core.putMultipart({ ...core.multipart()!, status: "finished" }),
        ...changes
      ])
      core.firstLoosePage = collector.next
    }, writeFailures)
  }).pipe(Effect.scoped)

/** A collector whose pages are forgotten, its ids used up, when the scope closes: written by then, or of no use. */
const collect = (core: DatabaseCore) =>
  Effect.acquireRelease(
    Effect.sync(() => new PageCollector(core.pages, core.kernel, core.nextPage)),
    (collector) =>
      Effect.sync(() => {
        for (let id = collector.first; id < collector.next; id++) core.pages.drop(id)
        core.nextPage = collector.next
      })
  )

/** Gives up the insert: from the first write on it is over, the rest only removes what it brought. */
export const abort = (core: DatabaseCore): Effect.Effect<void, Errors.WriteFailure> =>
  core.writing
    .withPermits(1)(
      Effect.gen(function* () {
        const state = yield* attempt(() => current(core), writeFailures)
        if (state === undefined) return
        yield* attempt(() => {
          core.checkWritable("multipart abort")
          // Pages from here on belong to what comes next, perhaps while these are being removed.
          core.write([core.putMultipart({ ...state, status: "aborting", endPage: core.nextPage })])
        }, [...writeFailures, Errors.DatabaseReadOnly])
      })
    )
    .pipe(Effect.zipRight(cleanUp(core)))

/** Removes the records of an insert that has ended, and its pages when it was given up; also after a restart. */
export const cleanUp = (core: DatabaseCore): Effect.Effect<void, Errors.WriteFailure> =>
  Effect.gen(function* () {
    const slice = core.writing.withPermits(1)(attempt(() => cleanUpSlice(core), writeFailures))
    while (yield* slice) yield* yieldToEventLoop
  })

const cleanUpSlice = (core: DatabaseCore): boolean => {
  const state = core.multipart()
  if (state === undefined || state.status === "inserting") return false
  const changes: Array<Change> = []
  for (const [key] of core.store.range(partsTable)) {
    if (changes.push(Records.remove(partsTable, key)) === sliceLength) break
  }
  const { endPage, firstPage, status } = state
  const to = status === "aborting" ? Math.min(firstPage + sliceLength, endPage) : firstPage
  for (let id = firstPage; id < to; id++) {
    changes.push(removePage(id))
    core.pages.drop(id)
  }
  if (changes.length === 0) {
    core.write([core.removeMultipart()])
    return false
  }
  core.write([...changes, core.putMultipart({ ...state, firstPage: to })])
  return true
}

const checkRunning = (core: DatabaseCore, version: bigint): void => {
  const running = current(core)?.version
  if (running !== version) {
    throw new Errors.WrongMultipartVersion({ given: version, running: Option.fromNullable(running) })
  }
}
