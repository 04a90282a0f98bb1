import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bundle } from "../support/bundle.ts"
import { type Call, isSync, isWrite, type Section, sections } from "./trace.ts"

/**
 * Kill -9 cannot show durability, because the system keeps what a dead process has written. So the system calls are
 * looked at: when something is reported as done, the calls that put it on the disk must have returned.
 */

const calls = "openat,write,pwrite64,writev,pwritev,pwritev2,fdatasync,fsync,msync,rename,renameat,renameat2"
let folder = ""
let all: ReadonlyArray<Section> = []
/** Descriptors of the data file that are opened so that each write is on the disk when it returns. */
let synchronous: ReadonlyArray<string> = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cairn-durability-"))
  const trace = join(folder, "trace")
  await Effect.runPromise(
    Effect.scoped(
      Effect.map(bundle({ program: "test/long/durability/program.ts" }), ({ program }) => {
        const command = [
          "-f",
          "-y",
          "-s",
          "64",
          "-e",
          `trace=${calls}`,
          "-o",
          trace,
          process.execPath,
          program,
          folder
        ]
        try {
          execFileSync("strace", command, { stdio: "pipe" })
        } catch (error) {
          if (error instanceof Error && "code" in error && error.code === "ENOENT") {
            throw new Error("this test needs strace: apt-get install strace")
          }
          throw error
        }
      })
    )
  )
  const text = readFileSync(trace, "utf8")
  synchronous = Array.from(text.matchAll(/data\.mdb", [^)]*O_DSYNC[^)]*\) = (\d+)</g), (match) => match[1]!)
  all = sections(text)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const reports = (done: string): ReadonlyArray<Section> => {
  const found = all.filter((section) => section.done === done)
  expect(found.length, `reports of ${done}`).toBeGreaterThan(0)
  return found
}

const isHead = (call: Call): boolean =>
  synchronous.some((descriptor) => call.text.includes(`(${descriptor}<`))

/** LMDB: pages are written and flushed, and then the head that refers to them, by a write that flushes itself. */
const expectCommitted = ({ calls, done }: Section, database: string): void => {
  const own = calls.filter(({ path }) => path.endsWith(`${database}/data.mdb`))
  const written = own.findLastIndex((call) => isWrite(call) && !isHead(call))
  const flushed = own.findLastIndex(isSync)
  const head = own.findLastIndex((call) => isWrite(call) && isHead(call))
  expect(written, `${done}: pages are written`).toBeGreaterThanOrEqual(0)
  expect(flushed, `${done}: pages are flushed after they are written`).toBeGreaterThan(written)
  expect(head, `${done}: the head is written after the pages are flushed`).toBeGreaterThan(flushed)
}

describe("what is on the disk when", () => {
  it("finalize, records.write and prune return", () => {
    expect(synchronous.length).toBeGreaterThan(0)
    expect(reports("finalize").length).toBe(2)
    for (const done of ["finalize", "records", "prune"]) {
      for (const section of reports(done)) expectCommitted(section, "source")
    }
  })

  it("a chunk is restored, and the restored version is final", () => {
    expect(reports("chunk").length).toBeGreaterThan(2)
    for (const done of ["chunk", "restored"])
      for (const section of reports(done)) expectCommitted(section, "target")
  })

  it("a checkpoint is made: chunks before meta, meta before its name", () => {
    const [section] = reports("checkpoint")
    const { calls } = section!
    const chunks = new Set(
      calls.filter(isWrite).flatMap(({ path }) => (/chunks\/\d+$/.test(path) ? [path] : []))
    )
    expect(chunks.size).toBeGreaterThan(2)
    const meta = calls.findIndex((call) => isWrite(call) && /\/meta\b[^/]*$/.test(call.path))
    for (const chunk of chunks) {
      const written = calls.findLastIndex((call) => isWrite(call) && call.path === chunk)
      const flushed = calls.findLastIndex((call) => isSync(call) && call.path === chunk)
      expect(flushed, `${chunk} is flushed`).toBeGreaterThan(written)
      expect(meta, "meta is written after the chunks are flushed").toBeGreaterThan(flushed)
    }
    const metaFlushed = calls.findLastIndex((call) => isSync(call) && /\/meta\b[^/]*$/.test(call.path))
    const named = calls.findLastIndex((call) => call.name.startsWith("rename") && call.path.endsWith("/meta"))
    const directoryFlushed = calls.findLastIndex((call) => isSync(call) && /\/[0-9a-f]{64}$/.test(call.path))
    expect(metaFlushed).toBeGreaterThan(meta)
    expect(named).toBeGreaterThan(metaFlushed)
    expect(directoryFlushed).toBeGreaterThan(named)
  })
})
