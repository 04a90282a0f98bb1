import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as LmdbPageStore from "../../src/storage/LmdbPageStore.ts"
import { buildPrograms, type Programs, startChild } from "./children.ts"
import { bytes, listed, numberKey, put, text } from "./records.ts"
import { temporaryDirectory } from "./temporary.ts"

/** The LMDB store among other threads and processes, and on media that refuse. */

let programs: Programs
beforeAll(async () => {
  programs = await buildPrograms("store", "reader")
})
afterAll(() => programs.remove())

/** Runs `programs/store.ts` to its end. */
const run = (mode: string, path: string, ...access: ReadonlyArray<string>) =>
  Effect.flatMap(startChild(programs.path("store"), [mode, path, ...access]), (child) =>
    Effect.promise(child.hear)
  )

/** Whether this process may mount file systems of its own. */
const canMount = spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", tmpdir()]).status === 0

/** Commands run by a shell that has mounts of its own, or, without the right to, other restrictions. */
const shell = (script: string, ...args: ReadonlyArray<string>): Record<string, unknown> => {
  const [command, ...rest] = canMount ? ["unshare", "-m", "sh"] : ["sh"]
  const output = execFileSync(command!, [
    ...rest,
    "-c",
    script,
    "sh",
    process.execPath,
    programs.path("store"),
    ...args
  ])
  return JSON.parse(output.toString())
}

describe("LMDB in several threads and processes", () => {
  it.scoped("shows readers in threads what is written meanwhile, in order", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      const store = yield* LmdbPageStore.open({ path })
      store.write([put("a", "count", "0")])
      const threads = Array.from(
        { length: 3 },
        () => new Worker(programs.path("reader"), { workerData: { path, until: 50 } })
      )
      const answers = threads.map(
        (thread) =>
          new Promise<ReadonlyArray<number>>((resolve, reject) => {
            thread.on("message", resolve).on("error", reject)
          })
      )
      for (let i = 1; i <= 50; i++) {
        store.write([put("a", "count", `${i}`), put(`new ${i}`, "k", "v")])
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      for (const seen of yield* Effect.promise(() => Promise.all(answers))) {
        expect(seen.at(-1)).toBe(50)
        expect(seen).toEqual([...seen].sort((a, b) => a - b))
      }
      expect(text(store.get("new 50", bytes("k")))).toBe("v")
    })
  )

  it.scoped("reads beside a process that writes: each snapshot is of one moment", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      const writer = yield* startChild(programs.path("store"), ["count", path])
      yield* Effect.promise(writer.hear)
      const store = yield* LmdbPageStore.open({ path, readOnly: true })
      let last = 0
      for (let round = 0; round < 20; round++) {
        const [reported] = Object.values(yield* Effect.promise(writer.hear))
        store.refresh()
        const count = Number(text(store.get("a", bytes("count"))))
        expect(Number(text(store.get("b", bytes("count"))))).toBe(count)
        expect([...store.range("pages", { reverse: true })][0]![0]).toEqual(numberKey(count))
        expect(count).toBeGreaterThanOrEqual(Math.max(last, Number(reported)))
        last = count
      }
    })
  )

  it.scoped("lets guarded writes of several processes take turns: none overwrites what it has not read", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      const store = yield* LmdbPageStore.open({ path })
      const answers = yield* Effect.all([run("add", path), run("add", path), run("add", path)], {
        concurrency: 3
      })
      expect(answers).toEqual([{ added: 200 }, { added: 200 }, { added: 200 }])
      expect(text(store.get("a", bytes("sum")))).toBe("600")
    })
  )

  it.scoped("goes on after a writer that was killed, with all that its writes had returned", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      for (let round = 0; round < 5; round++) {
        const writer = yield* startChild(programs.path("store"), ["count", path])
        const heard = yield* Effect.promise(async () => {
          let last = 0
          for (let i = 0; i <= 3 * round; i++) last = Number((await writer.hear())["count"])
          return last
        })
        writer.signal("SIGKILL")
        expect(yield* Effect.promise(() => writer.ended)).toBe("SIGKILL")
        yield* Effect.scoped(
          Effect.map(LmdbPageStore.open({ path }), (store) => {
            const count = Number(text(store.get("a", bytes("count"))))
            expect(count).toBeGreaterThanOrEqual(heard)
            expect(listed(store, "b")).toEqual([`count=${count}`])
            store.write([put("c", "round", `${round}`)])
            expect(listed(store, "c")).toEqual([`round=${round}`])
          })
        )
      }
    })
  )
})

describe("LMDB on media that refuse", () => {
  const tried = { error: "StoreFull", again: "StoreFull", whole: true }

  it.scoped("a limit for files: StoreFull, and what was there stays whole", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      const answer = shell('ulimit -f 8192 && exec "$@"', "fill", path)
      expect(answer).toMatchObject(tried)
      expect(answer["batches"]).toBeGreaterThan(5)
      expect(answer["kept"]).toBe(answer["batches"])
      // The limit is gone: it goes on.
      expect(yield* run("write", path)).toEqual({ error: "none" })
    })
  )

  it.scoped("a disk that fills up: StoreFull; with room again it goes on", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      // Without the right to mount, the limit for files stands in for the disk.
      const full = canMount ? 'mount -t tmpfs -o size=4m tmpfs "$4"' : "ulimit -f 8192"
      const answer = shell(`${full} && exec "$1" "$2" "$3" "$4/database"`, "fill", path)
      expect(answer).toMatchObject(tried)
      expect(answer["kept"]).toBe(answer["batches"])
    })
  )

  it.scoped("a disk that is full already: StoreFull, however little is left; with room it works", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      if (!canMount)
        return expect(shell('ulimit -f 0 && exec "$@"', "write", path)).toMatchObject({ error: "StoreFull" })
      for (const pages of [0, 5, 40]) {
        const size = 400
        const fill = `head -c $((${size - 4 * pages} * 1024)) /dev/zero > "$4/fill"`
        const mounted = `mount -t tmpfs -o size=${size}k tmpfs "$4" && mkdir "$4/database" && ${fill}`
        const program = '"$1" "$2" "$3" "$4/database"'
        expect(shell(`${mounted} && exec ${program}`, "write", path)).toMatchObject({ error: "StoreFull" })
        expect(
          shell(`${mounted} && ${program} > /dev/null; rm "$4/fill" && exec ${program}`, "write", path)
        ).toEqual({
          error: "none"
        })
      }
    })
  )

  it.scoped("a read-only file system, or one that may not be written: StoreReadOnly; reading works", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      expect(yield* run("write", path)).toEqual({ error: "none" })
      const protect = canMount ? 'mount --bind "$4" "$4" && mount -o remount,bind,ro "$4" && ' : ""
      if (!canMount) chmodSync(path, 0o500)
      for (const withLockFile of [true, false]) {
        if (!withLockFile && canMount) rmSync(join(path, "lock.mdb"))
        expect(shell(`${protect}exec "$1" "$2" "$3" "$4" read-only`, "read", path)).toEqual({
          error: "none",
          records: ["k=v"]
        })
        expect(shell(`${protect}exec "$@"`, "write", path)).toMatchObject({
          opened: false,
          error: "StoreReadOnly"
        })
      }
      chmodSync(path, 0o700)
    })
  )

  it.scoped("a damaged or foreign directory: StoreFailed in a process that lives on", () =>
    Effect.gen(function* () {
      const path = yield* temporaryDirectory
      const failed = { opened: false, error: "StoreFailed" }
      mkdirSync(join(path, "odd", "data.mdb"), { recursive: true })
      mkdirSync(join(path, "odd lock", "lock.mdb"), { recursive: true })
      mkdirSync(join(path, "garbage"))
      writeFileSync(join(path, "garbage", "data.mdb"), "x".repeat(100_000))
      writeFileSync(join(path, "file"), "")
      for (const name of ["odd", "odd lock", "garbage", "file", "file/below"]) {
        expect(yield* run("write", join(path, name)), name).toMatchObject(failed)
      }
    })
  )
})
