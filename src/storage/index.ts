/**
 * Versions of a state tree on a medium. A service is exported as its tag, which carries its layers; everything else as
 * the namespace of its module.
 */

export type { MakeOptions, OpenRefused } from "./makeDatabase.ts"
export {
  type Batch,
  type BatchCommit,
  type FinalizeOptions,
  type LmdbOptions,
  type Multipart,
  NodeDatabase,
  type Part,
  type Snapshot
} from "./NodeDatabase.ts"
export * as NodeDatabaseError from "./NodeDatabaseError.ts"
export * as PageStore from "./PageStore.ts"
export * as StoreError from "./StoreError.ts"
