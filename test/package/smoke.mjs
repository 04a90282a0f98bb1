#!/usr/bin/env node
/**
 * Packs the package, installs the tarball in an empty folder as a user would, next to the user's own `effect`, and
 * uses it there. Install scripts stay off: nothing of ours may need one.
 *
 *   node test/package/smoke.mjs [PART…]      all parts, or those named (and what they stand on)
 *
 * A part that fails does not stop the others; the exit code is 1 if any failed.
 */
import * as assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..")
const manifest = readJson("package.json")
const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "cairn-smoke-")))
const consumer = path.join(folder, "consumer")

const parts = { contents, oneEffect, internals, nativeCode, program, commandLine }

process.exitCode = main(process.argv.slice(2)) ? 0 : 1
fs.rmSync(folder, { recursive: true })

function main(wanted) {
  const unknown = wanted.filter((name) => !(name in parts))
  if (unknown.length > 0) {
    console.error(`no such part: ${unknown.join(", ")}; there are ${Object.keys(parts).join(", ")}`)
    return false
  }
  if (!report("pack", pack) || !report("install", install)) return false
  const chosen = Object.entries(parts).filter(([name]) => wanted.length === 0 || wanted.includes(name))
  const failed = chosen.filter(([name, part]) => !report(name, part))
  console.log(`${chosen.length - failed.length} of ${chosen.length} parts hold`)
  return failed.length === 0
}

/** The tarball; `prepare` builds what is stale. */
function pack() {
  run(root, "npm", "pack", "--pack-destination", folder)
  return tarball()
}

function install() {
  fs.mkdirSync(consumer)
  write("package.json", JSON.stringify({ name: "consumer", private: true, type: "module" }))
  const { effect, typescript, "@types/node": nodeTypes } = manifest.devDependencies
  const own = [`effect@${effect}`, `typescript@${typescript}`, `@types/node@${nodeTypes}`]
  run(consumer, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", tarball(), ...own)
  return `effect-cairn ${installedJson("effect-cairn").version}, effect ${installedJson("effect").version}`
}

/** Everything `exports` and `bin` name is there, and nothing that users have no use for. */
function contents() {
  const files = run(folder, "tar", "-tzf", tarball())
    .trim()
    .split("\n")
    .map((name) => name.replace(/^package\//, ""))
  const targets = [...Object.values(manifest.exports), ...Object.values(manifest.bin)].flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target)
  )
  const missing = targets.map((target) => target.slice(2)).filter((target) => !files.includes(target))
  assert.deepEqual(missing, [], "named in package.json, not packed")
  // The sources are packed because source maps and declaration maps lead there. WebAssembly travels as a module.
  const expected =
    /^(package\.json|LICENSE|README\.md|CHANGELOG\.md|src\/.+\.ts|dist\/.+(\.js|\.d\.ts)(\.map)?)$/
  assert.deepEqual(
    files.filter((name) => !expected.test(name)),
    [],
    "packed without need"
  )
  assert.ok(files.includes("dist/mkvs/kernel/binary.generated.js"), "the WebAssembly kernel is packed")
  for (const name of ["LICENSE", "README.md", "CHANGELOG.md"])
    assert.ok(files.includes(name), `${name} is packed`)
  return `${files.length} files, ${Math.ceil(fs.statSync(tarball()).size / 1024)} KiB`
}

/** A second copy would break a program: two kinds of Effect that do not know each other. */
function oneEffect() {
  const installed = JSON.parse(
    fs.readFileSync(path.join(consumer, "node_modules/.package-lock.json"), "utf8")
  )
  const copies = Object.keys(installed.packages).filter((name) => /(^|\/)node_modules\/effect$/.test(name))
  assert.deepEqual(copies, ["node_modules/effect"])
  return `version ${installedJson("effect").version}`
}

/** Only what `exports` names can be imported, and all of that can. */
function internals() {
  const closed = [
    "mkvs/Tree",
    "mkvs/Tree.ts",
    "mkvs/paged/Page.js",
    "mkvs/kernel",
    "dist/mkvs/index.js",
    "cli",
    "src/index.ts"
  ]
  for (const name of closed) {
    const script = `import("effect-cairn/${name}").then(() => "open", (error) => error.code).then(console.log)`
    assert.equal(evaluate(script), "ERR_PACKAGE_PATH_NOT_EXPORTED", `effect-cairn/${name}`)
  }
  const open = Object.keys(manifest.exports).filter((name) => name !== "./package.json")
  for (const name of open) evaluate(`await import(${JSON.stringify(name.replace(".", "effect-cairn"))})`)
  return `open: ${open.join(" ")}`
}

/**
 * Who does not use LMDB loads no native code: the tree and its proofs need none. Of a database only the checksum of its
 * records is native, on every medium.
 */
function nativeCode() {
  const loaded = (name) =>
    JSON.parse(
      evaluate(`
        await import("effect-cairn/${name}")
        process.report.excludeNetwork = true
        const files = process.report.getReport().sharedObjects.filter((file) => file.endsWith(".node"))
        console.log(JSON.stringify(files))`)
    ).map((file) => path.basename(file).replace(/\..*/, ""))
  assert.deepEqual(loaded("mkvs"), [], "effect-cairn/mkvs")
  assert.deepEqual(loaded("storage"), ["crc32"], "effect-cairn/storage")
  return "none in mkvs, crc32 in storage"
}

/** A small program of a user's: type-checked by their compiler, then run. */
function program() {
  fs.copyFileSync(path.join(root, "test/package/consumer/program.ts"), path.join(consumer, "program.ts"))
  const flags =
    "--strict --exactOptionalPropertyTypes --skipLibCheck --target es2022 --module nodenext --types node"
  run(consumer, "npx", "--no-install", "tsc", ...flags.split(" "), "program.ts")
  const results = JSON.parse(run(consumer, process.execPath, "program.js"))
  const expected = vector("decimal", 1000)
  const answer = { root: expected, present: "999", absent: "absent" }
  assert.deepEqual(results, {
    kernel: "wasm",
    hasher: "wasm",
    memory: answer,
    lmdb: answer,
    reopened: answer
  })
  return `root ${expected.slice(0, 8)}… in memory and on LMDB, hashed by wasm`
}

function commandLine() {
  const cairn = (...args) => run(consumer, "npx", "--no-install", "cairn", ...args)
  assert.equal(cairn("--version").trim(), manifest.version)
  const lines = Array.from({ length: 100 }, (_, i) => JSON.stringify({ set: `${i}`, value: `${i}` }))
  write("lines", [...lines, JSON.stringify({ commit: true })].join("\n"))
  const applied = cairn("tree", "apply", "--json", "--data-dir", "cli-data", "lines")
  const expected = { version: 1, root: vector("decimal", 100), keys: 100 }
  assert.deepEqual(
    applied
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
    [expected]
  )
  return `cairn ${manifest.version}, root ${expected.root.slice(0, 8)}…`
}

function report(name, part) {
  const started = performance.now()
  const print = (outcome, text) =>
    console.log(
      `${outcome.padEnd(6)} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s): ${text}`
    )
  try {
    print("ok", part())
    return true
  } catch (error) {
    print("FAILED", [error.message, error.stdout, error.stderr].filter(Boolean).join("\n"))
    return false
  }
}

function run(cwd, command, ...args) {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
}

/** What the module prints, run in the user's folder. */
function evaluate(module) {
  return run(consumer, process.execPath, "--input-type=module", "--eval", module).trim()
}

function vector(profile, n) {
  return readJson("test/vectors/bulk-roots.json").find((row) => row.profile === profile && row.n === n).root
}

function tarball() {
  return path.join(folder, `${manifest.name}-${manifest.version}.tgz`)
}

function installedJson(name) {
  return JSON.parse(fs.readFileSync(path.join(consumer, "node_modules", name, "package.json"), "utf8"))
}

function readJson(name) {
  return JSON.parse(fs.readFileSync(path.join(root, name), "utf8"))
}

function write(name, text) {
  fs.writeFileSync(path.join(consumer, name), text)
}
