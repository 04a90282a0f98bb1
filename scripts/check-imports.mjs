#!/usr/bin/env node
/**
 * Checks who imports whom. Prints a line `file:line: reason` for every import that breaks a rule, and then exits
 * with 1.
 *
 *   node scripts/check-imports.mjs [ROOT]
 *
 * The tables below are the rules. All kinds of imports count: also types, `export … from`, `import("…")`.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join, relative, resolve, sep } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

/** Each folder of src, and the folders it may import from beside itself. */
const below = {
  mkvs: [],
  storage: ["mkvs"],
  checkpoint: ["mkvs", "storage"],
  node: ["mkvs", "storage", "checkpoint"],
  // It takes a stream of blocks, and so knows nothing of the node.
  statestore: ["mkvs", "storage", "checkpoint"],
  testing: ["mkvs", "storage", "checkpoint", "node", "statestore"],
  http: ["mkvs", "storage", "checkpoint", "node", "statestore"],
  abci: ["mkvs", "storage", "checkpoint", "node", "statestore"],
  cli: ["mkvs", "storage", "checkpoint", "node", "statestore"]
}

/** Files of src itself. */
const tops = { "index.ts": ["mkvs", "storage", "checkpoint", "node", "statestore", "http", "abci"] }

/** Closed rooms, the folders that are open to them, and the files by which everybody else may enter. */
const rooms = {
  "mkvs/kernel": { neighbours: ["mkvs/paged"], doors: ["index.ts", "Kernel.ts"] },
  // The node database keeps the engine's pages, and runs it.
  "mkvs/paged": { neighbours: ["storage"], doors: ["index.ts", "PagedTree.ts"] }
}

/** Passages into a closed room that only the named file may use. */
const passages = [{ from: "mkvs/hasher/WasmHasher.ts", to: "mkvs/kernel/WasmKernel.ts" }]

/** Runs anywhere: no Node built-ins below this folder, but for the named files. */
const portable = { folder: "mkvs", except: ["mkvs/hasher/NodeHasher.ts"] }

/** Packages with native code, and the only files that may import them: whoever imports those loads it. */
const homes = {
  lmdb: ["storage/LmdbPageStore.ts"],
  "fs-native-extensions": ["storage/WriterLock.ts"],
  snappy: ["checkpoint/SnappyFraming.ts"],
  "@node-rs/crc32": ["checkpoint/SnappyFraming.ts", "storage/Records.ts", "storage/StoredPages.ts"]
}

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), ".."))
const complaints = [...filesBelow("src"), ...filesBelow("examples")].flatMap((file) =>
  importsOf(file).flatMap(({ line, specifier }) => {
    const reason = file.startsWith("src/")
      ? reasonInSource(file.slice("src/".length), specifier)
      : reasonInExample(file, specifier)
    return reason === undefined ? [] : [`${file}:${line}: ${JSON.stringify(specifier)} ${reason}`]
  })
)
for (const complaint of complaints) console.error(complaint)
if (complaints.length > 0) process.exitCode = 1

function reasonInSource(file, specifier) {
  if (!specifier.startsWith(".")) return reasonForPackage(file, specifier)
  if (!specifier.endsWith(".ts")) return "is relative and does not end in .ts"
  const target = slashes(relative("/src", resolve("/src", dirname(file), specifier)))
  if (target.startsWith("..")) return "lies outside src"
  return reasonForFolder(file, target) ?? reasonForRoom(file, target)
}

function reasonForPackage(file, specifier) {
  if (/^effect-cairn(\/|$)/.test(specifier)) return "is this package: use the path"
  const inPortable = file.startsWith(`${portable.folder}/`) && !portable.except.includes(file)
  if (inPortable && isBuiltin(specifier)) return `is a Node built-in: src/${portable.folder} runs anywhere`
  const allowed = homes[specifier]
  if (allowed !== undefined && !allowed.includes(file))
    return `loads native code: only src/${allowed.join(", src/")} may import it`
  return undefined
}

function reasonForFolder(file, target) {
  const from = folderOf(file)
  const to = folderOf(target)
  if (from === to && from !== undefined) return undefined
  const allowed = from === undefined ? tops[file] : below[from]
  if (allowed === undefined) return `is imported by src/${from ?? file}, which no rule here knows: add one`
  if (to === undefined) return "is a top file: import from the folder itself"
  return allowed.includes(to) ? undefined : `is not below src/${from ?? file}`
}

function reasonForRoom(file, target) {
  const within = (path, folder) => path.startsWith(`${folder}/`)
  const folder = Object.keys(rooms).find((folder) => within(target, folder))
  if (folder === undefined) return undefined
  const { neighbours, doors } = rooms[folder]
  if ([folder, ...neighbours].some((open) => within(file, open))) return undefined
  if (doors.some((door) => target === `${folder}/${door}`)) return undefined
  if (passages.some(({ from, to }) => from === file && to === target)) return undefined
  return `is internal to src/${folder}: enter by ${doors.join(" or ")}`
}

/** Examples read as the programs of users: they know the package by its published name. */
function reasonInExample(file, specifier) {
  if (!specifier.startsWith(".")) return undefined
  const [, example] = file.split("/")
  const target = slashes(relative(root, resolve(root, dirname(file), specifier)))
  return target.startsWith(`examples/${example}/`)
    ? undefined
    : "lies outside the example: import effect-cairn"
}

/** `undefined` for files of src itself. */
function folderOf(file) {
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : undefined
}

/** TypeScript files below a folder, as paths from the root with forward slashes. */
function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    // AssemblyScript is another language in the same clothes; what is built or installed is not ours to judge.
    if (["assembly", "dist", "node_modules"].includes(entry.name)) return []
    if (entry.isDirectory()) return filesBelow(path)
    return entry.name.endsWith(".ts") ? [path] : []
  })
}

function importsOf(file) {
  const source = ts.createSourceFile(
    file,
    readFileSync(join(root, file), "utf8"),
    ts.ScriptTarget.Latest,
    true
  )
  const found = []
  const visit = (node) => {
    const specifier = specifierOf(node)
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) {
      const line = source.getLineAndCharacterOfPosition(specifier.getStart()).line + 1
      found.push({ line, specifier: specifier.text })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function specifierOf(node) {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal
  const isImportCall = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
  return isImportCall ? node.arguments[0] : undefined
}

function slashes(path) {
  return path.split(sep).join("/")
}
