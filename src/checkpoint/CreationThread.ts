import * as fs from "node:fs"
import { join } from "node:path"
import type { MessagePort } from "node:worker_threads"
import { Root } from "../mkvs/Root.ts"
import type { TreeNode } from "../mkvs/TreeNode.ts"
import { DatabaseDamaged, RootNotFound } from "../storage/NodeDatabaseError.ts"
import { StoreFailed } from "../storage/StoreError.ts"
import { ChunkProducer } from "./ChunkProducer.ts"
import type { CreationFailure, CreationJob, CreationReply } from "./CreationJob.ts"

/** A root opened for reading only, in a thread of its own. */
export interface OpenedRoot {
  readonly top: TreeNode | undefined
  /** Lets go of the read snapshot, so that a long walk does not keep old pages alive. */
  refresh(): void
  close(): unknown
}

export type OpenRoot = (databasePath: string, root: Root) => Promise<OpenedRoot>

/** Does the jobs that come in by `port`, one after the other. */
export const serveJobs = (port: MessagePort, open: OpenRoot): void => {
  port.on("message", (job: CreationJob) => {
    const reply = (message: CreationReply): void => port.postMessage(message)
    doJob(job, open, reply).then(reply, (error) => reply({ _tag: "Failed", failure: failureOf(error) }))
  })
}

const doJob = async (
  job: CreationJob,
  open: OpenRoot,
  reply: (message: CreationReply) => void
): Promise<CreationReply> => {
  const opened = await open(job.databasePath, new Root(job.root))
  try {
    const producer = new ChunkProducer(opened.top, job)
    await writeChunkFiles(producer, job, () => {
      opened.refresh()
      reply({ _tag: "Progress", progress: producer.progress })
    })
    return { _tag: "Done", produced: producer.produced }
  } finally {
    await opened.close()
  }
}

/** Each file is made durable while the next ones are being written. */
const writeChunkFiles = async (
  producer: ChunkProducer,
  job: CreationJob,
  afterTurn: () => void
): Promise<void> => {
  const syncing: Array<Promise<void>> = []
  try {
    for (let index = 0; producer.nextChunk(); index++) {
      if (index === job.chunksMax) throw new JobFailed({ _tag: "TooManyChunks" })
      const path = join(job.directory, String(index))
      const file = storing("create", path, () => fs.openSync(path, "wx", 0o600))
      try {
        for (let complete = false; !complete; afterTurn()) {
          complete = producer.turn()
          storing("write", path, () => writeAll(file, producer.take()))
        }
      } catch (error) {
        fs.closeSync(file)
        throw error
      }
      producer.endChunk()
      syncing.push(syncAndClose(file, path))
      if (syncing.length >= syncsAtOnce) await syncing.shift()
    }
    await Promise.all(syncing)
  } finally {
    // after a failure the files are still to be closed, and further failures say nothing new
    await Promise.allSettled(syncing)
  }
}

/** More would keep more files open; the disk is no faster for it. */
const syncsAtOnce = 4

const writeAll = (file: number, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(file, bytes, at)
}

const syncAndClose = (file: number, path: string): Promise<void> => {
  const done = new Promise<void>((resolve, reject) => {
    fs.fsync(file, (syncError) =>
      fs.close(file, (closeError) => {
        const error = syncError ?? closeError
        if (error) reject(storageFailed("sync", path, error))
        else resolve()
      })
    )
  })
  // it is awaited later; until then a failure is not an unhandled one
  done.catch(() => {})
  return done
}

/** Stops a job with what the asking thread is to be told. */
class JobFailed extends Error {
  readonly failure: CreationFailure

  constructor(failure: CreationFailure) {
    super(failure._tag)
    this.failure = failure
  }
}

const storing = <A>(operation: string, path: string, body: () => A): A => {
  try {
    return body()
  } catch (error) {
    throw storageFailed(operation, path, error)
  }
}

const storageFailed = (operation: string, path: string, error: unknown): unknown =>
  error instanceof Error && "code" in error && typeof error.code === "string"
    ? new JobFailed({ _tag: "StorageFailed", operation, path, code: error.code, detail: error.message })
    : error

const failureOf = (error: unknown): CreationFailure => {
  if (error instanceof JobFailed) return error.failure
  if (error instanceof RootNotFound) return { _tag: "RootNotFound" }
  if (error instanceof DatabaseDamaged) {
    return { _tag: "DatabaseDamaged", record: error.record, reason: error.reason }
  }
  if (error instanceof StoreFailed) {
    const { path, operation, message } = error
    return { _tag: "StoreFailed", path, operation, detail: message }
  }
  return { _tag: "Defect", detail: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}
