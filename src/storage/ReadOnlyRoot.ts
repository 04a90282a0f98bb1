import { Effect, Exit, Scope } from "effect"
import { pagedRoot } from "../mkvs/paged/PagedNode.ts"
import type { Root } from "../mkvs/Root.ts"
import type { TreeNode } from "../mkvs/TreeNode.ts"
import { DatabaseCore } from "./DatabaseCore.ts"
import * as LmdbPageStore from "./LmdbPageStore.ts"

/** One root of a database directory, opened to be walked in a thread of its own. */
export interface ReadOnlyRoot {
  readonly top: TreeNode | undefined
  /** Lets go of the read snapshot, so that a long walk does not keep old pages alive. */
  readonly refresh: () => void
  readonly close: () => Promise<void>
}

/**
 * Opens a finalised root without any service around it. The caller sees to it that the version stays pinned until
 * `close`. Rejects with what opening a database fails with, and `RootNotFound` or `BadNamespace`; walking throws
 * `DatabaseDamaged`.
 */
export const openReadOnlyRoot = async (path: string, root: Root): Promise<ReadOnlyRoot> => {
  const scope = await Effect.runPromise(Scope.make())
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  try {
    const opened = await Effect.runPromise(
      Effect.either(Scope.extend(LmdbPageStore.open({ path, readOnly: true }), scope))
    )
    if (opened._tag === "Left") throw opened.left
    const store = opened.right
    const core = DatabaseCore.open(store, {})
    const { page } = core.find(root)
    return {
      top: page === 0 ? undefined : pagedRoot(core.pages, page),
      refresh: () => store.refresh(),
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}
