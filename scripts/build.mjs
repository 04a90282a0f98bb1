#!/usr/bin/env node
/**
 * Builds the package: WebAssembly kernel → src/mkvs/kernel/binary.generated.ts, then TypeScript → dist, then every
 * examples/NAME that has a tsconfig.json → its own dist.
 *
 *   node scripts/build.mjs [--if-stale] [--example NAME]
 *
 * --if-stale does nothing when the last finished build had the same inputs. The stamp that says so goes first and is
 * written last, so an interrupted build is done again. Builds that run at once wait for each other. Files appear
 * whole (written aside, then renamed), so programs running from dist never see half a file. `--example` is accepted
 * so that scripts can name what they need; all examples are built.
 */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const generated = path.join(root, "src/mkvs/kernel/binary.generated.ts")
const dist = path.join(root, "dist")
const stamp = path.join(dist, ".build-stamp")

const { values: options } = parseArgs({
  options: { "if-stale": { type: "boolean" }, example: { type: "string" } }
})

if (!(options["if-stale"] && isFresh())) {
  const unlock = await lock()
  try {
    // whoever held the lock may have built just this
    if (!(options["if-stale"] && isFresh())) await build()
  } finally {
    unlock()
  }
}

async function build() {
  const started = performance.now()
  const inputs = inputsDigest()
  fs.rmSync(stamp, { force: true })
  writeWhole(generated, generatedModule(await compileKernel()))
  await compileTypeScript("tsconfig.build.json")
  for (const example of examples()) await compileTypeScript(path.join(example, "tsconfig.json"))
  const bin = path.join(dist, "cli/bin.js")
  if (fs.existsSync(bin)) fs.chmodSync(bin, 0o755)
  writeWhole(stamp, inputs)
  process.stderr.write(`built in ${((performance.now() - started) / 1000).toFixed(1)} s\n`)
}

function isFresh() {
  const outputs = [generated, ...examples().map((example) => path.join(root, example, "dist"))]
  return outputs.every((output) => fs.existsSync(output)) && readOr(stamp, "") === inputsDigest()
}

/** SHA-256 over the paths and contents of everything a build reads, in path order. */
function inputsDigest() {
  const named = ["tsconfig.json", "tsconfig.build.json", "package-lock.json", "scripts/build.mjs"]
  const files = [...named, ...filesBelow("src"), ...filesBelow("examples")]
  const digest = createHash("sha256")
  for (const file of files.filter((file) => path.join(root, file) !== generated).sort()) {
    const bytes = fs.readFileSync(path.join(root, file))
    digest.update(`${file}\0${bytes.length}\0`).update(bytes)
  }
  return digest.digest("hex")
}

/** Files below a folder, without what builds and installs put there; relative to the root. */
function filesBelow(folder) {
  if (!fs.existsSync(path.join(root, folder))) return []
  return fs.readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name)
    if (entry.isFile()) return [name]
    return entry.isDirectory() && !["dist", "node_modules", "data"].includes(entry.name)
      ? filesBelow(name)
      : []
  })
}

function examples() {
  const folder = path.join(root, "examples")
  if (!fs.existsSync(folder)) return []
  return fs
    .readdirSync(folder)
    .map((name) => path.join("examples", name))
    .filter((example) => fs.existsSync(path.join(root, example, "tsconfig.json")))
    .sort()
}

async function compileKernel() {
  const { default: asc } = await import("assemblyscript/asc")
  let binary
  const entry = "src/mkvs/kernel/assembly/index.ts"
  const flags = "--outFile kernel.wasm --runtime stub --noAssert -O3 --converge --enable simd".split(" ")
  const { error, stderr } = await asc.main([entry, "--baseDir", root, ...flags], {
    writeFile: (_, contents) => {
      binary = contents
    }
  })
  if (error !== null || binary === undefined)
    fail(`the kernel does not compile\n${stderr.toString()}${error}`)
  return binary
}

/** Decoded with `atob`, which Node and browsers share. */
function generatedModule(binary) {
  return `// Generated from assembly/ by scripts/build.mjs.

const base64 =
  "${Buffer.from(binary).toString("base64")}"

/** The ${binary.length} bytes of the WebAssembly module. */
export const binary = (): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
`
}

/** Emits nothing unless everything type checks. Afterwards the output folder holds what was emitted and nothing else. */
async function compileTypeScript(config) {
  const { default: ts } = await import("typescript")
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (diagnostic) => report(ts, [diagnostic]) }
  const parsed = ts.getParsedCommandLineOfConfigFile(path.join(root, config), {}, host)
  report(ts, parsed.errors)
  const { outDir } = parsed.options
  // everything else in the folder is removed, so it must be one that only builds write
  if (outDir === undefined || path.basename(outDir) !== "dist")
    fail(`${config}: outDir must be a folder named dist`)
  const program = ts.createProgram({ rootNames: parsed.fileNames, options: parsed.options })
  report(ts, ts.getPreEmitDiagnostics(program))
  const emitted = new Map()
  report(ts, program.emit(undefined, (file, text) => emitted.set(path.resolve(file), text)).diagnostics)
  for (const [file, text] of emitted) writeWhole(file, text)
  removeOthers(path.resolve(outDir), emitted)
}

function report(ts, diagnostics) {
  if (diagnostics.length === 0) return
  const format = process.stderr.isTTY ? ts.formatDiagnosticsWithColorAndContext : ts.formatDiagnostics
  fail(
    format(diagnostics, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => root,
      getNewLine: () => "\n"
    })
  )
}

function removeOthers(folder, emitted) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const name = path.join(folder, entry.name)
    if (entry.isDirectory()) removeOthers(name, emitted)
    else if (!emitted.has(name)) fs.rmSync(name)
  }
  if (fs.readdirSync(folder).length === 0) fs.rmdirSync(folder)
}

function writeWhole(file, text) {
  if (readOr(file, undefined) === text) return
  fs.mkdirSync(path.dirname(file), { recursive: true })
  const aside = `${file}.${process.pid}`
  fs.writeFileSync(aside, text)
  fs.renameSync(aside, file)
}

function readOr(file, otherwise) {
  try {
    return fs.readFileSync(file, "utf8")
  } catch (error) {
    if (error.code !== "ENOENT") throw error
    return otherwise
  }
}

/** A lock of the operating system: it dies with its holder. */
async function lock() {
  const { default: locks } = await import("fs-native-extensions")
  const folder = path.join(root, "node_modules/.cache")
  fs.mkdirSync(folder, { recursive: true })
  const file = fs.openSync(path.join(folder, "effect-cairn-build.lock"), "a+")
  await locks.waitForLock(file)
  return () => fs.closeSync(file)
}

function fail(message) {
  process.stderr.write(`build failed: ${message.trimEnd()}\n`)
  process.exit(1)
}
