import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { cairn, decimalsIn, failureOf, outputOf, start, temporaryDirectory } from "./support.ts"

const directory = temporaryDirectory()

describe("cairn", () => {
  it("tells its version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
    expect(await outputOf(["--version"])).toBe(`${version}\n`)
    expect(await outputOf(["state", "root", "--version"])).toBe(`${version}\n`)
  })

  it("helps on stdout, under the full name, without colours", async () => {
    const overview = await outputOf([])
    for (const name of ["start", "tree", "state", "proof", "checkpoint"])
      expect(overview).toContain(`  ${name} `)
    const help = await outputOf(["checkpoint", "create", "--help"])
    expect(help).toMatch(/^cairn checkpoint create --data-dir DIR \[--at VERSION\] \[--chunk-size N\]/)
    expect(help).toContain("Exit codes: 0 done; 1 an expected failure")
    expect(help).not.toContain("\u001b")
  })

  it("answers a bad command line in one line, with exit code 2", async () => {
    const usage = async (...args: ReadonlyArray<string>) => {
      const { line, stdout } = await failureOf(args, {}, 2)
      expect(stdout).toBe("")
      return line
    }
    expect(await usage("frob")).toContain("one of start, tree, state, proof, checkpoint")
    expect(await usage("state", "get")).toContain("'--data-dir'; expected to find option: '--key'")
    expect(await usage("state", "root", "--data-dir", "d", "--encoding", "hex")).toContain("--encoding")
    expect(await usage("proof", "verify", "f", "--root", "abc")).toContain("64 hex digits")
  })

  it("answers a failure in one line, with exit code 1, and shows where only when asked", async () => {
    const args = ["state", "root", "--data-dir", join(directory, "absent"), "--json"]
    const { line, stdout } = await failureOf(args)
    expect(line).toContain("there is no database here")
    expect(stdout).toBe("")
    const debug = await cairn([...args, "--log-level", "debug"])
    expect(debug.stderr.split("\n")[0]).toBe(line)
    expect(debug.stderr).toMatch(/\n {4}at /)
    expect(debug.code).toBe(1)
  })

  it("ends quietly when whoever read stdout has gone", async () => {
    const dataDir = await decimalsIn(directory, 20_000)
    const { process, ended } = start(["state", "list", "--data-dir", dataDir])
    process.stdout!.destroy()
    expect(await ended).toEqual({ code: 141, stdout: "", stderr: "" })
  })

  it.runIf(process.platform === "linux")("says so when results cannot be written", async () => {
    const dataDir = await decimalsIn(directory, 10)
    const bin = new URL("../../dist/cli/bin.js", import.meta.url).pathname
    const script = `"${process.execPath}" "${bin}" state list --data-dir "${dataDir}" > /dev/full`
    const child = spawn("sh", ["-c", script], { stdio: ["ignore", "ignore", "pipe"] })
    let stderr = ""
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
    })
    const code = await new Promise((resolve) => child.on("close", resolve))
    expect(stderr).toMatch(/^cairn: results could not be written to stdout: ENOSPC[^\n]*\n$/)
    expect(code).toBe(1)
  })
})
