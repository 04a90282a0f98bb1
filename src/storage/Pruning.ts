import { Clock, Effect } from "effect"
import { pageReferences } from "../mkvs/paged/PageWalk.ts"
import { attempt, writeFailures } from "./attempt.ts"
import { type DatabaseCore, sliceLength } from "./DatabaseCore.ts"
import type { NodeDatabase } from "./NodeDatabase.ts"
import * as Errors from "./NodeDatabaseError.ts"
import type { Change } from "./PageStore.ts"
import type { Pins } from "./Pins.ts"
import * as Records from "./Records.ts"
import { removePage } from "./StoredPages.ts"
import { decodeIds, encodeIds, type StoredRoot } from "./Versions.ts"
import { yieldToEventLoop } from "./yieldToEventLoop.ts"

const garbageTable = "garbage"

/**
 * Removes the earliest version. One root of a type follows another in a chain, so what only this version needs is: the
 * pages its successor's root lists as replaced; or, where no root was made from this one, all its pages.
 */
export const prune = (
  core: DatabaseCore,
  pins: Pins,
  version: bigint
): Effect.Effect<void, NodeDatabase.PruneRefused | Errors.WriteFailure> =>
  core.writing
    .withPermits(1)(pruneVersion(core, pins, version))
    .pipe(Effect.zipRight(removeGarbage(core)))

const pruneVersion = (core: DatabaseCore, pins: Pins, version: bigint) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const roots = yield* attempt(() => {
      checkPrunable(core, pins, version, now)
      return core.versions.roots(version)
    }, refusals)
    const ids: Array<number> = []
    for (const root of roots) {
      const replaced = yield* attempt(() => replacedBySuccessor(core, version, root), writeFailures)
      if (replaced === undefined) yield* collectPages(core, root.page, ids)
      else for (const id of replaced) ids.push(id)
    }
    yield* attempt(() => {
      core.write(pruneChanges(core, pins, version, ids, now), { guard: () => pins.check(version, now) })
    }, refusals)
    for (const id of ids) core.pages.drop(id)
  })

const refusals = [
  ...writeFailures,
  Errors.DatabaseReadOnly,
  Errors.NotFinalized,
  Errors.NotEarliest,
  Errors.CannotPruneLatest,
  Errors.VersionPinned,
  Errors.MultipartInProgress
] as const

const checkPrunable = (core: DatabaseCore, pins: Pins, version: bigint, now: number): void => {
  core.checkWritable("prune")
  core.checkNoMultipart()
  const kept = core.state.kept
  if (kept === undefined || version > kept.latest) throw new Errors.NotFinalized({ version })
  if (version !== kept.earliest) throw new Errors.NotEarliest({ version, earliest: kept.earliest })
  if (version === kept.latest) throw new Errors.CannotPruneLatest({ version })
  pins.check(version, now)
}

/** What the next version's root of this type replaced; `undefined` where it was not made from `root`. */
const replacedBySuccessor = (core: DatabaseCore, version: bigint, root: StoredRoot) =>
  core.versions.roots(version + 1n).some((next) => next.type === root.type && next.derived)
    ? core.versions.replaced(version + 1n, root.type)
    : undefined

/** Adds all pages from `root` downwards to `ids`. */
export const collectPages = (
  core: DatabaseCore,
  root: number,
  ids: Array<number>
): Effect.Effect<void, Errors.WriteFailure> =>
  Effect.gen(function* () {
    const stack = root === 0 ? [] : [root]
    while (stack.length > 0) {
      yield* attempt(() => {
        for (let turn = 0; turn < sliceLength && stack.length > 0; turn++) {
          const id = stack.pop()!
          ids.push(id)
          for (const reference of pageReferences(core.pages.view(id))) stack.push(reference.id)
        }
      }, writeFailures)
      yield* yieldToEventLoop
    }
  })

/**
 * The version goes in one step. A few pages go with it; many are noted as garbage in the same step and deleted in
 * slices afterwards, so that blocks need not wait.
 */
function* pruneChanges(
  core: DatabaseCore,
  pins: Pins,
  version: bigint,
  ids: ReadonlyArray<number>,
  now: number
): IterableIterator<Change> {
  const { versions } = core
  if (ids.length <= sliceLength) for (const id of ids) yield removePage(id)
  else yield* asGarbage(ids)
  for (const root of versions.roots(version + 1n))
    if (root.derived) yield versions.removeReplaced(version + 1n, root.type)
  yield versions.removeRoots(version)
  const state = core.state
  yield versions.putState({ ...state, kept: { earliest: version + 1n, latest: state.kept!.latest } })
  yield* pins.expired(now)
}

/** Notes pages that nothing leads to any more, for `removeGarbage`. */
export function* asGarbage(ids: ReadonlyArray<number>): IterableIterator<Change> {
  for (let from = 0; from < ids.length; from += sliceLength) {
    const slice = ids.slice(from, from + sliceLength)
    yield Records.put(garbageTable, Records.u64Key(BigInt(slice[0]!)), encodeIds(slice))
  }
}

/** Deletes what is noted as garbage, also by an earlier process. */
export const removeGarbage = (core: DatabaseCore): Effect.Effect<void, Errors.WriteFailure> =>
  Effect.gen(function* () {
    const slice = core.writing.withPermits(1)(attempt(() => removeGarbageSlice(core), writeFailures))
    while (yield* slice) yield* yieldToEventLoop
  })

const removeGarbageSlice = (core: DatabaseCore): boolean => {
  for (const [key, value] of Records.range(core.store, garbageTable)) {
    const ids = decodeIds(value, "garbage")
    core.write([...ids.map(removePage), Records.remove(garbageTable, key)])
    for (const id of ids) core.pages.drop(id)
    return true
  }
  return false
}
