import { writeSync } from "node:fs"

/**
 * What a program that is going to be killed says about where it is: lines of words on stdout, each written by one system
 * call before anything else is done, so that the last line it wrote tells where death met it.
 *
 *   mark STEP EDGE    it is now at this edge of this step
 *   aim STEP EDGE     the same, and it is where it was told to be killed
 *   said WORD…        something it vouches for, or is about to do
 */

/**
 * Where in a step: `before` it; `filling` what is to become durable, which nobody sees yet; `during` the very call that
 * makes it durable; `after` that call has returned, until the next mark.
 */
export type Edge = "before" | "filling" | "during" | "after"

/** The n-th time (from 1) that this edge of this step comes. */
export interface Aim {
  readonly step: string
  readonly edge: Edge
  readonly occurrence: number
}

/** Environment variable with the aim as JSON. */
export const aimVariable = "CAIRN_KILL_AIM"

const parseAim = (text: string | undefined): Aim | undefined => {
  if (text === undefined) return undefined
  // It comes from the suite that started this process, which wrote it as an `Aim`.
  return JSON.parse(text) as Aim
}

const aim = parseAim(process.env[aimVariable])
let occurrences = 0

/**
 * Says where the program is. At the aim it stays a while, so that the kill finds it there; not where `stay` is false,
 * because what is going on would wait too.
 */
export const mark = (step: string, edge: Edge, stay = true): void => {
  const hit = aim?.step === step && aim.edge === edge && ++occurrences === aim.occurrence
  line(hit ? "aim" : "mark", step, edge)
  if (hit && stay) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stayMillis)
}

export const say = (...words: ReadonlyArray<string | number | bigint>): void => line("said", ...words)

/** Longer than the longest delay of a kill. */
const stayMillis = 200

const line = (...words: ReadonlyArray<string | number | bigint>): void => {
  writeSync(1, `${words.join("\t")}\n`)
}
