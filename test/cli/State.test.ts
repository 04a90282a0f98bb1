import { cpSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { bulkRoots } from "../mkvs/vectors.ts"
import {
  cairn,
  decimalsIn,
  failureOf,
  jsonOf,
  linesOf,
  operations,
  outputOf,
  temporaryDirectory,
  writeFile
} from "./support.ts"

const directory = temporaryDirectory()
const root = toHex(bulkRoots().find(({ n, profile }) => profile === "decimal" && n === 1000)!.root)

describe("cairn state", () => {
  let dataDir: string
  let state: (command: string, ...args: ReadonlyArray<string>) => ReadonlyArray<string>

  beforeAll(async () => {
    dataDir = await decimalsIn(directory, 1000)
    state = (command, ...args) => ["state", command, "--data-dir", dataDir, ...args]
    const input = operations(
      { set: "ff00", value: "fe" },
      { set: "", value: "7a" },
      { set: "1b5b324a", value: "0a" },
      { commit: true }
    )
    await outputOf(["tree", "apply", "--data-dir", dataDir, "--encoding", "hex", "-"], { input })
  })

  it("root: the hash alone, or with version and keys", async () => {
    expect(await outputOf(state("root", "--at", "1"))).toBe(`${root}\n`)
    expect(await jsonOf(state("root", "--at", "1"))).toEqual([{ version: 1, root, keys: 1000 }])
    expect(await jsonOf(state("root"))).toEqual([expect.objectContaining({ version: 2, keys: 1003 })])
    expect((await failureOf(state("root", "--at", "3"))).line).toContain("versions 1 to 2 are")
  })

  it("get: the value; an absent key fails, with --json after a line that says null", async () => {
    expect(await outputOf(state("get", "--key", ""))).toBe("z\n")
    expect(await outputOf(state("get", "--key", "FF00", "--encoding", "hex"))).toBe("fe\n")
    expect(await jsonOf(state("get", "--key", "77", "--at", "1"))).toEqual([
      { version: 1, root, key: "77", value: "77" }
    ])
    const absent = await failureOf(state("get", "--key", "nope", "--at", "1", "--json"))
    expect(linesOf(absent.stdout)).toEqual([{ version: 1, root, key: "nope", value: null }])
    expect(absent.line).toContain('"nope"')
    expect((await failureOf(state("get", "--key", "xyz", "--encoding", "hex"))).line).toContain("not hex")
  })

  it("list: key order, from, prefix, limit, reverse", async () => {
    const keys = async (...args: ReadonlyArray<string>) =>
      (await jsonOf(state("list", "--at", "1", ...args))).map((entry) => (entry as { key: string }).key)
    expect(await keys()).toEqual(Array.from({ length: 1000 }, (_, i) => `${i}`).sort())
    expect(await keys("--prefix", "99", "--reverse")).toEqual([
      "999",
      "998",
      "997",
      "996",
      "995",
      "994",
      "993",
      "992",
      "991",
      "990",
      "99"
    ])
    expect(await keys("--from", "995", "--limit", "2")).toEqual(["995", "996"])
    expect(await keys("--from", "500", "--reverse", "--limit", "3")).toEqual(["500", "50", "5"])
  })

  it("list: bytes that are no text are refused with advice, after the entries before them", async () => {
    const { line, stdout } = await failureOf(state("list"))
    expect(line).toContain("--encoding hex")
    expect(stdout.split("\n").length).toBe(1003)
    // what could move a terminal's cursor is written out
    expect(stdout).toContain("\\u{1b}[2J\t\\n\n")
    const last = (await jsonOf(state("list", "--encoding", "hex"))).at(-1)
    expect(last).toEqual({ key: "ff00", value: "fe" })
  })

  it("verify: counts, and names damaged pages one a line", async () => {
    expect(await jsonOf(state("verify", "--at", "1"))).toEqual([
      { version: 1, type: "state", root, pages: expect.any(Number), keys: 1000, damaged: 0, ok: true }
    ])
    const damaged = join(directory, "damaged")
    cpSync(dataDir, damaged, { recursive: true })
    const bytes = readFileSync(join(damaged, "data.mdb"))
    // the leaf of key 777 in the full encoding: tag, length of the key, key
    const at = bytes.indexOf(Buffer.from([3, 0, 0x37, 0x37, 0x37]))
    expect(at).toBeGreaterThan(0)
    bytes[at + 2]! ^= 1
    writeFile(damaged, "data.mdb", bytes)
    const args = ["state", "verify", "--data-dir", damaged, "--at", "1"]
    const { line, stdout } = await failureOf([...args, "--json"])
    const lines = linesOf(stdout)
    expect(lines.slice(0, -1)).toEqual([
      { record: expect.stringMatching(/^page [0-9]+$/), reason: expect.any(String), ok: false }
    ])
    expect(lines.at(-1)).toMatchObject({ version: 1, damaged: 1, ok: false })
    expect(line).toContain("1 record of version 1 damaged")
    const get = await cairn(["state", "get", "--data-dir", damaged, "--key", "777", "--at", "1"])
    expect(get).toMatchObject({ code: 1, stdout: "" })
    expect(get.stderr).toContain("database damaged: page")
  })

  it("says what a directory without versions lacks", async () => {
    const empty = join(directory, "empty")
    await outputOf(["tree", "apply", "--data-dir", empty, "-"])
    expect((await failureOf(["state", "root", "--data-dir", empty])).line).toContain("holds no version yet")
  })
})
