import { type FileHandle, open as openFile } from "node:fs/promises"
import * as NodeStream from "@effect/platform-node/NodeStream"
import { Effect, Schema, type Scope, Stream } from "effect"

/** A file (or stdin) that a command was to read cannot be read. */
export class InputFailed extends Schema.TaggedError<InputFailed>()("InputFailed", {
  /** As given on the command line; `-` is stdin. */
  file: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${nameOf(this.file)} cannot be read: ${this.reason}`
  }
}

export const nameOf = (file: string): string => (file === "-" ? "stdin" : file)

/** The bytes of a file, or of stdin for `-`. A file that cannot be opened fails here, before anything is done. */
export const open = (
  file: string
): Effect.Effect<Stream.Stream<Uint8Array, InputFailed>, InputFailed, Scope.Scope> => {
  const failed = (error: unknown) =>
    new InputFailed({ file, reason: error instanceof Error ? error.message : String(error) })
  if (file === "-") return Effect.succeed(NodeStream.fromReadable(() => process.stdin, failed))
  return Effect.acquireRelease(
    Effect.tryPromise({ try: () => openForReading(file), catch: failed }),
    // Reading to the end, or failing to, has closed it already.
    (handle) => Effect.promise(() => handle.close().catch(() => {}))
  ).pipe(
    Effect.map((handle) =>
      NodeStream.fromReadable<InputFailed, Uint8Array>(() => handle.createReadStream(), failed)
    )
  )
}

/** All of a file or stdin, of which more than `bytesMax` bytes are refused before they are held. */
export const readAll = (file: string, bytesMax: number): Effect.Effect<Uint8Array, InputFailed> =>
  Effect.gen(function* () {
    const parts: Array<Uint8Array> = []
    let bytes = 0
    yield* Stream.runForEach(yield* open(file), (part) => {
      parts.push(part)
      bytes += part.length
      const reason = `it has more than ${bytesMax} bytes`
      return bytes > bytesMax ? new InputFailed({ file, reason }) : Effect.void
    })
    return new Uint8Array(Buffer.concat(parts))
  }).pipe(Effect.scoped)

const openForReading = async (file: string): Promise<FileHandle> => {
  const handle = await openFile(file, "r")
  try {
    if ((await handle.stat()).isDirectory()) throw new Error("it is a directory")
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}
