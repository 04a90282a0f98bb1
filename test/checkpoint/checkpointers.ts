import { Context, Effect, Layer, Option, Queue, Ref, Stream } from "effect"
import { CheckpointCreator } from "../../src/checkpoint/CheckpointCreator.ts"
import { CheckpointNotFound, type CheckpointStorageFailed } from "../../src/checkpoint/CheckpointError.ts"
import { Checkpointer } from "../../src/checkpoint/Checkpointer.ts"
import type { CheckpointerConfig } from "../../src/checkpoint/CheckpointerConfig.ts"
import type { CheckpointerEvent } from "../../src/checkpoint/Checkpointing.ts"
import { CheckpointVersions } from "../../src/checkpoint/CheckpointVersions.ts"
import { Metadata } from "../../src/checkpoint/Metadata.ts"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { Root } from "../../src/mkvs/Root.ts"
import { VersionNotFound } from "../../src/storage/NodeDatabaseError.ts"
import { hashText } from "../mkvs/hasher.ts"
import { namespace } from "./support.ts"

/** A world in which versions are numbers and checkpoints are names: what a checkpointer decides can be seen in it. */
export interface World {
  readonly earliest: bigint
  readonly latest: bigint
  readonly types: ReadonlyArray<1 | 2>
  /** Checkpoints that exist, as `version/type`. */
  readonly made: ReadonlySet<string>
  readonly pinned: ReadonlyArray<bigint>
  /** Runs when a checkpoint is asked for, before it is made. */
  readonly creating: (root: Root) => Effect.Effect<void, CheckpointStorageFailed>
}

export const initialWorld: World = {
  earliest: 0n,
  latest: 1_000n,
  types: [1],
  made: new Set(),
  pinned: [],
  creating: () => Effect.void
}

export const rootAt = (version: bigint, type: 1 | 2 = 1): Root =>
  new Root({ namespace, version, type, hash: hashText(`${version}/${type}`) })

const nameOf = (root: Root) => `${root.version}/${root.type}`

const metadataOf = (root: Root) => new Metadata({ version: 1, root, chunks: [root.hash] })

const creatorIn = (world: Ref.Ref<World>): CheckpointCreator.Service => ({
  create: (root) =>
    Effect.gen(function* () {
      yield* (yield* world).creating(root)
      yield* Ref.update(world, (now) => ({ ...now, made: new Set([...now.made, nameOf(root)]) }))
      return metadataOf(root)
    }),
  get: (_, root) =>
    Effect.flatMap(world, (now) =>
      now.made.has(nameOf(root))
        ? Effect.succeed(metadataOf(root))
        : new CheckpointNotFound({ what: toHex(root.hash) })
    ),
  delete: (_, root) =>
    Effect.flatMap(
      Ref.modify(world, (now) => {
        const made = new Set(now.made)
        return [made.delete(nameOf(root)), { ...now, made }]
      }),
      (existed) => (existed ? Effect.void : new CheckpointNotFound({ what: toHex(root.hash) }))
    ),
  list: () =>
    Effect.map(world, (now) =>
      [...now.made].map((name) => {
        const [version, type] = name.split("/")
        return metadataOf(rootAt(BigInt(version!), type === "1" ? 1 : 2))
      })
    ),
  getChunk: () => Stream.empty
})

const versionsIn = (world: Ref.Ref<World>): CheckpointVersions.Service => {
  const kept = <A>(version: bigint, then: (now: World) => A) =>
    Effect.flatMap(world, (now) =>
      version < now.earliest || version > now.latest
        ? new VersionNotFound({
            version,
            earliest: Option.some(now.earliest),
            latest: Option.some(now.latest)
          })
        : Effect.succeed(then(now))
    )
  return {
    latest: Effect.map(world, (now) => Option.some(now.latest)),
    earliest: Effect.map(world, (now) => Option.some(now.earliest)),
    rootsForVersion: (version) => kept(version, (now) => now.types.map((type) => rootAt(version, type))),
    pin: (version) =>
      Effect.acquireRelease(
        Effect.zipRight(
          kept(version, () => {}),
          Ref.update(world, (now) => ({ ...now, pinned: [...now.pinned, version] }))
        ),
        () =>
          Ref.update(world, (now) => ({ ...now, pinned: now.pinned.filter((other) => other !== version) }))
      )
  }
}

export const worldLayer = (world: Ref.Ref<World>): Layer.Layer<CheckpointCreator | CheckpointVersions> =>
  Layer.mergeAll(
    Layer.succeed(CheckpointCreator, creatorIn(world)),
    Layer.succeed(CheckpointVersions, versionsIn(world))
  )

/** A checkpointer in a world, its events from the beginning, and the words for what is expected of them. */
export const checkpointerIn = (world: Partial<World>, config: Partial<CheckpointerConfig> = {}) =>
  Effect.gen(function* () {
    const ref = yield* Ref.make({ ...initialWorld, ...world })
    const full: CheckpointerConfig = {
      name: "test",
      namespace,
      checkInterval: "1 minute",
      rootsPerVersion: 1,
      ...(config.getParameters === undefined
        ? { parameters: { interval: 10n, numKept: 2, chunkSize: 100 } }
        : {}),
      ...config
    }
    const context = yield* Layer.build(Layer.provide(Checkpointer.layer(full), worldLayer(ref)))
    const checkpointer = Context.get(context, Checkpointer)
    const events = yield* checkpointer.subscribe
    /** The next `count` events, in words. */
    const next = (count: number) =>
      Effect.map(Effect.all(Array.from({ length: count }, () => Queue.take(events))), (taken) =>
        taken.map(inWords)
      )
    /** Nothing has happened so far: the next thing that does is what is forced now. */
    const quiet = Effect.gen(function* () {
      const version = 999n
      yield* checkpointer.forceCheckpoint(version)
      const seen = yield* next(2)
      yield* Ref.update(ref, (now) => ({
        ...now,
        made: new Set([...now.made].filter((name) => name !== "999/1"))
      }))
      return seen.join() === "creating 999,created 999"
    })
    const made = Effect.map(ref, (now) => [...now.made].sort())
    return { checkpointer, world: ref, next, quiet, made }
  })

const inWords = (event: CheckpointerEvent): string => {
  switch (event._tag) {
    case "Creating":
      return `creating ${event.version}`
    case "Created":
      return `created ${event.version}`
    case "Removed":
      return `removed ${event.version}`
    case "Failed":
      return `failed ${event.version}: ${event.cause.toString()}`
  }
}
