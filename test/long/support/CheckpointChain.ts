import { Effect } from "effect"
import type { CheckpointCreator } from "../../../src/checkpoint/CheckpointCreator.ts"
import { GetCheckpointsRequest, type Metadata } from "../../../src/checkpoint/Metadata.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"
import { makeCreator } from "./Checkpoints.ts"
import { advance, type Profile, planOf } from "./History.ts"

/** Checkpoints of the versions of a history, one after the other, made from a database in memory. */
export const makeChain = (profile: Profile, directory: string, chunkBytes: number) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const creator = yield* makeCreator(database, directory, undefined)
    let last = 0n
    /** Makes those up to `version`. */
    const extendTo = (version: bigint) =>
      Effect.gen(function* () {
        while (last < version) {
          last++
          yield* advance(database, planOf(profile, last), last)
          for (const root of yield* database.rootsForVersion(last)) yield* creator.create(root, chunkBytes, 2)
          if (last > 1n) yield* database.prune(last - 1n)
        }
      })
    /** Removes those before `version`. */
    const forget = (version: bigint) =>
      Effect.gen(function* () {
        const request = new GetCheckpointsRequest({ version: 1, namespace: database.namespace })
        for (const { root } of yield* creator.list(request)) {
          if (root.version < version) yield* creator.delete(1, root)
        }
      })
    return {
      extendTo,
      forget,
      metadata: (version: bigint) => metadataOf(creator, database.namespace, version)
    }
  })

/** The checkpoints of a version, state before io. */
export const metadataOf = (
  provider: Pick<CheckpointCreator.Service, "list">,
  namespace: Uint8Array,
  version: bigint
) =>
  Effect.map(
    provider.list(new GetCheckpointsRequest({ version: 1, namespace, rootVersion: version })),
    (found) => [...found].sort((a: Metadata, b: Metadata) => a.root.type - b.root.type)
  )
