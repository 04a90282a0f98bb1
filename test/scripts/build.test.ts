import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

const project = fileURLToPath(new URL("../..", import.meta.url))

/** A project of a few lines with the real build script. */
let root: string

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "cairn-build-"))
  write("scripts/build.mjs", fs.readFileSync(path.join(project, "scripts/build.mjs"), "utf8"))
  fs.mkdirSync(path.join(root, "node_modules"))
  for (const name of ["assemblyscript", "typescript", "fs-native-extensions"]) {
    fs.symlinkSync(path.join(project, "node_modules", name), path.join(root, "node_modules", name))
  }
  const compilerOptions = {
    module: "NodeNext",
    target: "ES2022",
    lib: ["ES2022"],
    types: [],
    outDir: "dist"
  }
  write("package.json", JSON.stringify({ type: "module" }))
  write("package-lock.json", "{}")
  write("tsconfig.json", "{}")
  write(
    "tsconfig.build.json",
    JSON.stringify({
      compilerOptions: {
        ...compilerOptions,
        rewriteRelativeImportExtensions: true,
        rootDir: "src",
        skipLibCheck: true
      },
      include: ["src"],
      exclude: ["src/mkvs/kernel/assembly"]
    })
  )
  write("src/mkvs/kernel/assembly/index.ts", "export function answer(): i32 {\n  return 42\n}\n")
  write("src/cli/bin.ts", `export { binary } from "../mkvs/kernel/binary.generated.ts"\n`)
  write("src/globals.d.ts", "declare const atob: (base64: string) => string\n")
  write("src/passing.ts", "export const passing = true\n")
  write("examples/demo/tsconfig.json", JSON.stringify({ compilerOptions, include: ["*.ts"] }))
  write("examples/demo/index.ts", "export const demo: number = 1\n")
  write("examples/notes/README.md", "no program\n")
})

afterEach(() => fs.rmSync(root, { recursive: true }))

describe("scripts/build.mjs", () => {
  it("builds kernel, sources and examples; then nothing until an input changes", async () => {
    expect(await build()).toEqual({
      code: 0,
      stdout: "",
      stderr: expect.stringMatching(/^built in [\d.]+ s\n$/)
    })
    const { binary } = await import(path.join(root, "dist/cli/bin.js"))
    expect(binary().subarray(0, 4)).toEqual(Uint8Array.of(0, 0x61, 0x73, 0x6d))
    expect(fs.statSync(path.join(root, "dist/cli/bin.js")).mode & 0o111).toBe(0o111)
    expect(files()).toEqual([
      "dist/.build-stamp",
      "dist/cli/bin.js",
      "dist/mkvs/kernel/binary.generated.js",
      "dist/passing.js",
      "examples/demo/dist/index.js"
    ])

    expect(await build("--if-stale", "--example", "demo")).toEqual({ code: 0, stdout: "", stderr: "" })

    fs.rmSync(path.join(root, "src/passing.ts"))
    fs.rmSync(path.join(root, "examples/demo/dist"), { recursive: true })
    expect((await build("--if-stale")).stderr).toMatch(/^built/)
    expect(files()).not.toContain("dist/passing.js")
    expect(files()).toContain("examples/demo/dist/index.js")
  })

  it("fails on a type error, emits nothing, and goes on being stale until it is gone", async () => {
    write("src/passing.ts", "export const passing: boolean = 1\n")
    const failed = await build("--if-stale")
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain("src/passing.ts(1,14): error TS2322")
    expect(files()).toEqual([])
    write("src/passing.ts", "export const passing: boolean = true\n")
    expect((await build("--if-stale")).stderr).toMatch(/^built/)
  })

  it("fails when the kernel does not compile, and says where", async () => {
    write("src/mkvs/kernel/assembly/index.ts", "export function answer(): i32 {\n  return question\n}\n")
    const failed = await build()
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain("question")
    expect(files()).toEqual([])
  })

  it("two at once build once, and both see the result", async () => {
    const both = await Promise.all([build("--if-stale"), build("--if-stale")])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    expect(both.map(({ stderr }) => stderr).join("")).toMatch(/^built in [\d.]+ s\n$/)
    expect(files()).toContain("dist/.build-stamp")
  })
})

const build = (...options: ReadonlyArray<string>) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const command = ["scripts/build.mjs", ...options]
    const child = execFile(process.execPath, command, { cwd: root }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr })
    )
  })

const write = (name: string, text: string): void => {
  fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
  fs.writeFileSync(path.join(root, name), text)
}

/** What builds have written into the folders called dist, in order. */
const files = (): ReadonlyArray<string> =>
  ["dist", "examples/demo/dist"]
    .filter((folder) => fs.existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      fs
        .readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    )
    .sort()
