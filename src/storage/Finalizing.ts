import type { Root } from "../mkvs/Root.ts"
import type { Candidate, DatabaseCore } from "./DatabaseCore.ts"
import * as Errors from "./NodeDatabaseError.ts"
import type { Change } from "./PageStore.ts"
import { putPage, removePage } from "./StoredPages.ts"
import { checkNamespace, type StoredRoot } from "./Versions.ts"

/** The version all `roots` are of. Dies where there is none, or two of one type: mistakes of the program. */
export const versionOf = (roots: ReadonlyArray<Root>): bigint => {
  const version = roots[0]?.version
  if (version === undefined) throw new Error("finalize needs at least one root")
  if (roots.some((root) => root.version !== version)) throw new Error("finalize takes roots of one version")
  if (new Set(roots.map((root) => root.type)).size !== roots.length) {
    throw new Error("a version has at most one finalised root of each type")
  }
  return version
}

/** Throws where `version` cannot be the next finalised one. */
export const checkNext = (core: DatabaseCore, version: bigint): void => {
  const kept = core.state.kept
  if (kept === undefined) return
  if (version <= kept.latest) throw new Errors.AlreadyFinalized({ version })
  if (version !== kept.latest + 1n) throw new Errors.NotFinalized({ version: version - 1n })
}

/** Makes candidates final, in one durable write together with the caller's `changes`. */
export const finalizeCandidates = (
  core: DatabaseCore,
  roots: ReadonlyArray<Root>,
  changes: Iterable<Change>
): void => {
  const version = versionOf(roots)
  checkNext(core, version)
  const winners = roots.map((root) => winnerOf(core, root))
  const live = new LivePages(winners)
  core.write(finalChanges(core, version, winners, live, changes))
  forgetLoose(core, live)
}

interface Winner {
  readonly stored: StoredRoot
  /** The candidate and what it was made from within the version, newest first. */
  readonly chain: ReadonlyArray<Candidate>
}

const winnerOf = (core: DatabaseCore, root: Root): Winner => {
  checkNamespace(core.namespace, root)
  const chain: Array<Candidate> = []
  for (let step = core.candidate(root); step !== undefined; step = step.parent) chain.push(step)
  const candidate = chain[0]
  if (candidate === undefined && !root.isEmpty) {
    throw new Errors.RootNotFound({ version: root.version, type: root.type, hash: root.hash })
  }
  return {
    stored: {
      type: root.type,
      hash: root.hash,
      page: candidate?.page ?? 0,
      keys: candidate?.keys ?? 0,
      derived: candidate?.derived ?? false
    },
    chain
  }
}

/** Which of the loose pages the finalised roots use. */
class LivePages {
  private readonly gone = new Set<number>()

  constructor(private readonly winners: ReadonlyArray<Winner>) {
    for (const winner of winners)
      for (const step of winner.chain) for (const id of step.gone) this.gone.add(id)
  }

  has(id: number): boolean {
    return (
      !this.gone.has(id) &&
      this.winners.some(({ chain }) => chain.some(({ from, to }) => id >= from && id < to))
    )
  }

  /** Replaced pages are of interest to readers of the past alone: the cache is for the present. */
  forgetReplaced(core: DatabaseCore): void {
    for (const id of this.gone) core.pages.drop(id)
  }

  /** Pages of the version before that this root does not use any more. */
  replaced(winner: Winner, firstLoose: number): ReadonlyArray<number> {
    return winner.chain.flatMap((step) => step.gone.filter((id) => id < firstLoose))
  }
}

function* finalChanges(
  core: DatabaseCore,
  version: bigint,
  winners: ReadonlyArray<Winner>,
  live: LivePages,
  changes: Iterable<Change>
): IterableIterator<Change> {
  const { versions, firstLoosePage, nextPage } = core
  const { pending } = core.pages
  for (const [id, record] of pending) if (live.has(id)) yield putPage(id, record)
  if (core.flushed) {
    for (let id = firstLoosePage; id < nextPage; id++)
      if (!pending.has(id) && !live.has(id)) yield removePage(id)
  }
  const stored = winners.map((winner) => winner.stored).sort((a, b) => a.type - b.type)
  yield versions.putRoots(version, stored)
  for (const winner of winners) {
    if (!winner.stored.derived) continue
    yield versions.putReplaced(version, winner.stored.type, live.replaced(winner, firstLoosePage))
  }
  const { namespace, kept } = core.state
  yield versions.putState({
    namespace,
    nextPage,
    kept: { earliest: kept?.earliest ?? version, latest: version }
  })
  yield* changes
}

/** Nothing is loose any more: what the roots use is theirs, the rest is forgotten. */
const forgetLoose = (core: DatabaseCore, live: LivePages): void => {
  for (const id of [...core.pages.pending.keys()]) {
    if (!live.has(id)) core.pages.drop(id)
  }
  core.pages.stored()
  live.forgetReplaced(core)
  core.candidates.length = 0
  core.firstLoosePage = core.nextPage
  core.flushed = false
}
