import { execFileSync, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"

/**
 * The checks that `.ci/run` relies on can fail: each is given a small project with planted mistakes. (That they pass
 * on the real one is shown by `.ci/run` itself.)
 */

const root = path.resolve(import.meta.dirname, "../..")
let project: string

beforeEach(() => {
  project = fs.mkdtempSync(path.join(os.tmpdir(), "cairn-gates-"))
  fs.symlinkSync(path.join(root, "node_modules"), path.join(project, "node_modules"))
})
afterEach(() => fs.rmSync(project, { recursive: true }))

const plant = (files: Record<string, string>): void => {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(project, name)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, text)
  }
}

const borrow = (...names: ReadonlyArray<string>): void => {
  for (const name of names) fs.copyFileSync(path.join(root, name), path.join(project, name))
}

const run = (program: string, ...args: ReadonlyArray<string>) => {
  const { status, stderr, stdout } = spawnSync(program, args, { cwd: project, encoding: "utf8" })
  return { status, lines: `${stdout}${stderr}`.split("\n").filter((line) => line !== "") }
}

const bin = (name: string): string => path.join(root, "node_modules/.bin", name)

describe("imports", () => {
  const check = () => run(process.execPath, path.join(root, "scripts/check-imports.mjs"), project)

  it("passes what keeps the rules", () => {
    plant({
      "src/index.ts": 'export * as Mkvs from "./mkvs/index.ts"\n',
      "src/mkvs/index.ts": 'export { makeKernel } from "./kernel/index.ts"\n',
      "src/mkvs/hasher/NodeHasher.ts": 'import "node:crypto"\n',
      "src/mkvs/hasher/WasmHasher.ts": 'import "../kernel/WasmKernel.ts"\n',
      "src/mkvs/paged/Merge.ts": 'import "../kernel/memory.ts"\nimport "./Page.ts"\n',
      "src/mkvs/kernel/assembly/index.ts": 'export { hash } from "./hash"\n',
      "src/storage/Batches.ts": 'import "../mkvs/paged/Merge.ts"\n',
      "src/storage/LmdbPageStore.ts": 'import "lmdb"\nimport type { Tree } from "../mkvs/Tree.ts"\n',
      "src/cli/bin.ts": 'import "node:process"\nimport "../node/Node.ts"\n',
      "examples/one/src/index.ts": 'import "effect-cairn/node"\nimport "./other.ts"\n'
    })
    expect(check()).toEqual({ status: 0, lines: [] })
  })

  it("names each import that breaks a rule", () => {
    plant({
      "src/index.ts": 'export * as Testing from "./testing/index.ts"\n',
      "src/mkvs/Tree.ts": 'import type { A } from "../storage/PageStore.ts"\n',
      "src/mkvs/hasher/WasmHasher.ts": 'import { readFileSync } from "node:fs"\nimport "crypto"\n',
      "src/mkvs/Overlay.ts": 'import "./kernel/WasmKernel.ts"\nimport "./Tree"\n',
      "src/checkpoint/Chunker.ts": 'export const a = 1\nexport * from "../mkvs/paged/Merge.ts"\n',
      "src/storage/Versions.ts": 'export const b: import("../node/Node.ts").A = 1\n',
      "src/checkpoint/Creator.ts": 'export const c = () => import("lmdb")\n',
      "src/node/Node.ts":
        'import "../../test/node/NodeSuite.ts"\nimport "../index.ts"\nimport "effect-cairn/mkvs"\n',
      "src/http/Server.ts": 'import "../cli/Cli.ts"\n',
      "src/elsewhere/New.ts": 'import "../mkvs/Tree.ts"\n',
      "examples/one/src/index.ts": 'import "../../../src/node/Node.ts"\n'
    })
    const { lines, status } = check()
    expect(status).toBe(1)
    expect(lines.sort()).toEqual([
      'examples/one/src/index.ts:1: "../../../src/node/Node.ts" lies outside the example: import effect-cairn',
      'src/checkpoint/Chunker.ts:2: "../mkvs/paged/Merge.ts" is internal to src/mkvs/paged: enter by index.ts or PagedTree.ts',
      'src/checkpoint/Creator.ts:1: "lmdb" loads native code: only src/storage/LmdbPageStore.ts may import it',
      'src/elsewhere/New.ts:1: "../mkvs/Tree.ts" is imported by src/elsewhere, which no rule here knows: add one',
      'src/http/Server.ts:1: "../cli/Cli.ts" is not below src/http',
      'src/index.ts:1: "./testing/index.ts" is not below src/index.ts',
      'src/mkvs/Overlay.ts:1: "./kernel/WasmKernel.ts" is internal to src/mkvs/kernel: enter by index.ts or Kernel.ts',
      'src/mkvs/Overlay.ts:2: "./Tree" is relative and does not end in .ts',
      'src/mkvs/Tree.ts:1: "../storage/PageStore.ts" is not below src/mkvs',
      'src/mkvs/hasher/WasmHasher.ts:1: "node:fs" is a Node built-in: src/mkvs runs anywhere',
      'src/mkvs/hasher/WasmHasher.ts:2: "crypto" is a Node built-in: src/mkvs runs anywhere',
      'src/node/Node.ts:1: "../../test/node/NodeSuite.ts" lies outside src',
      'src/node/Node.ts:2: "../index.ts" is a top file: import from the folder itself',
      'src/node/Node.ts:3: "effect-cairn/mkvs" is this package: use the path',
      'src/storage/Versions.ts:1: "../node/Node.ts" is not below src/storage'
    ])
  })
})

describe("lint", () => {
  it("names each planted mistake", () => {
    borrow("biome.json", "package.json", "tsconfig.json", ".gitignore")
    execFileSync("git", ["init", "--quiet", project])
    plant({
      "src/mkvs/Any.ts": "export const a = (value: any): unknown => value\n",
      "src/mkvs/Unused.ts": 'import { Effect } from "effect"\n\nexport const b = 1\n',
      "src/mkvs/Browser.ts": 'export const c = Buffer.from("c")\n',
      "src/storage/Format.ts": "export const d = 'd';\n",
      "src/storage/Floating.ts":
        "const later = async (): Promise<void> => {}\n\nexport const e = (): void => {\n  later()\n}\n",
      "src/storage/CycleA.ts": 'import { g } from "./CycleB.ts"\n\nexport const f = (): number => g()\n',
      "src/storage/CycleB.ts": 'import { f } from "./CycleA.ts"\n\nexport const g = (): number => f()\n',
      "src/storage/Console.ts": 'console.log("h")\n',
      "src/storage/Dependency.ts": 'import fc from "fast-check"\n\nexport const i = fc\n',
      "src/storage/Long.ts": Array.from({ length: 401 }, (_, j) => `export const j${j} = ${j}\n`).join(""),
      "test/storage/Skipped.test.ts": 'import { it } from "@effect/vitest"\n\nit.skip("k", () => {})\n'
    })
    const { lines, status } = run(
      bin("biome"),
      "check",
      "--error-on-warnings",
      "--max-diagnostics=none",
      "src",
      "test"
    )
    expect(status).toBe(1)
    const found = lines.flatMap(
      (line) => /^(\S+?\.ts)(?::\d+:\d+)? (lint\/\S+|format)/.exec(line)?.slice(1, 3).join(" ") ?? []
    )
    expect(found.sort()).toEqual([
      "src/mkvs/Any.ts lint/suspicious/noExplicitAny",
      "src/mkvs/Browser.ts lint/style/noRestrictedGlobals",
      "src/mkvs/Unused.ts lint/correctness/noUnusedImports",
      "src/storage/Console.ts lint/suspicious/noConsole",
      "src/storage/CycleA.ts lint/suspicious/noImportCycles",
      "src/storage/CycleB.ts lint/suspicious/noImportCycles",
      "src/storage/Dependency.ts lint/correctness/noUndeclaredDependencies",
      "src/storage/Floating.ts lint/nursery/noFloatingPromises",
      "src/storage/Format.ts format",
      "src/storage/Long.ts lint/style/noExcessiveLinesPerFile",
      "test/storage/Skipped.test.ts lint/suspicious/noSkippedTests"
    ])
  })
})

describe("Effect diagnostics", () => {
  it("name an Effect that nobody runs", () => {
    borrow("tsconfig.json")
    plant({
      "src/Floating.ts":
        'import { Effect } from "effect"\n\nexport const a = Effect.gen(function* () {\n  Effect.log("lost")\n  yield* Effect.log("kept")\n})\n'
    })
    const manifest: { scripts: { diagnostics: string } } = JSON.parse(
      fs.readFileSync(path.join(root, "package.json"), "utf8")
    )
    const [name = "", ...args] = manifest.scripts.diagnostics.split(" ")
    const { lines, status } = run(bin(name), ...args, "--format", "text")
    expect(status).toBe(1)
    expect(lines.join("\n")).toMatch(/Floating\.ts.*4.*floatingEffect/)
  })
})

describe("the closing line of .ci/run", () => {
  it("sums the reports, and counts a file that breaks before its first test", () => {
    const broken = { status: "failed", assertionResults: [] }
    const whole = { status: "failed", assertionResults: [{ status: "failed" }] }
    plant({
      "reports/unit.json": JSON.stringify({ numPassedTests: 7, numFailedTests: 1, testResults: [whole] }),
      "reports/long.json": JSON.stringify({ numPassedTests: 2, numFailedTests: 0, testResults: [broken] })
    })
    expect(run(process.execPath, path.join(root, ".ci/count.mjs"), path.join(project, "reports"))).toEqual({
      status: 0,
      lines: ["9 passed, 2 failed"]
    })
  })
})
