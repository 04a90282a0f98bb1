import { Effect, Schema } from "effect"
import * as Bytes from "../../mkvs/Bytes.ts"
import { rootType } from "../../mkvs/Root.ts"
import { NodeDatabase } from "../../storage/NodeDatabase.ts"
import type { DatabaseDamaged } from "../../storage/NodeDatabaseError.ts"
import * as DataDirectory from "../DataDirectory.ts"
import * as Output from "../Output.ts"
import { count } from "../Progress.ts"
import type { Place } from "./read.ts"

/** The version is not what its hashes say. The lines before name the damaged records. */
export class StateDamaged extends Schema.TaggedError<StateDamaged>()("StateDamaged", {
  directory: Schema.String,
  version: Schema.BigIntFromSelf,
  records: Schema.Number
}) {
  override get message() {
    const records = this.records === 1 ? "1 record" : `${count(this.records)} records`
    return `${this.directory}: ${records} of version ${this.version} damaged: restore it from a checkpoint or a dump`
  }
}

/** Checks every root of the version; one line for each damaged page, then one for each root. */
export const verify = ({ dataDir, at, json }: Place) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const { version } = yield* DataDirectory.pinnedRoot(database, at)
    let records = 0
    for (const root of yield* database.rootsForVersion(version)) {
      const damages: Array<DatabaseDamaged> = []
      const { pages, keys } = yield* database.verify(root, (damage) => damages.push(damage))
      yield* Output.results(json, damages.map(damageResult))
      const ok = damages.length === 0
      const hash = Bytes.toHex(root.hash)
      const kind = root.type === rootType.state ? "state" : "io"
      yield* Output.result(json, {
        json: () => ({ version, type: kind, root: hash, pages, keys, damaged: damages.length, ok }),
        human: () =>
          `version ${version}  ${kind} root ${hash}  ${count(keys)} keys in ${count(pages)} pages  ${ok ? "ok" : "DAMAGED"}`
      })
      records += damages.length
    }
    if (records > 0) return yield* new StateDamaged({ directory: dataDir, version, records })
  }).pipe(Effect.scoped, Effect.provide(DataDirectory.examining(dataDir)))

const damageResult = ({ record, reason }: DatabaseDamaged): Output.Result => ({
  json: () => ({ record, reason, ok: false }),
  human: () => `${record}: ${reason}`
})
