import { existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { beforeAll, describe, expect, it } from "vitest"
import {
  decimalsIn,
  type Ended,
  failureOf,
  jsonOf,
  linesOf,
  outputOf,
  type Running,
  start,
  startCommand,
  temporaryDirectory,
  writeFile
} from "./support.ts"

const directory = temporaryDirectory()

/** Where a module finds our package and Effect as a user's would. */
const packages = fileURLToPath(new URL("../../node_modules", import.meta.url))
const dist = new URL("../../dist/node/index.js", import.meta.url).href

/** 250 numbers, counted. */
const module = `
import { Effect, Schema, Stream } from ${JSON.stringify(`file://${packages}/effect/dist/esm/index.js`)}
import { StateMachine } from ${JSON.stringify(dist)}
const utf8 = (text) => new TextEncoder().encode(text)
export default StateMachine.make({
  name: "numbers",
  version: 1,
  transaction: Schema.Number,
  execute: (number, state) => state.set(utf8(String(number).padStart(4, "0")), utf8("it's " + number))
})
export const feed = (fromHeight) =>
  Stream.range(Number(fromHeight), 250)
`

const project = fileURLToPath(new URL("../..", import.meta.url))
const citiesArgs = ["start", "--machine", "./examples/cities/dist/index.js"]

interface Event {
  readonly event: string
  readonly [field: string]: unknown
}

const eventsOf = ({ stdout }: Ended): ReadonlyArray<Event> => linesOf(stdout) as ReadonlyArray<Event>

const stop = async (node: Running, signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> => {
  node.process.kill(signal)
  const ended = await node.ended
  expect(ended).toMatchObject({ code: 0, stderr: "" })
  return ended
}

describe("cairn start", () => {
  let machine: string
  beforeAll(() => {
    machine = writeFile(directory, "numbers.mjs", module)
  })

  const startNode = (dataDir: string, ...args: ReadonlyArray<string>) =>
    start(["start", "--machine", machine, "--data-dir", dataDir, "--block-transactions", "100", ...args])

  it("shows blocks, then says what to try next, with commands that work", async () => {
    const dataDir = join(directory, "it's data")
    const node = startNode(dataDir)
    await node.shown("restored\n")
    const root = (await outputOf(["state", "root", "--data-dir", dataDir])).trim()
    const key = await jsonOf(["state", "get", "--data-dir", dataDir, "--key", "0001"])
    expect(key).toEqual([expect.objectContaining({ version: 3, root, value: "it's 1" })])
    const out = join(directory, "beside")
    await outputOf(["checkpoint", "create", "--data-dir", dataDir, "--out", out])
    expect(await jsonOf(["checkpoint", "verify", out])).toEqual([expect.objectContaining({ root, ok: true })])
    expect((await failureOf(["tree", "apply", "--data-dir", dataDir, "-"])).line).toContain(
      "is held by another process"
    )
    const { stdout } = await stop(node, "SIGINT")
    expect(stdout).toMatch(/^block 1 {2}root [0-9a-f]{64} {2}100 transactions/m)
    expect(stdout).toContain(`block 3  root ${root}  50 transactions`)
    expect(stdout).toContain("the feed has ended: 250 transactions are executed")
    expect(stdout).toContain(`npx cairn state get --data-dir '${dataDir.replace("'", "'\\''")}' --key 0001`)
    expect((await failureOf(["tree", "apply", "--data-dir", dataDir, "-"])).line).toContain(
      "is the directory of a node"
    )
  })

  it("events as JSON lines; started again it goes on where it was; another machine is refused", async () => {
    const dataDir = join(directory, "events")
    const options = ["--json", "--checkpoint-interval", "2"]
    const first = startNode(dataDir, ...options)
    await first.shown('"CheckpointCreated"')
    await first.shown('"FeedEnded"')
    const events = eventsOf(await stop(first))
    expect(events[0]).toMatchObject({ event: "Started", machine: "numbers", round: 0, lastHeight: 0 })
    const blocks = events.filter(({ event }) => event === "BlockExecuted")
    expect(blocks.map(({ round, lastHeight }) => [round, lastHeight])).toEqual([
      [1, 100],
      [2, 200],
      [3, 250]
    ])
    const created = events.find(({ event }) => event === "CheckpointCreated")
    expect(created).toMatchObject({ version: 2, checkpoints: [{ version: 2, root: blocks[1]!["root"] }] })
    expect(existsSync(join(dataDir, "checkpoints", "2"))).toBe(true)

    const second = startNode(dataDir, ...options)
    await second.shown('"FeedEnded"')
    const again = eventsOf(await stop(second))
    expect(again[0]).toMatchObject({ event: "Started", round: 3, lastHeight: 250, root: blocks[2]!["root"] })
    expect(again.some(({ event }) => event === "BlockExecuted")).toBe(false)
    expect((await failureOf(["start", "--data-dir", dataDir])).line).toContain('machine "numbers"')
  })

  it("runs the key-value machine by default, in ./data, and says that nothing comes by itself", async () => {
    const cwd = join(directory, "default")
    mkdirSync(cwd)
    const node = start(["start"], { cwd })
    await node.shown("no feed")
    expect((await stop(node)).stdout).toContain("machine KeyValue version 1, data in data: new")
    expect(existsSync(join(cwd, "data", "data.mdb"))).toBe(true)
  })

  it("refuses a bare tree, and modules that are none", async () => {
    const tree = await decimalsIn(directory, 3)
    expect((await failureOf(["start", "--data-dir", tree])).line).toContain("is a bare tree")
    const dataDir = join(directory, "unborn")
    const load = async (module: string) =>
      (await failureOf(["start", "--machine", module, "--data-dir", dataDir])).line
    expect(await load("./absent.js")).toContain("no module ./absent.js")
    expect(await load(writeFile(directory, "empty.mjs", ""))).toContain("no default export")
    expect(await load(writeFile(directory, "broken.mjs", "throw new Error('a\\nb')"))).toContain("a b")
    expect(existsSync(dataDir)).toBe(false)
  })

  it("ends with one line when the machine breaks", async () => {
    const broken = module.replace(
      "execute: (",
      "execute: (_, __, { height }) => { if (height === 150n) throw new Error('stuck') ; return Effect.void }, other: ("
    )
    const file = writeFile(directory, "stuck.mjs", broken)
    const { line, stdout } = await failureOf([
      "start",
      "--machine",
      file,
      "--data-dir",
      join(directory, "stuck"),
      "--block-transactions",
      "100"
    ])
    expect(line).toContain("the state machine broke at height 150 (round 2")
    expect(stdout).toContain("block 1 ")
  })

  it("as npm start it is the cities example; a signal to npm ends it, and it goes on after kill -9", async () => {
    const dataDir = join(directory, "cities")
    const npmStart = () =>
      startCommand("npm", ["start", "--silent", "--", "--data-dir", dataDir, "--json"], project)
    const first = npmStart()
    await first.shown('"BlockExecuted"')
    first.process.kill("SIGTERM")
    expect((await first.ended).code).toBe(0)

    const bin = startCommand(
      process.execPath,
      ["dist/cli/bin.js", ...citiesArgs, "--data-dir", dataDir, "--json"],
      project
    )
    await bin.shown('"BlockExecuted"')
    bin.process.kill("SIGKILL")
    const killed = await bin.ended

    const last = npmStart()
    await last.shown('"BlockExecuted"')
    last.process.kill("SIGINT")
    const events = eventsOf(await last.ended)
    const before = eventsOf(killed)
      .filter(({ event }) => event === "BlockExecuted")
      .at(-1)!
    const [started, next] = events
    // it may have made blocks that it could not tell of any more
    expect(Number(started!["round"])).toBeGreaterThanOrEqual(Number(before["round"]))
    expect(started).toMatchObject({
      event: "Started",
      machine: "cities",
      lastHeight: 1000 * Number(started!["round"])
    })
    expect(next).toMatchObject({
      event: "BlockExecuted",
      failed: 0,
      firstHeight: Number(started!["lastHeight"]) + 1
    })
    // npm builds first where sources have changed
  }, 180_000)
})
