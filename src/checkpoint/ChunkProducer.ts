import type { TreeNode } from "../mkvs/TreeNode.ts"
import { type ChunkSummary, ChunkWriter } from "./ChunkCodec.ts"
import { Chunker, type ChunkerOptions } from "./Chunker.ts"

/** How far the making of a checkpoint has come. */
export interface CreationProgress {
  /** Finished chunks. */
  readonly chunks: number
  readonly keys: number
  /** Bytes of chunks, as they are stored. */
  readonly bytes: number
}

/** What is known of all chunks together when the last one is done. */
export interface ProducedChunks {
  readonly digests: ReadonlyArray<Uint8Array>
  /** Greatest depth of a proof entry; the root's is 0. */
  readonly depth: number
  /** Decompressed bytes of the longest chunk. */
  readonly longestChunkBytes: number
}

/**
 * Turns a tree into the bytes of its chunks in small turns of a few milliseconds, holding little more than a turn's
 * bytes: for each `nextChunk`, take turns and write what `take` gives until `turn` says that the chunk is complete,
 * then call `endChunk`.
 *
 * What reading the tree throws comes out of `turn` and `nextChunk`.
 */
export class ChunkProducer {
  readonly #chunker: Chunker
  readonly #writer = new ChunkWriter()
  readonly #digests: Array<Uint8Array> = []
  #bytes = 0
  #longestChunkBytes = 0

  constructor(top: TreeNode | undefined, options: ChunkerOptions) {
    this.#chunker = new Chunker(top, options)
  }

  /** Begins the next chunk. `false`: there is none. */
  nextChunk(): boolean {
    return this.#chunker.next()
  }

  /** `true`: the chunk is complete, once what is there has been taken. */
  turn(): boolean {
    const complete = this.#chunker.write(
      this.#writer,
      stepsPerTurn,
      () => this.#writer.pendingBytes >= bytesPerTurn
    )
    if (complete) this.#writer.finish()
    return complete
  }

  /** The next bytes of the chunk, maybe none; valid until the next call of any member. */
  take(): Uint8Array {
    const bytes = this.#writer.take()
    this.#bytes += bytes.length
    return bytes
  }

  endChunk(): ChunkSummary {
    const summary = this.#writer.summary()
    this.#digests.push(summary.digest)
    this.#longestChunkBytes = Math.max(this.#longestChunkBytes, summary.entryBytes)
    return summary
  }

  get progress(): CreationProgress {
    return { chunks: this.#digests.length, keys: this.#chunker.progress.keys, bytes: this.#bytes }
  }

  get produced(): ProducedChunks {
    return {
      digests: this.#digests,
      depth: this.#chunker.progress.depth,
      longestChunkBytes: this.#longestChunkBytes
    }
  }
}

/** A few milliseconds of walking and compressing small nodes; large values end a turn by its bytes. */
const stepsPerTurn = 16_384
const bytesPerTurn = 256 * 1024
