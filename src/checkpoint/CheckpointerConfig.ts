import { type Duration, Effect, Schema } from "effect"
import type { Root } from "../mkvs/Root.ts"

export interface CheckpointerConfig {
  /** Stands in the log. */
  readonly name: string
  readonly namespace: Uint8Array
  /**
   * Time between two checks, ± 10 % by chance, so that nodes that started together do not all work at once. Infinite:
   * checks only on `flush`.
   */
  readonly checkInterval: Duration.DurationInput
  /** Roots that each version has; any other number is an error. */
  readonly rootsPerVersion: number
  /** Exactly one of `parameters` and `getParameters`; the latter is asked before each check. */
  readonly parameters?: CreationParameters | undefined
  readonly getParameters?: Effect.Effect<CreationParameters, unknown> | undefined
  /** Which roots of a version to make checkpoints of. Default: its finalised ones. */
  readonly getRoots?: ((version: bigint) => Effect.Effect<ReadonlyArray<Root>, unknown>) | undefined
}

export interface CreationParameters {
  /** Versions between two checkpoints; 0: none but forced ones. More often costs more work and disk. */
  readonly interval: bigint
  /** Versions whose checkpoints are kept, at least 1; the one at `initialVersion` is kept besides. */
  readonly numKept: number
  /** Smaller chunks: more of them, each with its path to the root; larger ones: more memory to restore. */
  readonly chunkSize: number
  /** The first version to make a checkpoint of, from which `interval` counts. Default 0. */
  readonly initialVersion?: bigint | undefined
  /** Parts that are chunked at the same time (`ChunkerOptions`). Default 0: sequential. */
  readonly threads?: number | undefined
}

/** With every default filled in, and every value in its range. */
export interface CheckedParameters extends CreationParameters {
  readonly initialVersion: bigint
  readonly threads: number
}

/** The checkpointer cannot work with this configuration. */
export class InvalidCheckpointerConfig extends Schema.TaggedError<InvalidCheckpointerConfig>()(
  "InvalidCheckpointerConfig",
  { name: Schema.String, reason: Schema.String }
) {
  override get message() {
    return `checkpointer ${this.name}: ${this.reason}`
  }
}

/** How to get the parameters of a check; those given are checked here, those asked for each time. */
export const parametersOf = (
  config: CheckpointerConfig
): Effect.Effect<Effect.Effect<CheckedParameters, unknown>, InvalidCheckpointerConfig> => {
  const { name, rootsPerVersion, parameters, getParameters } = config
  const refused = (reason: string) => new InvalidCheckpointerConfig({ name, reason })
  if (!(Number.isInteger(rootsPerVersion) && rootsPerVersion > 0)) {
    return refused(`rootsPerVersion ${rootsPerVersion} is not 1 or more`)
  }
  if (parameters !== undefined && getParameters !== undefined) {
    return refused("parameters and getParameters are both given: give one of them")
  }
  if (parameters !== undefined) return Effect.map(checked(name, parameters), Effect.succeed)
  if (getParameters !== undefined) {
    return Effect.succeed(Effect.flatMap(getParameters, (parameters) => checked(name, parameters)))
  }
  return refused("neither parameters nor getParameters are given: give one of them")
}

const checked = (
  name: string,
  parameters: CreationParameters
): Effect.Effect<CheckedParameters, InvalidCheckpointerConfig> => {
  const { interval, numKept, chunkSize, initialVersion = 0n, threads = 0 } = parameters
  const refused = (reason: string) => new InvalidCheckpointerConfig({ name, reason })
  if (interval < 0n) return refused(`interval ${interval} is not 0 or more`)
  if (!(Number.isInteger(numKept) && numKept >= 1)) return refused(`numKept ${numKept} is not 1 or more`)
  if (!(chunkSize >= 0)) return refused(`chunkSize ${chunkSize} is not 0 or more`)
  if (initialVersion < 0n) return refused(`initialVersion ${initialVersion} is not 0 or more`)
  if (!(Number.isInteger(threads) && threads >= 0 && threads <= 0xffff)) {
    return refused(`threads ${threads} is not 0 … 65535`)
  }
  return Effect.succeed({ interval, numKept, chunkSize, initialVersion, threads })
}
