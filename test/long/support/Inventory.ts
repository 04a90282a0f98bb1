import { pageReferences } from "../../../src/mkvs/paged/PageWalk.ts"
import { DatabaseCore } from "../../../src/storage/DatabaseCore.ts"
import { partPages, partsTable } from "../../../src/storage/MultipartParts.ts"
import type { PageStore } from "../../../src/storage/PageStore.ts"
import { pageId, pagesTable } from "../../../src/storage/StoredPages.ts"

/** What lies on a medium, against what there is reason for. */
export interface Inventory {
  /** Records of table `pages`. */
  readonly pages: number
  /** Ids of pages on the medium that no kept root and no multipart insert leads to. */
  readonly leaked: ReadonlyArray<number>
  /** Ids of pages that are referred to and not there. */
  readonly lacking: ReadonlyArray<number>
  /** Versions with a record, and those whose successor's list of replaced pages is kept. */
  readonly versions: ReadonlyArray<bigint>
  readonly replaced: ReadonlyArray<bigint>
  /** Records that only work in progress has. */
  readonly garbage: number
  readonly parts: number
  readonly multipart: string | undefined
}

/** Counts everything. The store may be read-only; nobody writes to it meanwhile. */
export const takeInventory = (store: PageStore): Inventory => {
  const core = DatabaseCore.open(store, {})
  const onMedium = new Set(keys(store, pagesTable).map(pageId))
  const reachable = reachablePages(core, onMedium)
  const kept = core.state.kept
  return {
    pages: onMedium.size,
    leaked: [...onMedium].filter((id) => !reachable.has(id)),
    lacking: [...reachable].filter((id) => !onMedium.has(id)),
    versions: keys(store, "versions").map(versionOf),
    replaced: kept === undefined ? [] : keys(store, "replaced").map(versionOf),
    garbage: keys(store, "garbage").length,
    parts: keys(store, partsTable).length,
    multipart: core.multipart()?.status
  }
}

const keys = (store: PageStore, table: string): ReadonlyArray<Uint8Array> =>
  Array.from(store.range(table), ([key]) => key)

const versionOf = (key: Uint8Array): bigint => new DataView(key.buffer, key.byteOffset).getBigUint64(0)

/** Below all kept roots, and below the subtrees of an insert in progress. */
const reachablePages = (core: DatabaseCore, onMedium: ReadonlySet<number>): ReadonlySet<number> => {
  const stack = [...tops(core)].filter((id) => id !== 0)
  const reached = new Set<number>()
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (reached.has(id)) continue
    reached.add(id)
    if (!onMedium.has(id)) continue
    for (const reference of pageReferences(core.pages.view(id))) stack.push(reference.id)
  }
  return reached
}

function* tops(core: DatabaseCore): IterableIterator<number> {
  const { kept } = core.state
  if (kept !== undefined) {
    for (let version = kept.earliest; version <= kept.latest; version++) {
      for (const root of core.versions.roots(version)) yield root.page
    }
  }
  if (core.multipart()?.status !== "inserting") return
  yield* partPages(core)
}
