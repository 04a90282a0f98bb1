import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"
import { build } from "vite"

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, "../..")

export interface Programs {
  /** Where a program of `programs/` lies, ready for Node. */
  readonly path: (name: string) => string
  readonly remove: () => void
}

/** Builds the programs of `programs/` so that Node can run them as processes and threads of their own. */
export const buildPrograms = async (...names: ReadonlyArray<string>): Promise<Programs> => {
  const outDir = mkdtempSync(join(tmpdir(), "cairn-programs-"))
  // Packages are looked for beside the program.
  symlinkSync(join(root, "node_modules"), join(outDir, "node_modules"))
  await build({
    root,
    configFile: false,
    logLevel: "error",
    build: {
      ssr: true,
      outDir,
      emptyOutDir: false,
      minify: false,
      target: "node20",
      rollupOptions: {
        input: Object.fromEntries(names.map((name) => [name, join(here, "programs", `${name}.ts`)])),
        output: { entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" }
      }
    }
  })
  return {
    path: (name) => join(outDir, `${name}.mjs`),
    remove: () => rmSync(outDir, { recursive: true, force: true })
  }
}

export interface Child {
  readonly pid: number
  /** The next line it prints, as JSON; rejects when it ends instead. */
  readonly hear: () => Promise<Record<string, unknown>>
  readonly say: (line: string) => void
  readonly signal: (signal: NodeJS.Signals) => void
  /** Exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/** Starts a built program; killed with the scope. `under` is a command that runs it under some restriction. */
export const startChild = (
  program: string,
  args: ReadonlyArray<string>,
  under: ReadonlyArray<string> = []
): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => spawnChild(program, args, under)),
    (child) =>
      Effect.promise(() => {
        child.signal("SIGKILL")
        return child.ended
      })
  )

const spawnChild = (program: string, args: ReadonlyArray<string>, under: ReadonlyArray<string>): Child => {
  const [command, ...rest] = [...under, process.execPath, program, ...args]
  const child = spawn(command!, rest, { stdio: ["pipe", "pipe", "pipe"] })
  let problem = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    problem += text
  })
  const ended = new Promise<number | NodeJS.Signals>((resolve) =>
    child.on("close", (code, signal) => resolve(code ?? signal ?? 0))
  )
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    pid: child.pid!,
    hear: async () => {
      const line = await lines.next()
      if (line.done) throw new Error(`the process has ended (${await ended}): ${problem}`)
      return JSON.parse(line.value)
    },
    say: (line) => void child.stdin.write(`${line}\n`),
    signal: (signal) => void child.kill(signal),
    ended
  }
}
