import * as fs from "node:fs/promises"
import { createRequire } from "node:module"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { Effect, Predicate } from "effect"
import { MachineModuleBroken, MachineModuleInvalid, MachineModuleNotFound } from "./NodeError.ts"
import { type Feed, isStateMachine, type StateMachine } from "./StateMachine.ts"

/**
 * A state machine in a module of its own: the default export is the machine, and the export `feed`, where there is
 * one, gives the transactions that a node of it executes by itself.
 */
export interface MachineModule {
  readonly stateMachine: StateMachine<unknown, unknown>
  readonly feed: Feed<unknown, unknown> | undefined
}

export type MachineModuleError = MachineModuleNotFound | MachineModuleBroken | MachineModuleInvalid

/**
 * Loads a module by path (absolute, or beginning with `.`; seen from `directory`) or by package name (installed beside
 * this program, or seen from `directory`). Runs the module's code with the rights of this process.
 */
export const load: (module: string, directory: string) => Effect.Effect<MachineModule, MachineModuleError> =
  Effect.fn("MachineModule.load")(function* (module, directory) {
    const exports = isPath(module)
      ? yield* loadFile(module, directory)
      : yield* Effect.catchTag(loadPackage(module, directory, module), "MachineModuleNotFound", (notFound) =>
          loadPackageFrom(module, directory, notFound)
        )
    return yield* check(module, exports)
  })

const isPath = (module: string): boolean => /^\.{1,2}(\/|$)/.test(module) || path.isAbsolute(module)

const loadFile = Effect.fnUntraced(function* (module: string, directory: string) {
  const file = path.resolve(directory, module)
  const isFile = yield* Effect.tryPromise({
    try: () => fs.stat(file).then((stats) => stats.isFile()),
    catch: () => new MachineModuleNotFound({ module, directory })
  })
  if (!isFile) return yield* new MachineModuleNotFound({ module, directory })
  return yield* Effect.tryPromise({
    try: (): Promise<unknown> => import(pathToFileURL(file).href),
    catch: (cause) => new MachineModuleBroken({ module, cause })
  })
})

const loadPackage = (module: string, directory: string, specifier: string) =>
  Effect.tryPromise({
    try: (): Promise<unknown> => import(specifier),
    catch: (cause) =>
      isMissing(cause, module)
        ? new MachineModuleNotFound({ module, directory })
        : new MachineModuleBroken({ module, cause })
  })

/** For a program that is installed elsewhere than the package, as a global or a temporary one is. */
const loadPackageFrom = Effect.fnUntraced(function* (
  module: string,
  directory: string,
  notFound: MachineModuleNotFound
) {
  const file = yield* Effect.try({
    try: () => createRequire(path.join(directory, "from.js")).resolve(module),
    catch: (cause) =>
      Predicate.hasProperty(cause, "code") && cause.code === "MODULE_NOT_FOUND"
        ? notFound
        : new MachineModuleBroken({ module, cause })
  })
  return yield* loadPackage(module, directory, pathToFileURL(file).href)
})

/** Whether it is the package that is missing, not something that the package imports. */
const isMissing = (cause: unknown, module: string): boolean => {
  const name = module.split("/", module.startsWith("@") ? 2 : 1).join("/")
  return (
    cause instanceof Error &&
    Predicate.hasProperty(cause, "code") &&
    cause.code === "ERR_MODULE_NOT_FOUND" &&
    (cause.message.includes(`'${name}'`) || cause.message.includes(`'${name}/`))
  )
}

const check = (module: string, exports: unknown): Effect.Effect<MachineModule, MachineModuleInvalid> => {
  if (!Predicate.hasProperty(exports, "default")) {
    return new MachineModuleInvalid({ module, reason: "NoDefaultExport" })
  }
  const stateMachine = exports.default
  if (!isStateMachine(stateMachine)) return new MachineModuleInvalid({ module, reason: "NotAStateMachine" })
  const feed = Predicate.hasProperty(exports, "feed") ? exports.feed : undefined
  if (feed !== undefined && !isFeed(feed)) {
    return new MachineModuleInvalid({ module, reason: "FeedIsNoFunction" })
  }
  return Effect.succeed({ stateMachine, feed })
}

/** More cannot be seen from outside: what the function gives is checked when it runs. */
const isFeed = (u: unknown): u is Feed<unknown, unknown> => typeof u === "function"
