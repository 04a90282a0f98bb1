import type { PlatformError } from "@effect/platform/Error"
import { FileSystem } from "@effect/platform/FileSystem"
import { Path } from "@effect/platform/Path"
import { Effect, Option } from "effect"
import { CheckpointStorageFailed } from "./CheckpointError.ts"

/**
 * Plain files and directories below a directory that is trusted, while what lies inside may have come from anywhere:
 * symbolic links, devices and pipes are refused, not followed or waited for.
 */

type Files = FileSystem | Path

/** A path below `base`, by its names. */
export interface Below {
  readonly base: string
  readonly names: ReadonlyArray<string>
}

export const pathOf = ({ base, names }: Below) => Effect.map(Path, (path) => path.join(base, ...names))

/**
 * The path if something is there, `None` if nothing is. Fails with `SymbolicLink` where one lies on the way from `base`
 * (which may itself be one), and with `NotPlain` for anything but a `kind`.
 */
export const find = (
  below: Below,
  kind: "File" | "Directory"
): Effect.Effect<Option.Option<FoundFile>, CheckpointStorageFailed, Files> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const target = yield* pathOf(below)
    const refused = (reason: "SymbolicLink" | "NotPlain", detail: string) =>
      new CheckpointStorageFailed({ path: target, operation: "open", reason, detail })
    const real = yield* absentAsNone(fs.realPath(target), "open", target)
    if (Option.isNone(real)) return Option.none()
    const expected = (yield* Path).join(
      yield* failing(fs.realPath(below.base), "open", below.base),
      ...below.names
    )
    if (real.value !== expected) return yield* refused("SymbolicLink", "a symbolic link lies on the way")
    const info = yield* absentAsNone(fs.stat(target), "open", target)
    if (Option.isNone(info)) return Option.none()
    if (info.value.type !== kind) return yield* refused("NotPlain", `it is no plain ${kind.toLowerCase()}`)
    return Option.some({ path: target, bytes: Number(info.value.size) })
  })

export interface FoundFile {
  readonly path: string
  readonly bytes: number
}

/** Names in a directory in no order; `[]` where it does not exist. */
export const namesIn = (below: Below): Effect.Effect<ReadonlyArray<string>, CheckpointStorageFailed, Files> =>
  Effect.gen(function* () {
    const found = yield* find(below, "Directory")
    if (Option.isNone(found)) return []
    const { path } = found.value
    const names = yield* absentAsNone(
      Effect.flatMap(FileSystem, (fs) => fs.readDirectory(path)),
      "list",
      path
    )
    return Option.getOrElse(names, () => [])
  })

/** Creates the directory and its parents; their names are durable when it returns. */
export const makeDirectory = (directory: string): Effect.Effect<void, CheckpointStorageFailed, Files> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const path = yield* Path
    const missing: Array<string> = []
    for (
      let at = path.resolve(directory);
      !(yield* failing(fs.exists(at), "create", at));
      at = path.dirname(at)
    ) {
      missing.push(at)
    }
    // one by one: Node's own recursion never ends where the system says that nothing is there, as in /proc
    for (const made of missing.reverse()) {
      const create = Effect.catchIf(
        fs.makeDirectory(made, { mode: 0o700 }),
        (error) => error._tag === "SystemError" && error.reason === "AlreadyExists",
        () => Effect.void
      )
      yield* failing(create, "create", made)
      yield* syncDirectory(path.dirname(made))
    }
  })

/** Makes the names in a directory durable. */
export const syncDirectory = (directory: string): Effect.Effect<void, CheckpointStorageFailed, FileSystem> =>
  failing(
    Effect.scoped(
      Effect.gen(function* () {
        const file = yield* (yield* FileSystem).open(directory, { flag: "r" })
        yield* file.sync
      })
    ),
    "sync",
    directory
  )

/** A new file with this content, durable (but for its name) when it returns. */
export const writeNew = (
  path: string,
  bytes: Uint8Array
): Effect.Effect<void, CheckpointStorageFailed, FileSystem> =>
  failing(
    Effect.scoped(
      Effect.gen(function* () {
        const file = yield* (yield* FileSystem).open(path, { flag: "wx", mode: 0o600 })
        yield* file.writeAll(bytes)
        yield* file.sync
      })
    ),
    "write",
    path
  )

/** Removes whatever is there, without following links; nothing there is no error. */
export const removeAll = (path: string): Effect.Effect<void, CheckpointStorageFailed, FileSystem> =>
  failing(
    Effect.flatMap(FileSystem, (fs) => fs.remove(path, { recursive: true, force: true })),
    "remove",
    path
  )

export const failing = <A, R>(
  effect: Effect.Effect<A, PlatformError, R>,
  operation: string,
  path: string
): Effect.Effect<A, CheckpointStorageFailed, R> => Effect.mapError(effect, storageFailed(operation, path))

/** As `failing`, but something that does not exist is `None`. */
export const absentAsNone = <A, R>(
  effect: Effect.Effect<A, PlatformError, R>,
  operation: string,
  path: string
): Effect.Effect<Option.Option<A>, CheckpointStorageFailed, R> =>
  effect.pipe(
    Effect.map(Option.some),
    Effect.catchIf(
      (error) => error._tag === "SystemError" && error.reason === "NotFound",
      () => Effect.succeed(Option.none<A>())
    ),
    Effect.mapError(storageFailed(operation, path))
  )

export const storageFailed =
  (operation: string, path: string) =>
  (error: PlatformError): CheckpointStorageFailed =>
    storageFailure(operation, path, errnoOf(error.cause), error.message)

/** `code` is the system's name of the error, such as `ENOSPC`. */
export const storageFailure = (
  operation: string,
  path: string,
  code: string | undefined,
  detail: string
): CheckpointStorageFailed =>
  new CheckpointStorageFailed({
    path,
    operation,
    reason: code === undefined ? "Failed" : (reasons.get(code) ?? "Failed"),
    detail
  })

/** The system's name of an error of Node, where it has one. */
export const errnoOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined

const reasons = new Map<string, CheckpointStorageFailed["reason"]>([
  ["ENOSPC", "Full"],
  ["EDQUOT", "Full"],
  ["EFBIG", "Full"],
  ["EROFS", "NotPermitted"],
  ["EACCES", "NotPermitted"],
  ["EPERM", "NotPermitted"],
  ["ELOOP", "SymbolicLink"],
  ["ENOTDIR", "NotPlain"],
  ["EISDIR", "NotPlain"]
])
