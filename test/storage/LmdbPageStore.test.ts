import { Effect } from "effect"
import * as LmdbPageStore from "../../src/storage/LmdbPageStore.ts"
import { pageStoreSuite } from "./PageStoreSuite.ts"
import { temporaryDirectory } from "./temporary.ts"

pageStoreSuite(
  "LMDB",
  Effect.map(temporaryDirectory, (path) => ({ open: (options) => LmdbPageStore.open({ path, ...options }) })),
  { lasting: true }
)
