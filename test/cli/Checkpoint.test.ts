import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, watch } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { beforeAll, describe, expect, it } from "vitest"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { bulkRoots, checkpoints, vectorUrl } from "../mkvs/vectors.ts"
import {
  decimals,
  decimalsIn,
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
const root = toHex(bulkRoots().find(({ n, profile }) => profile === "decimal" && n === 1000)!.root)
/** One of those whose files are kept. */
const stored = checkpoints().filter(
  ({ dir, profile, threads }) => dir !== undefined && profile === "hash" && threads > 0
)
const pathOf = (dir: string): string => fileURLToPath(vectorUrl(dir))

/** Files below a directory, by path, with their content. */
const filesOf = (base: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(base, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file.slice(base.length), readFileSync(file, "hex")])
  )

const create = (dataDir: string, out: string, ...options: ReadonlyArray<string>) => [
  ...["checkpoint", "create", "--data-dir", dataDir, "--out", out],
  ...options
]

describe("cairn checkpoint", () => {
  let dataDir: string

  beforeAll(async () => {
    dataDir = await decimalsIn(directory, 1000)
  })

  it.each(["0", "2"])("create: the digests of the vectors, threads %s", async (threads) => {
    const vector = checkpoints().find(
      ({ n, profile, chunkSize, threads: count }) =>
        profile === "decimal" && n === 1000 && chunkSize === 16384 && `${count}` === threads
    )!
    const options = ["--chunk-size", "16384", "--threads", threads]
    const [made] = await jsonOf(create(dataDir, join(directory, `out-${threads}`), ...options))
    expect(made).toEqual({
      version: 1,
      root,
      chunks: vector.chunks?.map(toHex),
      encodedHash: toHex(vector.encodedHash)
    })
  })

  it("create: goes to VERSION/ROOT, takes chunk size 0, and returns what exists", async () => {
    const out = join(directory, "small")
    const small = await decimalsIn(directory, 5)
    const [made] = await jsonOf(create(small, out, "--chunk-size", "0"))
    const { root, chunks } = made as { readonly root: string; readonly chunks: ReadonlyArray<string> }
    expect(chunks.length).toBe(5)
    expect(readdirSync(join(out, "1", root)).sort()).toEqual(["chunks", "meta"])
    expect(await jsonOf(create(small, out))).toEqual([made])
  })

  it.each(stored)(
    "verify and restore $name of the vectors, and make it again byte for byte",
    async (vector) => {
      const from = pathOf(vector.dir!)
      const shape = {
        version: vector.version,
        root: toHex(vector.root),
        chunks: vector.chunks?.map(toHex) ?? expect.any(Array),
        encodedHash: toHex(vector.encodedHash)
      }
      expect(await jsonOf(["checkpoint", "verify", from])).toEqual([{ ...shape, keys: vector.n, ok: true }])
      const target = join(directory, `restored-${vector.name}`)
      const restore = ["checkpoint", "restore", from, "--data-dir", target, "--root", toHex(vector.root)]
      const restored = { version: vector.version, root: toHex(vector.root), keys: vector.n }
      expect(await jsonOf(restore)).toEqual([restored])
      const out = join(directory, `again-${vector.name}`)
      const options = ["--chunk-size", `${vector.chunkSize}`, "--threads", `${vector.threads}`]
      expect(await jsonOf(create(target, out, ...options))).toEqual([shape])
      expect(filesOf(out)).toEqual(filesOf(from))
    }
  )

  it("restore: a directory that can be read and extended; the same again is no error, anything else is refused", async () => {
    const out = join(directory, "two")
    await outputOf(create(dataDir, out))
    const target = join(directory, "target")
    await outputOf(["checkpoint", "restore", out, "--data-dir", target])
    expect(await outputOf(["state", "root", "--data-dir", target])).toBe(`${root}\n`)
    const again = ["checkpoint", "restore", out, "--data-dir", target, "--json"]
    expect(await jsonOf(again.slice(0, -1))).toEqual([{ version: 1, root, keys: 1000 }])
    const input = operations({ set: "more", value: "x" }, { commit: true })
    const extended = await jsonOf(["tree", "apply", "--data-dir", target, "-"], { input })
    expect(extended).toEqual([expect.objectContaining({ version: 2, keys: 1001 })])
    expect((await failureOf(again)).line).toContain("already holds version 2")
    expect(
      (await failureOf(["checkpoint", "restore", out, "--data-dir", dataDir, "--root", "00".repeat(32)])).line
    ).toContain(root)
    await outputOf(create(target, out))
    const { line } = await failureOf(["checkpoint", "restore", out, "--data-dir", join(directory, "new")])
    expect(line).toContain("holds 2 checkpoints: name the directory of one")
    expect(existsSync(join(directory, "new"))).toBe(false)
  })

  it("restore: goes on after it was cut short; meanwhile the directory is refused by name", async () => {
    const out = join(directory, "many")
    await outputOf(create(dataDir, out, "--chunk-size", "200"))
    const whole = join(out, "1", root)
    const cut = join(directory, "cut")
    cpSync(out, cut, { recursive: true })
    const chunk = join(cut, "1", root, "chunks", "17")
    rmSync(chunk)
    const target = join(directory, "interrupted")
    const missing = await failureOf(["checkpoint", "restore", cut, "--data-dir", target])
    expect(missing.line).toContain("no chunk 17")
    expect((await failureOf(["state", "root", "--data-dir", target])).line).toContain(
      "checkpoint restore again"
    )
    const other = join(directory, "out-0")
    expect((await failureOf(["checkpoint", "restore", other, "--data-dir", target])).line).toContain(
      "another checkpoint"
    )
    expect(await jsonOf(["checkpoint", "restore", whole, "--data-dir", target])).toEqual([
      { version: 1, root, keys: 1000 }
    ])
    expect((await jsonOf(["state", "list", "--data-dir", target])).length).toBe(1000)
  })

  it("verify: one line for each checkpoint, and what is wrong with it", async () => {
    const out = join(directory, "bad")
    const input = `${decimals(1000)}${operations({ set: "a", value: "b" }, { commit: true }, { commit: true })}`
    const three = join(directory, "three")
    await outputOf(["tree", "apply", "--data-dir", three, "-"], { input })
    for (const at of ["1", "2", "3"]) await outputOf(create(three, out, "--at", at, "--chunk-size", "4000"))
    const [, second] = readdirSync(out).sort()
    const chunks = join(out, second!, readdirSync(join(out, second!))[0]!, "chunks")
    const bytes = readFileSync(join(chunks, "1"))
    bytes[100]! ^= 1
    writeFile(chunks, "1", bytes)
    writeFile(join(out, "3", readdirSync(join(out, "3"))[0]!), "meta", "no metadata")
    const { stdout, line } = await failureOf(["checkpoint", "verify", out, "--json"])
    expect(linesOf(stdout)).toEqual([
      expect.objectContaining({ version: 1, root, keys: 1000, ok: true }),
      expect.objectContaining({
        version: 2,
        ok: false,
        error: expect.objectContaining({ _tag: "ChunkCorrupted", index: 1 })
      }),
      { ok: false, error: expect.objectContaining({ _tag: "InvalidMetadata" }) }
    ])
    expect(line).toContain("2 of 3 checkpoints")
    const list = await failureOf(["checkpoint", "list", out, "--json"])
    expect(linesOf(list.stdout)).toHaveLength(3)
    const mine = ["checkpoint", "verify", join(out, "1", root), "--json", "--root", "00".repeat(32)]
    const refused = await failureOf(mine)
    expect(linesOf(refused.stdout)).toEqual([expect.objectContaining({ version: 1, ok: false })])
  })

  it("verify: fails where there is none", async () => {
    expect((await failureOf(["checkpoint", "verify", directory, "--json"])).stdout).toBe("")
    expect((await failureOf(["checkpoint", "verify", join(directory, "absent")])).line).toContain(
      "does not exist"
    )
    expect((await failureOf(["checkpoint", "list", writeFile(directory, "file", "")])).line).toContain("file")
  })

  it("show and delete: one checkpoint, and nothing beside it", async () => {
    const out = join(directory, "shown")
    await outputOf(create(dataDir, out, "--chunk-size", "4000"))
    const place = join(out, "1", root)
    const [shown] = await jsonOf(["checkpoint", "show", place])
    expect(shown).toMatchObject({ version: 1, root, type: "state", bytes: expect.any(Number) })
    expect(await outputOf(["checkpoint", "show", out])).toContain(`root         ${root} (state)`)
    writeFile(place, "notes.txt", "mine")
    expect((await failureOf(["checkpoint", "delete", out])).line).toContain("notes.txt")
    rmSync(join(place, "notes.txt"))
    expect(await jsonOf(["checkpoint", "delete", place])).toEqual([
      expect.objectContaining({ version: 1, root, deleted: true })
    ])
    expect(readdirSync(out)).toEqual([])
    expect((await failureOf(["checkpoint", "delete", out])).line).toContain("holds no finished checkpoint")
  })

  it("follows no symbolic link inside a checkpoint's directory", async () => {
    const out = join(directory, "links")
    await outputOf(create(dataDir, out))
    const chunk = join(out, "1", root, "chunks", "0")
    rmSync(chunk)
    symlinkSync(join(directory, "out-0", "1", root, "chunks", "0"), chunk)
    const { stdout } = await failureOf(["checkpoint", "verify", out, "--json"])
    expect(linesOf(stdout)).toEqual([
      expect.objectContaining({
        ok: false,
        error: expect.objectContaining({ _tag: "CheckpointStorageFailed", reason: "SymbolicLink" })
      })
    ])
  })

  it("create: interrupted, it leaves nothing of the checkpoint behind", async () => {
    const many = await decimalsIn(directory, 30_000)
    const out = join(directory, "interrupted-out")
    mkdirSync(out)
    const begun = new Promise<void>((resolve) => {
      const watcher = watch(out, () => {
        watcher.close()
        resolve()
      })
    })
    // a chunk for every key: far longer than it takes to stop it
    const creating = start(create(many, out, "--chunk-size", "0"))
    await begun
    creating.process.kill("SIGINT")
    expect(await creating.ended).toEqual({ code: 130, stdout: "", stderr: "" })
    expect(readdirSync(out)).toEqual([])
  })

  it.runIf(process.platform === "linux")("create: fails at once where nothing can be made", async () => {
    expect((await failureOf(create(dataDir, "/proc/cairn"))).line).toContain("/proc/cairn")
  })
})
