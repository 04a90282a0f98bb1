import { mkdir, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MachineModule from "../../src/node/MachineModule.ts"
import { temporaryDirectory } from "./media.ts"

const machine = `{ [Symbol.for("effect-cairn/StateMachine")]: Symbol.for("effect-cairn/StateMachine"), name: "mine", version: 1 }`

/** A directory with these files in it. */
const withFiles = (files: Record<string, string>) =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory()
    for (const [name, text] of Object.entries(files)) {
      yield* Effect.promise(() => mkdir(join(directory, name, ".."), { recursive: true }))
      yield* Effect.promise(() => writeFile(join(directory, name), text))
    }
    return directory
  })

describe("MachineModule", () => {
  it.scoped("loads by path, relative and absolute, and by package name", () =>
    Effect.gen(function* () {
      const directory = yield* withFiles({
        "sub/machine.mjs": `export default ${machine}; export const feed = () => {}`,
        "node_modules/my-machine/package.json": `{ "name": "my-machine", "main": "index.mjs" }`,
        "node_modules/my-machine/index.mjs": `export default ${machine}`
      })
      for (const module of ["./sub/machine.mjs", "../sub/machine.mjs", join(directory, "sub/machine.mjs")]) {
        const from = module.startsWith("..") ? join(directory, "node_modules") : directory
        const loaded = yield* MachineModule.load(module, from)
        expect(loaded.stateMachine.name).toBe("mine")
        expect(loaded.feed).toBeTypeOf("function")
      }
      const loaded = yield* MachineModule.load("my-machine", directory)
      expect(loaded.stateMachine.name).toBe("mine")
      expect(loaded.feed).toBeUndefined()
    })
  )

  it.scoped("says that a module is not there", () =>
    Effect.gen(function* () {
      const directory = yield* withFiles({ "sub/machine.mjs": "" })
      for (const module of [
        "./absent.mjs",
        "./sub",
        join(tmpdir(), "absent", "x.mjs"),
        "absent-package",
        "@absent/package/sub"
      ]) {
        const error = yield* Effect.flip(MachineModule.load(module, directory))
        expect(error).toMatchObject({ _tag: "MachineModuleNotFound", module })
        expect(error.message).toContain(module)
      }
    })
  )

  it.scoped("says why a module cannot be loaded", () =>
    Effect.gen(function* () {
      const directory = yield* withFiles({
        "throws.mjs": `throw new Error("not today")`,
        "syntax.mjs": "export default {",
        "imports.mjs": `import "absent-package"; export default ${machine}`
      })
      for (const [module, reason] of [
        ["./throws.mjs", "not today"],
        ["./syntax.mjs", ""],
        ["./imports.mjs", "absent-package"]
      ] as const) {
        const error = yield* Effect.flip(MachineModule.load(module, directory))
        expect(error._tag).toBe("MachineModuleBroken")
        expect(error.message).toContain(reason)
      }
    })
  )

  it.scoped("says what is wrong with its exports", () =>
    Effect.gen(function* () {
      const directory = yield* withFiles({
        "none.mjs": "export const other = 1",
        "number.mjs": "export default 1",
        "class.mjs": `export default { name: "mine", version: 1, execute() {} }`,
        "feed.mjs": `export default ${machine}; export const feed = []`
      })
      for (const [module, reason] of [
        ["./none.mjs", "NoDefaultExport"],
        ["./number.mjs", "NotAStateMachine"],
        ["./class.mjs", "NotAStateMachine"],
        ["./feed.mjs", "FeedIsNoFunction"]
      ] as const) {
        const error = yield* Effect.flip(MachineModule.load(module, directory))
        expect(error).toMatchObject({ _tag: "MachineModuleInvalid", module, reason })
      }
    })
  )

  it.scoped("looks for a package beside the program first", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory()
      // `effect` is installed beside this program and is no machine, which shows that it was found.
      const error = yield* Effect.flip(MachineModule.load("effect", directory))
      expect(error).toMatchObject({ _tag: "MachineModuleInvalid", reason: "NoDefaultExport" })
    })
  )
})
