import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { Effect, type Scope } from "effect"
import { copy } from "../mkvs/Bytes.ts"
import type { Root } from "../mkvs/Root.ts"
import { DatabaseDamaged, RootNotFound } from "../storage/NodeDatabaseError.ts"
import { StoreFailed } from "../storage/StoreError.ts"
import type { CheckpointStorageFailed, InvalidMetadata } from "./CheckpointError.ts"
import { tooManyChunks } from "./CheckpointLimits.ts"
import type { CreationProgress, ProducedChunks } from "./ChunkProducer.ts"
import type { CreationFailure, CreationJob, CreationReply } from "./CreationJob.ts"
import { storageFailure } from "./PlainFiles.ts"

export type CreationError =
  | RootNotFound
  | DatabaseDamaged
  | StoreFailed
  | InvalidMetadata
  | CheckpointStorageFailed

/** A thread that makes the chunks of one root after the other. */
export interface CreationWorker {
  /** Whether its program is loaded, or being loaded; that takes a few tenths of a second. */
  readonly started: Effect.Effect<boolean>
  /**
   * Runs one job; others wait. `onProgress` is called now and then in this thread. When it ends, by success, failure or
   * interruption, the worker writes no more.
   */
  readonly run: (
    job: CreationJob,
    onProgress: (progress: CreationProgress) => void
  ) => Effect.Effect<ProducedChunks, CreationError>
}

/**
 * The program of the worker. Node runs no TypeScript, so from the sources it is the built one; `undefined` where that
 * has not been built.
 */
export const workerUrl = (moduleUrl: string = import.meta.url): URL | undefined => {
  if (!moduleUrl.endsWith(".ts")) return new URL("./worker.js", moduleUrl)
  const at = moduleUrl.lastIndexOf("/src/")
  const built = new URL(`${moduleUrl.slice(0, at)}/dist/checkpoint/worker.js`)
  return at >= 0 && existsSync(fileURLToPath(built)) ? built : undefined
}

/**
 * The thread is started with its first job, and anew after an interruption, which ends it. Between jobs it is kept, but
 * does not keep the process alive. Ends with the scope.
 */
export const makeCreationWorker = (url: URL): Effect.Effect<CreationWorker, never, Scope.Scope> =>
  Effect.gen(function* () {
    const lock = yield* Effect.makeSemaphore(1)
    let current: Thread | undefined
    yield* Effect.addFinalizer(() => Effect.promise(async () => current?.worker.terminate()))

    const runAlone = (job: CreationJob, onProgress: (progress: CreationProgress) => void) =>
      Effect.async<ProducedChunks, CreationError>((resume) => {
        const thread = current === undefined || current.ended ? startThread(url) : current
        current = thread
        const { worker } = thread
        worker.ref()
        const finish = (result: Effect.Effect<ProducedChunks, CreationError>) => {
          thread.job = undefined
          worker.unref()
          resume(result)
        }
        thread.job = {
          reply: (reply) => {
            if (reply._tag === "Progress") onProgress(reply.progress)
            else if (reply._tag === "Done") finish(Effect.succeed(reply.produced))
            else finish(failWith(reply.failure, job))
          },
          died: (error) => finish(Effect.die(error))
        }
        worker.postMessage(job)
        return Effect.promise(() => {
          thread.job = undefined
          return worker.terminate()
        })
      })

    return {
      started: Effect.sync(() => current !== undefined && !current.ended),
      run: (job, onProgress) => lock.withPermits(1)(runAlone(job, onProgress))
    }
  })

interface Thread {
  readonly worker: Worker
  ended: boolean
  job:
    | {
        readonly reply: (reply: CreationReply) => void
        readonly died: (error: Error) => void
      }
    | undefined
}

const startThread = (url: URL): Thread => {
  const thread: Thread = { worker: new Worker(url), ended: false, job: undefined }
  thread.worker.unref()
  thread.worker.on("message", (reply: CreationReply) => thread.job?.reply(reply))
  // an error ends the thread: between jobs the next job finds that out, and starts another
  thread.worker.on("error", (error) => {
    thread.ended = true
    thread.job?.died(error)
  })
  thread.worker.on("exit", (code) => {
    thread.ended = true
    thread.job?.died(new Error(`the checkpoint worker ended with code ${code} before its job was done`))
  })
  return thread
}

const failWith = (
  failure: CreationFailure,
  { root, chunksMax }: CreationJob
): Effect.Effect<never, CreationError> => {
  switch (failure._tag) {
    case "RootNotFound":
      return Effect.fail(new RootNotFound({ version: root.version, type: root.type, hash: root.hash }))
    case "DatabaseDamaged":
      return Effect.fail(new DatabaseDamaged({ record: failure.record, reason: failure.reason }))
    case "StoreFailed":
      return Effect.fail(
        new StoreFailed({ path: failure.path, operation: failure.operation, cause: failure.detail })
      )
    case "TooManyChunks":
      return Effect.fail(tooManyChunks(chunksMax))
    case "StorageFailed":
      return Effect.fail(storageFailure(failure.operation, failure.path, failure.code, failure.detail))
    case "Defect":
      return Effect.die(new Error(`the checkpoint worker failed: ${failure.detail}`))
  }
}

/** What a job needs to know of a root; copied, because posting a view would clone all the memory it is a view of. */
export const jobRoot = ({ namespace, version, type, hash }: Root): CreationJob["root"] => ({
  namespace: copy(namespace),
  version,
  type,
  hash: copy(hash)
})
