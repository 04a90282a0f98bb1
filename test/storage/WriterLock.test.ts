import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as WriterLock from "../../src/storage/WriterLock.ts"
import { buildPrograms, type Child, type Programs, startChild } from "./children.ts"
import { temporaryDirectory } from "./temporary.ts"

const lockFile = (directory: string) => join(directory, "writer.lock")

/** Fails unless the lock can be had now. */
const free = (directory: string) => Effect.scoped(WriterLock.acquire(directory))

describe("WriterLock in one process", () => {
  it.scoped("is held by one at a time, and let go with the scope", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const scope = yield* Scope.make()
      yield* Scope.extend(WriterLock.acquire(directory), scope)
      const error = yield* Effect.flip(free(directory))
      expect(error).toMatchObject({ _tag: "DatabaseHeld", path: directory })
      expect(error.message).toContain(`process ${process.pid} on ${hostname()}, since `)
      // A refused attempt does not take the lock with it.
      yield* Effect.flip(free(directory))
      yield* Scope.close(scope, Exit.void)
      yield* free(directory)
      yield* free(directory)
    })
  )

  it.scoped("is one per directory", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* temporaryDirectory, yield* temporaryDirectory]
      yield* WriterLock.acquire(a)
      yield* WriterLock.acquire(b)
      expect((yield* Effect.flip(free(a)))._tag).toBe("DatabaseHeld")
    })
  )

  it.scoped("makes the directory, and a file of its own that only the owner can read and that stays", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryDirectory, "a", "b")
      yield* free(directory)
      expect(statSync(directory).mode & 0o777).toBe(0o700)
      expect(statSync(lockFile(directory)).mode & 0o777).toBe(0o600)
      const { ino } = statSync(lockFile(directory))
      yield* free(directory)
      expect(statSync(lockFile(directory)).ino).toBe(ino)
    })
  )

  it.scoped("says who holds it while it is held, and nobody afterwards", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* WriterLock.acquire(directory)
          const holder = JSON.parse(readFileSync(lockFile(directory), "utf8"))
          expect(holder).toMatchObject({ host: hostname(), pid: process.pid })
        })
      )
      expect(readFileSync(lockFile(directory), "utf8")).toBe("")
    })
  )

  it.scoped("does not go by what the file says", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      for (const content of [
        "garbage",
        "x".repeat(100_000),
        `{"host":"h","pid":${process.pid},"since":"now"}`
      ]) {
        writeFileSync(lockFile(directory), content)
        yield* free(directory)
      }
      yield* WriterLock.acquire(directory)
      writeFileSync(lockFile(directory), '{"host":"\\u001b[2J","pid":1,"since":"2026-01-01T00:00:00.000Z"}')
      const error = yield* Effect.flip(free(directory))
      expect(error).toMatchObject({ _tag: "DatabaseHeld", holder: "it has not said who it is" })
    })
  )

  it.scoped("follows no symbolic link, and takes no directory for its file", () =>
    Effect.gen(function* () {
      const [linked, odd] = [yield* temporaryDirectory, yield* temporaryDirectory]
      const victim = join(linked, "victim")
      writeFileSync(victim, "content")
      symlinkSync(victim, lockFile(linked))
      mkdirSync(lockFile(odd))
      for (const directory of [linked, odd]) {
        const error = yield* Effect.flip(free(directory))
        expect(error).toMatchObject({ _tag: "StoreFailed", path: directory, operation: "lock" })
      }
      expect(readFileSync(victim, "utf8")).toBe("content")
    })
  )

  it.scoped("fails by name where the native module does not load: there is no running unlocked", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryDirectory, "new")
      const absent = () => {
        throw new Error("no prebuilt binary")
      }
      for (const loadNative of [absent, () => ({}), () => undefined]) {
        const error = yield* Effect.flip(Effect.scoped(WriterLock.acquire(directory, { loadNative })))
        expect(error).toMatchObject({ _tag: "StoreFailed", path: directory, operation: "lock" })
        expect(error.message).toContain("fs-native-extensions")
      }
      expect(existsSync(directory)).toBe(false)
    })
  )
})

describe("WriterLock between processes", () => {
  let programs: Programs
  beforeAll(async () => {
    programs = await buildPrograms("lock")
  })
  afterAll(() => programs.remove())

  const start = (directory: string) => startChild(programs.path("lock"), [directory])
  const hear = (child: Child) => Effect.promise(child.hear)

  it.scoped("refuses a second process and names the first; a third has it when that one lets go", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const first = yield* start(directory)
      expect(yield* hear(first)).toEqual({ held: true })
      const second = yield* hear(yield* start(directory))
      expect(second["error"]).toBe("DatabaseHeld")
      expect(second["message"]).toContain(`process ${first.pid} on ${hostname()}`)
      expect((yield* Effect.flip(free(directory)))._tag).toBe("DatabaseHeld")
      first.say("release")
      expect(yield* hear(first)).toEqual({ released: true })
      expect(yield* hear(yield* start(directory))).toEqual({ held: true })
    })
  )

  it.scoped("goes with a killed holder, at once and without traces, again and again", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      for (let round = 0; round < 3; round++) {
        const holder = yield* start(directory)
        expect(yield* hear(holder)).toEqual({ held: true })
        holder.signal("SIGKILL")
        expect(yield* Effect.promise(() => holder.ended)).toBe("SIGKILL")
        // The file still names the dead one; that means nothing.
        expect(readFileSync(lockFile(directory), "utf8")).toContain(`${holder.pid}`)
        yield* free(directory)
      }
    })
  )

  it.scoped("stays with a holder that is stopped", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const holder = yield* start(directory)
      expect(yield* hear(holder)).toEqual({ held: true })
      holder.signal("SIGSTOP")
      expect((yield* Effect.flip(free(directory)))._tag).toBe("DatabaseHeld")
      holder.signal("SIGCONT")
      holder.say("release")
      expect(yield* hear(holder)).toEqual({ released: true })
      yield* free(directory)
    })
  )

  it.scoped("is had by exactly one of many that come at once", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const children = yield* Effect.all(Array.from({ length: 5 }, () => start(directory)))
      const answers = yield* Effect.all(children.map(hear), { concurrency: "unbounded" })
      expect(answers.filter((answer) => answer["held"] === true).length).toBe(1)
      expect(answers.filter((answer) => answer["error"] === "DatabaseHeld").length).toBe(4)
    })
  )
})
