/** Versions of a state tree on a medium. */

export * as NodeDatabase from "./NodeDatabase.ts"
export * as NodeDatabaseError from "./NodeDatabaseError.ts"
export * as PageStore from "./PageStore.ts"
export * as StoreError from "./StoreError.ts"
