import { Array as Arr, Cause, HashMap, Layer, LogLevel as Levels, Logger, type LogLevel } from "effect"
import { describe } from "./Failure.ts"
import * as Stderr from "./Stderr.ts"

/** Logs as lines on stderr, from `level` on; causes in one line each, with stack traces from `Debug` down. */
export const layer = (level: LogLevel.LogLevel): Layer.Layer<never> =>
  Layer.merge(
    Logger.replace(Logger.defaultLogger, logger(Levels.lessThanEqual(level, Levels.Debug))),
    Logger.minimumLogLevel(level)
  )

const logger = (withStacks: boolean): Logger.Logger<unknown, void> =>
  Logger.make(({ annotations, cause, date, logLevel, message }) => {
    const parts = [date.toISOString(), logLevel.label, ...Arr.ensure(message).map(shown)]
    for (const [name, value] of HashMap.entries(annotations)) parts.push(`${name}=${shown(value)}`)
    if (!Cause.isEmpty(cause)) parts.push(describe(Cause.squash(cause)))
    Stderr.line(parts.join(" "))
    if (withStacks && !Cause.isEmpty(cause)) Stderr.line(Cause.pretty(cause, { renderErrorCause: true }))
  })

const shown = (part: unknown): string => {
  if (Cause.isCause(part)) return describe(Cause.squash(part))
  if (typeof part !== "object" || part === null || part instanceof Error) return describe(part)
  return describe(JSON.stringify(part, (_, value) => (typeof value === "bigint" ? value.toString() : value)))
}
