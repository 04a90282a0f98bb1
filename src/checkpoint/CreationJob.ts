import type { RootType } from "../mkvs/Root.ts"
import type { CreationProgress, ProducedChunks } from "./ChunkProducer.ts"

/**
 * What the thread that asks for a checkpoint and the worker that makes it tell each other. Only plain values: classes
 * do not survive the way.
 */

/** Write the chunks of this root into `directory`, which exists and is empty. One job at a time. */
export interface CreationJob {
  readonly databasePath: string
  readonly root: {
    readonly namespace: Uint8Array
    readonly version: bigint
    readonly type: RootType
    readonly hash: Uint8Array
  }
  readonly directory: string
  readonly chunkSize: number
  readonly threads: number
  readonly chunksMax: number
}

/** Any number of `Progress`, then one of the others: the worker is ready for the next job. */
export type CreationReply =
  | { readonly _tag: "Progress"; readonly progress: CreationProgress }
  /** All chunks are written and durable. */
  | { readonly _tag: "Done"; readonly produced: ProducedChunks }
  /** What has been written is of no use. */
  | { readonly _tag: "Failed"; readonly failure: CreationFailure }

export type CreationFailure =
  /** The root cannot be seen by a second connection: it is no longer there, or not finalised yet. */
  | { readonly _tag: "RootNotFound" }
  | { readonly _tag: "DatabaseDamaged"; readonly record: string; readonly reason: string }
  | {
      readonly _tag: "StoreFailed"
      readonly path: string
      readonly operation: string
      readonly detail: string
    }
  | { readonly _tag: "TooManyChunks" }
  | {
      readonly _tag: "StorageFailed"
      readonly operation: string
      readonly path: string
      readonly code: string | undefined
      readonly detail: string
    }
  | { readonly _tag: "Defect"; readonly detail: string }
