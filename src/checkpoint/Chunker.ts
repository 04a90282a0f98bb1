import type { TreeNode } from "../mkvs/TreeNode.ts"
import type { EntrySink } from "./ChunkCodec.ts"
import { type ChunkProgress, ChunkTask } from "./ChunkTask.ts"

export interface ChunkerOptions {
  /** A chunk ends with the key at which its proof reaches this size; 0 gives a chunk for each key. */
  readonly chunkSize: number
  /**
   * How many parts of the tree are cut at the same time, 0 … 65,535. It decides where chunks begin and end, and so the
   * bytes; the work is the same.
   */
  readonly threads: number
}

/**
 * Cuts a tree into chunks (`spec/checkpoint.md`, Chunkers), in the order of their numbers. Same tree and options, same
 * chunks.
 *
 * Sequential chunking (`threads` 0) is the parallel one with a single task: that walk enters the nodes that a proving
 * iterator visits, in the same order, and stops at the same keys.
 *
 * Call `next` before each chunk, then `write` until it says that the chunk is complete.
 */
export class Chunker {
  readonly #options: ChunkerOptions
  /** Tasks of this round, and which of them is next. */
  #tasks: ReadonlyArray<ChunkTask>
  #index = -1
  readonly #progress = { keys: 0, depth: 0 }

  constructor(top: TreeNode | undefined, options: ChunkerOptions) {
    this.#options = options
    this.#tasks = splitTasks([new ChunkTask(top, this.#progress)], options.threads)
  }

  /** Turns to the next chunk. `false`: there is none, the tree is covered. */
  next(): boolean {
    if (this.#index + 1 === this.#tasks.length) this.#nextRound()
    else this.#index++
    return this.#tasks.length > 0
  }

  /**
   * Writes about `steps` entries of the chunk, fewer where `paused` says so (it is asked before each). `true`: the
   * chunk is complete.
   */
  write(sink: EntrySink, steps: number, paused: () => boolean = () => false): boolean {
    return this.#task.writeChunk(sink, this.#options.chunkSize, steps, paused)
  }

  /** So far. The reference verifies no proof deeper than 128. */
  get progress(): Readonly<ChunkProgress> {
    return this.#progress
  }

  get #task(): ChunkTask {
    const task = this.#tasks[this.#index]
    if (task === undefined) throw new Error("write needs a successful next before it")
    return task
  }

  #nextRound(): void {
    const pending = this.#tasks.filter((task) => !task.finished)
    this.#tasks = splitTasks(pending, this.#options.threads)
    this.#index = 0
  }
}

const splitPasses = 10

/** Splits from left to right, a level per pass, until there are `threads` tasks or the passes are used up. */
const splitTasks = (tasks: ReadonlyArray<ChunkTask>, threads: number): ReadonlyArray<ChunkTask> => {
  let current = tasks
  for (let pass = 0; pass < splitPasses; pass++) {
    const split: Array<ChunkTask> = []
    for (const [index, task] of current.entries()) {
      const untouched = current.length - index
      if (split.length + untouched >= threads) return [...split, ...current.slice(index)]
      split.push(...task.split())
    }
    current = split
  }
  return current
}
