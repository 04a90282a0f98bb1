import * as ValidationError from "@effect/cli/ValidationError"
import { Cause, Effect, Option, Predicate } from "effect"
import { textOf } from "./CommandTree.ts"
import { harmless } from "./Encoding.ts"
import * as Stderr from "./Stderr.ts"

/** What the program ends with. `--help` tells users the same. */
export const exitCode = {
  done: 0,
  /** An expected failure: a line on stderr says which. */
  failed: 1,
  /** The command line was not understood; nothing was done. */
  usage: 2,
  /** A mistake in the program. */
  defect: 70,
  /** SIGINT; `start` ends with 0. */
  interrupted: 130,
  /** As if SIGPIPE had ended it: whoever read stdout has gone. */
  outputClosed: 141,
  /** SIGTERM; `start` ends with 0. */
  terminated: 143
} as const

export interface ReportOptions {
  /** Stack traces too. */
  readonly debug: boolean
  /** The directory that the command was given: errors that name no place are about it. */
  readonly dataDir: string | undefined
  /** Words of the command, for the way to its help. */
  readonly path: ReadonlyArray<string>
}

/**
 * The program's exit code. Every failure becomes one line on stderr that says what, where, and what to do; stack traces
 * only for `debug`. Interruption stays what it is.
 */
export const report =
  (options: ReportOptions) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, never, R> =>
    effect.pipe(
      Effect.as<number>(exitCode.done),
      Effect.catchAllCause((cause) => {
        if (Cause.isInterruptedOnly(cause)) return Effect.interrupt
        return Effect.sync(() => {
          const error = Option.getOrUndefined(Cause.failureOption(cause))
          const code = codeOf(error)
          if (code === exitCode.outputClosed) return code
          Stderr.line(`cairn: ${error === undefined ? defectLine(cause) : failureLine(error, options)}`)
          if (options.debug && code !== exitCode.usage) {
            Stderr.line(Cause.pretty(cause, { renderErrorCause: true }))
          }
          return code
        })
      })
    )

const codeOf = (error: unknown): number => {
  if (error === undefined) return exitCode.defect
  if (ValidationError.isValidationError(error) || Predicate.isTagged(error, "UsageError"))
    return exitCode.usage
  return Predicate.isTagged(error, "OutputClosed") ? exitCode.outputClosed : exitCode.failed
}

const defectLine = (cause: Cause.Cause<unknown>): string =>
  `internal error: ${describe(Cause.squash(cause))}; --log-level debug shows where, please report it`

const failureLine = (error: unknown, { dataDir, path }: ReportOptions): string => {
  if (ValidationError.isValidationError(error)) {
    const reasons = textOf(error.error)
      .trim()
      .split(/\s*\n\s*/)
    const reason = reasons.map((text) => `${text.charAt(0).toLowerCase()}${text.slice(1)}`).join("; ")
    const command = ["cairn", ...path].join(" ")
    return `${harmless(reason)} (see ${command} --help)`
  }
  const message = describe(error)
  if (!Predicate.hasProperty(error, "_tag") || typeof error._tag !== "string") return message
  const place = placeless.has(error._tag) && dataDir !== undefined ? `${harmless(dataDir)}: ` : ""
  return `${place}${message}${advice[error._tag] ?? ""}`
}

/** Errors of a database that do not say which. */
const placeless: ReadonlySet<string> = new Set([
  "BadNamespace",
  "BareTree",
  "DatabaseDamaged",
  "DatabaseReadOnly",
  "ForeignMachine",
  "MachineOutdated",
  "MultipartInProgress",
  "RootNotFound",
  "TablesDisagree",
  "UnknownBlockFormat",
  "UnknownFormatVersion",
  "VersionNotFound"
])

/** What can be done about it with this program. */
const advice: Readonly<Record<string, string>> = {
  DatabaseDamaged: " (cairn state verify names every damaged page)",
  MultipartInProgress: " (the same cairn checkpoint restore again goes on with it)"
}

/** One line about anything that was thrown or failed. */
export const describe = (error: unknown): string =>
  harmless(oneLine(error instanceof Error && error.message !== "" ? error.message : String(error)))

export const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, " ")
