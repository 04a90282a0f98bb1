import { type ChildProcess, execFile, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import ts from "typescript"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

/**
 * The README as a newcomer follows it: `npm start`, its `sh` blocks in order in one shell, its `ts` block as a program.
 * Only `npm install` and `git clone` are left to the continuous integration, which does both.
 */

const top = fileURLToPath(new URL("../..", import.meta.url))
const readme = readFileSync(join(top, "README.md"), "utf8")
const blocks = (language: string): ReadonlyArray<string> =>
  Array.from(readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms")), (match) => match[1]!)
const run = promisify(execFile)

let folder = ""

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cairn-readme-"))
  for (const name of ["dist", "examples", "scripts", "node_modules", "package.json"]) {
    symlinkSync(join(top, name), join(folder, name))
  }
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Resolves with what the process has printed once `text` is in it. */
const prints = (child: ChildProcess, text: string) =>
  new Promise<string>((resolve, reject) => {
    let output = ""
    child.stdout!.on("data", (chunk) => {
      output += chunk
      if (output.includes(text)) resolve(output)
    })
    child.on("exit", (code) => reject(new Error(`ended with ${code} before "${text}": ${output}`)))
  })

const ends = (child: ChildProcess) => new Promise<number | null>((resolve) => child.on("exit", resolve))

const npmStart = () => spawn("npm", ["start"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] })

describe("the README", () => {
  it("npm start runs blocks, ends cleanly by SIGTERM to npm, and goes on after kill -9", async () => {
    const first = npmStart()
    await prints(first, "block 4 ")
    const ended = ends(first)
    first.kill("SIGTERM")
    expect(await ended).toBe(0)

    const second = npmStart()
    const output = await prints(second, "block 8 ")
    expect(output).not.toContain("block 1 ")
    // The script replaces its shell by the node, so npm's child is the node itself.
    const { stdout } = await run("pgrep", ["-P", String(second.pid)])
    const killed = ends(second)
    process.kill(Number(stdout.trim()), "SIGKILL")
    expect(await killed).not.toBe(0)

    const third = npmStart()
    const after = await prints(third, "block 12 ")
    expect(after).not.toContain("block 7 ")
    const last = ends(third)
    third.kill("SIGINT")
    expect(await last).toBe(0)
  }, 240_000)

  it("each command of the walk-through succeeds, and says what it should", async () => {
    const commands = blocks("sh")
    expect(commands.length).toBeGreaterThanOrEqual(4)
    const cairn = `npx() { shift; node "${join(top, "dist/cli/bin.js")}" "$@"; }`
    const script = ["set -eu", cairn, ...commands, 'echo "root $ROOT"'].join("\n")
    const { stdout } = await run("bash", ["-c", script], { cwd: folder })
    const root = /^root ([0-9a-f]{64})$/m.exec(stdout)![1]!
    expect(stdout).toMatch(/^present\t\{"cityId":3041204,"name":"Canillo"/m)
    expect(stdout.match(new RegExp(`^${root}$`, "gm"))?.length).toBe(2)
    expect(stdout).toContain(`${root}  `)
    expect(stdout).toContain("almond")
  })

  it("the program prints what it proves", async () => {
    const [program] = blocks("ts")
    // Inside the package its own name resolves, as it does where it is installed.
    const file = join(top, "dist", `readme-${process.pid}.mjs`)
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
    try {
      writeFileSync(file, ts.transpileModule(program!, { compilerOptions }).outputText)
      const { stdout } = await run(process.execPath, [file], { cwd: folder })
      expect(stdout).toBe("present absent\n")
    } finally {
      rmSync(file, { force: true })
    }
  })
})
