import { Cause, Data, Effect, Exit, Option, Schema } from "effect"
import type { Root } from "../mkvs/Root.ts"
import { CheckpointCreator } from "./CheckpointCreator.ts"
import {
  type CheckedParameters,
  type CheckpointerConfig,
  type InvalidCheckpointerConfig,
  parametersOf
} from "./CheckpointerConfig.ts"
import { dueVersions, versionsToMake, versionsToRemove } from "./CheckpointSchedule.ts"
import { CheckpointVersions } from "./CheckpointVersions.ts"
import { formatVersion, GetCheckpointsRequest, type Metadata } from "./Metadata.ts"

/** What a checkpointer does, in the order in which it does it. */
export type CheckpointerEvent = Data.TaggedEnum<{
  /** Checkpoints of the version are about to be made. */
  Creating: { readonly version: bigint }
  /** All roots of the version have checkpoints; `checkpoints` are those that were made now. */
  Created: { readonly version: bigint; readonly checkpoints: ReadonlyArray<Metadata> }
  /** The version's checkpoints were removed, because enough newer ones are there. */
  Removed: { readonly version: bigint }
  /** Nothing of this attempt is left; the service goes on. `version`: the one to be made, or notified. */
  Failed: { readonly version: bigint; readonly cause: Cause.Cause<unknown> }
}>
export const CheckpointerEvent = Data.taggedEnum<CheckpointerEvent>()

/** The version has another number of roots than the checkpointer was configured for. */
export class UnexpectedRoots extends Schema.TaggedError<UnexpectedRoots>()("UnexpectedRoots", {
  version: Schema.BigInt,
  expected: Schema.Number,
  actual: Schema.Number
}) {
  override get message() {
    return `version ${this.version} has ${this.actual} roots, not ${this.expected}: check rootsPerVersion and getRoots`
  }
}

/** The work of a checkpointer; when to do it is decided elsewhere. What fails becomes a `Failed` event. */
export interface Checkpointing {
  /** Makes the version's checkpoints where they are missing. */
  readonly force: (version: bigint) => Effect.Effect<void>
  /** Makes what is due now that `version` is the newest, and removes what is too old. */
  readonly check: (version: bigint) => Effect.Effect<void>
}

export const make = (
  config: CheckpointerConfig,
  emit: (event: CheckpointerEvent) => Effect.Effect<void>
): Effect.Effect<Checkpointing, InvalidCheckpointerConfig, CheckpointCreator | CheckpointVersions> =>
  Effect.gen(function* () {
    const creator = yield* CheckpointCreator
    const versions = yield* CheckpointVersions
    const parameters = yield* parametersOf(config)
    const makeVersion = versionMaker(config, creator, versions, emit)

    /** `None` when it worked. */
    const reporting = (
      version: bigint,
      effect: Effect.Effect<void, unknown>
    ): Effect.Effect<Option.Option<Cause.Cause<unknown>>> =>
      effect.pipe(
        Effect.as(Option.none<Cause.Cause<unknown>>()),
        Effect.catchAllCause((cause) =>
          Cause.isInterrupted(cause)
            ? Effect.interrupt
            : Effect.logError(`checkpoint of version ${version} failed`, cause).pipe(
                Effect.zipRight(emit(CheckpointerEvent.Failed({ version, cause }))),
                Effect.as(Option.some(cause))
              )
        )
      )

    const present = Effect.map(
      creator.list(new GetCheckpointsRequest({ version: formatVersion, namespace: config.namespace })),
      byVersion
    )

    const makeDue = (parameters: CheckedParameters, version: bigint, earliest: bigint) =>
      Effect.gen(function* () {
        const found = yield* present
        const complete = [...found].filter(([, roots]) => roots.length >= config.rootsPerVersion)
        const due = dueVersions(parameters, version, earliest)
        const toMake = versionsToMake(
          parameters,
          due,
          new Set(found.keys()),
          new Set(complete.map(([at]) => at))
        )
        for (const at of toMake) {
          const failure = yield* reporting(at, makeVersion(at, parameters))
          // a full disk, say, will not take the others either
          if (Option.isSome(failure) && isStorageFailure(failure.value)) return
        }
      })

    const removeOld = (parameters: CheckedParameters) =>
      Effect.gen(function* () {
        const found = yield* present
        for (const version of versionsToRemove(parameters, new Set(found.keys()))) {
          for (const root of found.get(version) ?? []) {
            yield* Effect.catchTag(
              creator.delete(formatVersion, root),
              "CheckpointNotFound",
              () => Effect.void
            )
          }
          yield* emit(CheckpointerEvent.Removed({ version }))
        }
      })

    const check = (version: bigint) =>
      Effect.gen(function* () {
        const current = yield* parameters
        const earliest = yield* versions.earliest
        if (current.interval === 0n || Option.isNone(earliest)) return
        yield* makeDue(current, version, earliest.value)
        yield* removeOld(current)
      })
    const force = (version: bigint) => Effect.flatMap(parameters, (current) => makeVersion(version, current))

    return {
      check: (version) => Effect.asVoid(reporting(version, check(version))),
      force: (version) => Effect.asVoid(reporting(version, force(version)))
    }
  })

/** Makes all checkpoints of a version, or leaves as many as there were. The version is not pruned meanwhile. */
const versionMaker =
  (
    config: CheckpointerConfig,
    creator: CheckpointCreator.Service,
    versions: CheckpointVersions.Service,
    emit: (event: CheckpointerEvent) => Effect.Effect<void>
  ) =>
  (version: bigint, { chunkSize, threads }: CheckedParameters): Effect.Effect<void, unknown> => {
    const rootsOf = config.getRoots ?? versions.rootsForVersion
    const makeMissing = Effect.gen(function* () {
      yield* versions.pin(version)
      const roots = yield* rootsOf(version)
      if (roots.length !== config.rootsPerVersion) {
        return yield* new UnexpectedRoots({
          version,
          expected: config.rootsPerVersion,
          actual: roots.length
        })
      }
      const missing = yield* Effect.filter(roots, (root) => isMissing(creator, root))
      if (missing.length > 0) yield* emit(CheckpointerEvent.Creating({ version }))
      return yield* Effect.forEach(missing, (root) => creator.create(root, chunkSize, threads)).pipe(
        Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : takeBack(creator, missing)))
      )
    }).pipe(Effect.scoped)
    return Effect.flatMap(makeMissing, (checkpoints) =>
      checkpoints.length > 0 ? emit(CheckpointerEvent.Created({ version, checkpoints })) : Effect.void
    )
  }

/** A damaged checkpoint is removed, and is missing then. */
const isMissing = (creator: CheckpointCreator.Service, root: Root) =>
  creator.get(formatVersion, root).pipe(
    Effect.as(false),
    Effect.catchTags({
      CheckpointNotFound: () => Effect.succeed(true),
      InvalidMetadata: (error) =>
        Effect.logWarning("a damaged checkpoint is made anew", error).pipe(
          Effect.zipRight(creator.delete(formatVersion, root)),
          Effect.as(true)
        )
    })
  )

/** Those of the roots that have been made by now. */
const takeBack = (creator: CheckpointCreator.Service, roots: ReadonlyArray<Root>): Effect.Effect<void> =>
  Effect.forEach(
    roots,
    (root) =>
      creator.delete(formatVersion, root).pipe(
        Effect.catchTag("CheckpointNotFound", () => Effect.void),
        Effect.catchAll((error) =>
          Effect.logError("a checkpoint of an incomplete version could not be removed", error)
        )
      ),
    { discard: true }
  )

const byVersion = (checkpoints: ReadonlyArray<Metadata>): ReadonlyMap<bigint, ReadonlyArray<Root>> => {
  const roots = new Map<bigint, Array<Root>>()
  for (const { root } of checkpoints) {
    const others = roots.get(root.version)
    if (others === undefined) roots.set(root.version, [root])
    else others.push(root)
  }
  return roots
}

const isStorageFailure = (cause: Cause.Cause<unknown>): boolean =>
  Option.exists(
    Cause.failureOption(cause),
    (error) =>
      typeof error === "object" &&
      error !== null &&
      "_tag" in error &&
      error._tag === "CheckpointStorageFailed"
  )
