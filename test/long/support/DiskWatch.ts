import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { relative } from "node:path"
import { isMainThread } from "node:worker_threads"
import { mark } from "./Mark.ts"

/**
 * To be preloaded: lets each change of the file system below a directory say before and after it where it is. Works by
 * exchanging functions of `node:fs`, so that it holds for threads too, and for whoever calls it.
 */

/** Environment variable with the directory. */
export const watchVariable = "CAIRN_KILL_WATCH"

/** Names of steps by what is touched: paths below the directory. What worker threads do is told apart. */
const steps: ReadonlyArray<readonly [RegExp, string]> = [
  [/^\d+\/[0-9a-f-]+\/chunks\/\d+$/, "chunk"],
  [/^\d+\/[0-9a-f-]+\/chunks$/, "chunk names"],
  [/^\d+\/[0-9a-f-]+\/meta\.new$/, "meta"],
  [/^\d+\/[0-9a-f-]+\/meta$/, "meta name"],
  [/^\d+\/[0-9a-f-]+$/, "place"],
  [/^\d*$/, "above"]
]

const stepOf = (path: string): string | undefined => {
  const watched = process.env[watchVariable]
  if (watched === undefined) return undefined
  const below = relative(watched, path)
  const step = steps.find(([pattern]) => pattern.test(below))?.[1]
  return step === undefined || isMainThread ? step : `${step} in worker`
}

/** Steps of open files, by descriptor. */
const open = new Map<number, string>()

type Call = (...parameters: ReadonlyArray<unknown>) => unknown

/** Exchanges a function of `node:fs`. */
const exchange = (name: string, make: (original: Call) => Call): void => {
  // Functions of all kinds are treated alike here: what they take is handed on as it is.
  const functions = fs as unknown as Record<string, Call>
  functions[name] = make(functions[name]!)
}

/** The call runs in another thread, so a kill while this one stays may come before, within or after it. */
const marking = (original: Call, step: string, ...parameters: ReadonlyArray<unknown>): void => {
  const callback = callbackOf(parameters)
  original(...parameters.slice(0, -1), (...results: ReadonlyArray<unknown>) => {
    mark(step, "after")
    callback(...results)
  })
  mark(step, "during")
}

const callbackOf = (parameters: ReadonlyArray<unknown>): Call => {
  const callback = parameters.at(-1)
  if (typeof callback !== "function") throw new Error("expected a callback")
  return (...results) => callback(...results)
}

const isNew = (flags: unknown): boolean => typeof flags === "string" && flags.startsWith("wx")

exchange("openSync", (original) => (path, flags, ...rest) => {
  const step = stepOf(String(path))
  if (step === undefined) return original(path, flags, ...rest)
  if (isNew(flags)) mark(step, "before")
  const descriptor = Number(original(path, flags, ...rest))
  open.set(descriptor, step)
  if (isNew(flags)) mark(step, "filling")
  return descriptor
})

exchange("open", (original) => (path, flags, ...rest) => {
  const step = stepOf(String(path))
  if (step === undefined) return original(path, flags, ...rest)
  const callback = callbackOf(rest)
  if (isNew(flags)) mark(step, "before")
  return original(path, flags, ...rest.slice(0, -1), (error: unknown, descriptor: unknown) => {
    open.set(Number(descriptor), step)
    if (isNew(flags)) mark(step, "filling")
    callback(error, descriptor)
  })
})

exchange("close", (original) => (descriptor, ...rest) => {
  open.delete(Number(descriptor))
  return original(descriptor, ...rest)
})

exchange("fsync", (original) => (descriptor, callback) => {
  const step = open.get(Number(descriptor))
  if (step === undefined) return original(descriptor, callback)
  // A directory has nothing to be filled with.
  if (step === "chunk names" || step === "place" || step === "above") mark(step, "before")
  marking(original, step, descriptor, callback)
})

exchange("rename", (original) => (from, to, callback) => {
  const step = stepOf(String(to))
  if (step === undefined) return original(from, to, callback)
  mark(step, "before")
  marking(original, step, from, to, callback)
})

exchange("rm", (original) => (path, options, callback) => {
  const step = stepOf(String(path))
  if (step === undefined) return original(path, options, callback)
  mark(`${step} removed`, "before")
  marking(original, `${step} removed`, path, options, callback)
})

syncBuiltinESMExports()
