import { Effect, type Scope } from "effect"
import * as Stderr from "./Stderr.ts"

/** How far a long command has come, for a person who watches; where stderr is no terminal nothing is shown. */
export interface Progress {
  /** Cheap: most calls only look at the clock. */
  readonly report: (done: number, total: number | undefined, note?: string) => void
}

/** Shown until the scope closes. `what` says what is being done, `unit` what is counted. */
export const make = (what: string, unit: string): Effect.Effect<Progress, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let next = 0
      return {
        report: (done: number, total: number | undefined, note?: string) => {
          const now = performance.now()
          if (now < next) return
          next = now + showMillis
          Stderr.setStatus(render(what, unit, done, total, note))
        }
      }
    }),
    () => Effect.sync(() => Stderr.setStatus(""))
  )

const showMillis = 100

const render = (what: string, unit: string, done: number, total: number | undefined, note = ""): string => {
  const suffix = note === "" ? "" : `, ${note}`
  if (total === undefined || total === 0) return `${what}  ${count(done)} ${unit}${suffix}`
  const share = Math.min(1, done / total)
  const filled = Math.round(share * barLength)
  const bar = "█".repeat(filled) + "░".repeat(barLength - filled)
  return `${what}  ${bar} ${Math.floor(100 * share)} %  ${count(done)} of ${count(total)} ${unit}${suffix}`
}

const barLength = 24

/** With thousands apart, the same in every place of the world. */
export const count = (value: number | bigint): string => value.toLocaleString("en-GB")
