import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { Effect } from "effect"
import { type Aim, aimVariable } from "./Mark.ts"

/** A program that is started to be killed. */
export interface Victim {
  readonly program: string
  /** Loaded before the program, in its threads too. */
  readonly preload?: string | undefined
  readonly arguments: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>> | undefined
}

export interface Shot {
  /** Kill `delayMillis` after this; absent: after the program was started. */
  readonly aim?: Aim | undefined
  readonly delayMillis: number
}

export interface Death {
  /** What it said, word by word, in order. */
  readonly said: ReadonlyArray<ReadonlyArray<string>>
  /** Step and edge of its last mark; `undefined` where it had not come to the first. */
  readonly met: readonly [step: string, edge: string] | undefined
}

/** Where the aim does not come, the kill comes after so long; or as soon as the program says that it is `idle`. */
const patienceMillis = 20_000

/**
 * Starts the program, kills it with SIGKILL, and waits until it is gone. Dies where the program ends by itself: then
 * the message is what it wrote to stderr.
 */
export const killOne = (victim: Victim, shot: Shot): Effect.Effect<Death> =>
  Effect.async((resume) => {
    const preload = victim.preload === undefined ? [] : ["--import", victim.preload]
    const env = {
      ...process.env,
      ...victim.environment,
      ...(shot.aim && { [aimVariable]: JSON.stringify(shot.aim) })
    }
    const child = spawn(process.execPath, [...preload, victim.program, ...victim.arguments], {
      env,
      stdio: ["ignore", "pipe", "pipe"]
    })
    const said: Array<ReadonlyArray<string>> = []
    let met: Death["met"]
    let problem = ""
    const kill = () => child.kill("SIGKILL")
    const timer = setTimeout(kill, shot.aim === undefined ? shot.delayMillis : patienceMillis)
    child.stderr.setEncoding("utf8").on("data", (text: string) => (problem += text))
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [kind, ...words] = line.split("\t")
      if (kind === "said") said.push(words)
      else met = [words[0] ?? "", words[1] ?? ""]
      if (kind === "aim" || words[0] === "idle") after(shot.delayMillis, kill)
    })
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      if (signal === "SIGKILL" && problem === "") resume(Effect.succeed({ said, met }))
      else resume(Effect.dieMessage(`the program ended by itself (${code ?? signal}): ${problem}`))
    })
  })

/** Timers are too coarse for less than a millisecond. */
const after = (millis: number, run: () => void): void => {
  const end = performance.now() + millis
  const wait = () => (performance.now() < end ? void setImmediate(wait) : run())
  wait()
}
