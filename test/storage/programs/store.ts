import { Effect } from "effect"
import * as LmdbPageStore from "../../../src/storage/LmdbPageStore.ts"

console.log(typeof LmdbPageStore.open, Effect.runSync(Effect.succeed(1)))
