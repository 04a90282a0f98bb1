import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { Effect, type Scope } from "effect"
import { afterAll, beforeAll } from "vitest"
import { buildPrograms, type Programs } from "../children.ts"
import type { Command } from "../programs/database.ts"

/** A process that has a database open (`programs/database.ts`). */
export interface DatabaseProcess {
  readonly pid: number
  /** What it said first: `{ open: true }`, or why it could not. */
  readonly hello: Answer
  readonly ask: (command: Command) => Effect.Effect<Answer>
  /** Sends the signal and waits until the process is gone. */
  readonly kill: Effect.Effect<void>
}

export type Answer = Readonly<Record<string, unknown>>

export interface ProcessOptions {
  readonly readOnly?: boolean
  /** Command and arguments that start Node under some restriction. */
  readonly under?: ReadonlyArray<string>
}

/** Builds the program before the tests of this file; gives what starts it. Killed with the scope. */
export const databaseProcesses = () => {
  let programs: Programs
  beforeAll(async () => {
    programs = await buildPrograms("database")
  })
  afterAll(() => programs.remove())
  return (
    directory: string,
    options: ProcessOptions = {}
  ): Effect.Effect<DatabaseProcess, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.promise(() => start(programs.path("database"), directory, options)),
      (process) => process.kill
    )
}

const start = async (
  program: string,
  directory: string,
  options: ProcessOptions
): Promise<DatabaseProcess> => {
  const access = options.readOnly ? ["read-only"] : []
  const [command, ...rest] = [...(options.under ?? []), process.execPath, program, directory, ...access]
  const child = spawn(command!, rest, { stdio: ["pipe", "pipe", "pipe"] })
  let problem = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (problem += text))
  const gone = new Promise<string>((resolve) =>
    child.on("close", (code, signal) => resolve(`the process has ended (${code ?? signal}): ${problem}`))
  )
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const hear = async (): Promise<Answer> => {
    const line = await lines.next()
    if (line.done) throw new Error(await gone)
    return JSON.parse(line.value)
  }
  return {
    pid: child.pid ?? 0,
    hello: await hear(),
    ask: (command) =>
      Effect.promise(() => {
        child.stdin.write(`${JSON.stringify(command)}\n`)
        return hear()
      }),
    kill: Effect.promise(() => {
      child.kill("SIGKILL")
      return gone
    })
  }
}
