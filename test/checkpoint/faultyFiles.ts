import { SystemError } from "@effect/platform/Error"
import type { File, OpenFileOptions } from "@effect/platform/FileSystem"
import { FileSystem, make } from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, Layer } from "effect"

/** One change of the file system, in words: `sync chunks/0`. */
export type Operation = string

export interface Hooks {
  /** Called before each change, with paths as they end. `true` lets it fail with `code`. */
  readonly fails: (operation: Operation) => boolean
  readonly code?: string
}

/** The real file system, watched, and failing where told to. Paths are shortened to what is below `directory`. */
export const faultyFiles = (directory: () => string, { fails, code = "ENOSPC" }: Hooks) => {
  const fileSystem = Layer.effect(
    FileSystem,
    Effect.map(FileSystem, (fs) => {
      const before = (verb: string, path: string) =>
        Effect.suspend(() => {
          const name = path.startsWith(directory()) ? path.slice(directory().length + 1) || "." : path
          if (!fails(`${verb} ${name}`)) return Effect.void
          return new SystemError({
            module: "FileSystem",
            method: verb,
            reason: "Unknown",
            pathOrDescriptor: path,
            cause: Object.assign(new Error(`${code}: told to fail`), { code })
          })
        })
      const watched = (path: string, file: File): File => ({
        ...file,
        fd: file.fd,
        stat: file.stat,
        seek: (offset, from) => file.seek(offset, from),
        read: (buffer) => file.read(buffer),
        readAlloc: (size) => file.readAlloc(size),
        truncate: (length) => file.truncate(length),
        write: (buffer) => file.write(buffer),
        sync: Effect.zipRight(before("sync", path), file.sync),
        writeAll: (bytes) => Effect.zipRight(before("write", path), file.writeAll(bytes))
      })
      return make({
        ...fs,
        makeDirectory: (path, options) =>
          Effect.zipRight(before("mkdir", path), fs.makeDirectory(path, options)),
        rename: (from, to) => Effect.zipRight(before("rename", to), fs.rename(from, to)),
        remove: (path, options) => Effect.zipRight(before("remove", path), fs.remove(path, options)),
        open: (path: string, options?: OpenFileOptions) =>
          (options?.flag === "wx" ? before("create", path) : Effect.void).pipe(
            Effect.zipRight(fs.open(path, options)),
            Effect.map((file) => watched(path, file))
          )
      })
    })
  )
  return Layer.merge(Layer.provide(fileSystem, NodeFileSystem.layer), NodePath.layer)
}
