import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect } from "@effect/vitest"
import { afterAll } from "vitest"

/** The built program, run as users run it (`npm test` builds it first). */
const bin = fileURLToPath(new URL("../../dist/cli/bin.js", import.meta.url))

/** A directory that goes when the file's tests have run. */
export const temporaryDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "cairn-cli-"))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** What stdin gives; by default it is empty. */
  readonly input?: string | Uint8Array
  readonly cwd?: string
}

export interface Running {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves when stdout has shown the text; fails when the program ends before. */
  readonly shown: (text: string) => Promise<void>
}

export const start = (args: ReadonlyArray<string>, { cwd }: RunOptions = {}): Running =>
  startCommand(process.execPath, [bin, ...args], cwd)

export const startCommand = (command: string, args: ReadonlyArray<string>, cwd?: string): Running => {
  const child = spawn(command, args, { cwd, stdio: ["pipe", "pipe", "pipe"] })
  running.add(child)
  child.on("close", () => running.delete(child))
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
  })
  const ended = new Promise<Ended>((resolve) =>
    child.on("close", (code) => resolve({ code, stdout, stderr }))
  )
  const shown = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = () => {
        if (stdout.includes(text)) resolve()
      }
      look()
      child.stdout.on("data", look)
      void ended.then(() => reject(new Error(`it ended before it said ${text}:\n${stdout}\n${stderr}`)))
    })
  return { process: child, ended, shown }
}

const running = new Set<ChildProcess>()

/** Those that a failed test has left. */
afterAll(() => {
  for (const child of running) child.kill("SIGTERM")
})

export const cairn = (args: ReadonlyArray<string>, options: RunOptions = {}): Promise<Ended> => {
  const { ended, process } = start(args, options)
  // a program that refuses its command line does not read stdin, and may have gone
  process.stdin!.on("error", () => {})
  process.stdin!.end(options.input ?? "")
  return ended
}

/** stdout of a run that is to succeed without a word on stderr. */
export const outputOf = async (args: ReadonlyArray<string>, options?: RunOptions): Promise<string> => {
  const ended = await cairn(args, options)
  expect({ ...ended, stdout: "" }, args.join(" ")).toEqual({ code: 0, stdout: "", stderr: "" })
  return ended.stdout
}

/** The JSON lines of a run that is to succeed. */
export const jsonOf = async (
  args: ReadonlyArray<string>,
  options?: RunOptions
): Promise<ReadonlyArray<unknown>> => linesOf(await outputOf([...args, "--json"], options))

export const linesOf = (stdout: string): ReadonlyArray<unknown> =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => JSON.parse(line))

/** A run that is to fail: one line on stderr, and on stdout only what is expected. */
export const failureOf = async (
  args: ReadonlyArray<string>,
  options?: RunOptions,
  code = 1
): Promise<{ readonly line: string; readonly stdout: string }> => {
  const ended = await cairn(args, options)
  expect(ended.stderr, args.join(" ")).toMatch(/^cairn: [^\n]+\n$/)
  expect(ended.code, ended.stderr).toBe(code)
  return { line: ended.stderr.trimEnd(), stdout: ended.stdout }
}

export const operations = (...lines: ReadonlyArray<unknown>): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join("")

/** Lines that set the texts "0" … "n-1" to themselves, and commit. */
export const decimals = (n: number): string =>
  operations(...Array.from({ length: n }, (_, i) => ({ set: `${i}`, value: `${i}` })), { commit: true })

/** A new database with the first n decimals as version 1. */
export const decimalsIn = async (directory: string, n: number): Promise<string> => {
  const dataDir = join(directory, `decimals-${n}`)
  await outputOf(["tree", "apply", "--data-dir", dataDir, "-"], { input: decimals(n) })
  return dataDir
}

export const writeFile = (directory: string, name: string, content: string | Uint8Array): string => {
  const file = join(directory, name)
  writeFileSync(file, content)
  return file
}
