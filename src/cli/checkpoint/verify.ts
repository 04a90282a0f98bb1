import { Effect, Either, Option, Schema } from "effect"
import type * as Directory from "../../checkpoint/CheckpointDirectory.ts"
import * as CheckpointVerifier from "../../checkpoint/CheckpointVerifier.ts"
import * as ErrorJson from "../ErrorJson.ts"
import * as Output from "../Output.ts"
import * as Progress from "../Progress.ts"
import * as Places from "./places.ts"
import { toJson, toLine } from "./result.ts"

export interface VerifyOptions {
  readonly directory: string
  readonly root: Option.Option<Uint8Array>
  readonly json: boolean
}

/** Some of the checkpoints cannot be used. The lines before say why. */
export class CheckpointsBad extends Schema.TaggedError<CheckpointsBad>()("CheckpointsBad", {
  directory: Schema.String,
  bad: Schema.Number,
  total: Schema.Number
}) {
  override get message() {
    return `${this.directory}: ${this.bad} of ${this.total} checkpoints cannot be used, the results say why`
  }
}

/** One line for each checkpoint; fails when one is bad, or none is there. */
export const verify = ({ directory, json, root }: VerifyOptions) =>
  Effect.gen(function* () {
    const places = yield* Places.all(directory)
    let bad = 0
    for (const place of places) {
      const verified = yield* verifyOne(place, root)
      if (Either.isLeft(verified)) bad++
      const metadata = Either.isRight(verified)
        ? Option.some(verified.right.metadata)
        : yield* Effect.option(Places.read(place))
      yield* Output.result(json, result(place, metadata, verified))
    }
    if (bad > 0) return yield* new CheckpointsBad({ directory, bad, total: places.length })
  })

const verifyOne = (place: Directory.Place, root: Option.Option<Uint8Array>) =>
  Effect.gen(function* () {
    const progress = yield* Progress.make(`verifying ${Places.pathOf(place)}`, "chunks")
    return yield* CheckpointVerifier.verify(place, {
      rootHash: Option.getOrUndefined(root),
      onChunk: (index, chunks) => progress.report(index + 1, chunks)
    })
  }).pipe(Effect.scoped, Effect.either)

const result = (
  place: Directory.Place,
  metadata: Option.Option<CheckpointVerifier.VerifiedCheckpoint["metadata"]>,
  verified: Either.Either<CheckpointVerifier.VerifiedCheckpoint, CheckpointVerifier.VerifyError>
): Output.Result => ({
  json: () => ({
    ...(Option.isSome(metadata) ? toJson(metadata.value) : {}),
    ...(Either.isRight(verified)
      ? { keys: verified.right.keys, ok: true }
      : { ok: false, error: ErrorJson.of(verified.left) })
  }),
  human: () => {
    const line = Option.isSome(metadata) ? toLine(metadata.value) : Places.pathOf(place)
    return Either.isRight(verified)
      ? `${line}  ${Progress.count(verified.right.keys)} keys  ok`
      : `${line}  BAD: ${verified.left.message}`
  }
})
