import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { bulkRoots, histories, primitives } from "../mkvs/vectors.ts"
import {
  cairn,
  decimals,
  failureOf,
  jsonOf,
  linesOf,
  operations,
  outputOf,
  start,
  temporaryDirectory,
  writeFile
} from "./support.ts"

const directory = temporaryDirectory()
const emptyHash = toHex(primitives().emptyHash)

const apply = (dataDir: string, input: string | Uint8Array, ...options: ReadonlyArray<string>) =>
  jsonOf(["tree", "apply", "--data-dir", dataDir, ...options, "-"], { input })

describe("cairn tree apply", () => {
  it.each(histories())("makes the versions of history $name of the vectors", async ({ name, versions }) => {
    const lines = versions.flatMap(({ ops }) => [
      ...ops.map(([key, value]) =>
        value === undefined ? { delete: toHex(key) } : { set: toHex(key), value: toHex(value) }
      ),
      { commit: true }
    ])
    const made = await apply(join(directory, name), operations(...lines), "--encoding", "hex")
    expect(made).toEqual(versions.map(({ version, root, keys }) => ({ version, root: toHex(root), keys })))
  })

  it("creates the directory with its parents, then goes on at the next version", async () => {
    const dataDir = join(directory, "a", "b")
    const root = toHex(bulkRoots().find(({ n, profile }) => profile === "decimal" && n === 100)!.root)
    const file = writeFile(directory, "lines", decimals(100))
    expect(await jsonOf(["tree", "apply", "--data-dir", dataDir, file])).toEqual([
      { version: 1, root, keys: 100 }
    ])
    expect(await apply(dataDir, operations({ commit: true }))).toEqual([{ version: 2, root, keys: 100 }])
    const human = await outputOf(["tree", "apply", "--data-dir", dataDir, "-"], {
      input: operations({ delete: "absent" }, { commit: true })
    })
    expect(human).toBe(`version 3  root ${root}  100 keys\n`)
  })

  it("commits an empty tree, and takes CRLF, blank lines, a byte order mark and a last line without an end", async () => {
    const input = '\ufeff{"commit":true}\r\n\r\n{"set":"","value":""}\r\n \n{"delete":""}\n{"commit":true}'
    expect(await apply(join(directory, "empty"), input)).toEqual([
      { version: 1, root: emptyHash, keys: 0 },
      { version: 2, root: emptyHash, keys: 0 }
    ])
  })

  it("keeps what was committed before a bad line, nothing after it, and names the line", async () => {
    const dataDir = join(directory, "bad")
    const input = `${operations({ set: "a", value: "1" }, { commit: true }, { set: "b", value: "2" })}oops\n{"commit":true}\n`
    const ended = await cairn(["tree", "apply", "--data-dir", dataDir, "--json", "-"], { input })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/^cairn: line 4: it is no JSON[^\n]*\n$/)
    expect(linesOf(ended.stdout)).toEqual([expect.objectContaining({ version: 1, keys: 1 })])
    expect(await outputOf(["state", "list", "--data-dir", dataDir])).toBe("a\t1\n")
  })

  it("refuses changes after the last commit by the first such line", async () => {
    const dataDir = join(directory, "loose")
    const input = operations({ commit: true }, { set: "a", value: "1" }, { set: "b", value: "2" })
    const { line } = await failureOf(["tree", "apply", "--data-dir", dataDir, "-"], { input })
    expect(line).toContain("line 2: ")
    expect(await apply(dataDir, operations({ commit: true }))).toEqual([
      { version: 2, root: emptyHash, keys: 0 }
    ])
  })

  it("keeps the namespace of the database, and refuses another one", async () => {
    const dataDir = join(directory, "namespace")
    const namespace = "11".repeat(32)
    await apply(dataDir, operations({ commit: true }), "--namespace", namespace)
    await apply(dataDir, operations({ commit: true }))
    const args = ["tree", "apply", "--data-dir", dataDir, "--namespace", "22".repeat(32), "-"]
    const { line } = await failureOf(args)
    expect(line).toContain(namespace)
    const out = join(directory, "namespace-out")
    await outputOf(["checkpoint", "create", "--data-dir", dataDir, "--out", out])
    expect(await jsonOf(["checkpoint", "show", out])).toEqual([
      expect.objectContaining({ version: 2, namespace })
    ])
  })

  it("leaves no directory behind when the input cannot be opened", async () => {
    const dataDir = join(directory, "untouched")
    const { line } = await failureOf(["tree", "apply", "--data-dir", dataDir, join(directory, "no-file")])
    expect(line).toContain("cannot be read")
    expect((await failureOf(["tree", "apply", "--data-dir", dataDir, directory])).line).toContain(
      "a directory"
    )
    expect(existsSync(dataDir)).toBe(false)
  })

  it("refuses what is no database, a file in its place, and a database that is being written", async () => {
    const file = writeFile(directory, "plain-file", "x")
    expect((await failureOf(["tree", "apply", "--data-dir", file, "-"])).line).toContain(file)
    const foreign = join(directory, "a", "b", "foreign")
    await apply(foreign, operations({ commit: true }))
    writeFile(foreign, "data.mdb", "this is no database")
    expect((await failureOf(["tree", "apply", "--data-dir", foreign, "-"])).line).toContain("data.mdb")
    const held = join(directory, "held")
    const writer = start(["tree", "apply", "--data-dir", held, "-"])
    writer.process.stdin!.write(operations({ commit: true }))
    await writer.shown("version 1")
    expect((await failureOf(["tree", "apply", "--data-dir", held, "-"])).line).toContain(
      "is held by another process"
    )
    writer.process.stdin!.end()
    expect((await writer.ended).code).toBe(0)
  })

  it("is stopped by a signal while it waits for input; what was committed stays", async () => {
    const dataDir = join(directory, "stopped")
    const writer = start(["tree", "apply", "--data-dir", dataDir, "-"])
    writer.process.stdin!.write(
      operations({ set: "a", value: "1" }, { commit: true }, { set: "b", value: "2" })
    )
    await writer.shown("version 1")
    writer.process.kill("SIGINT")
    expect(await writer.ended).toMatchObject({ code: 130, stderr: "" })
    expect(await outputOf(["state", "list", "--data-dir", dataDir])).toBe("a\t1\n")
  })
})
