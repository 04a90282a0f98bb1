import type { InternalNode, TreeNode } from "../mkvs/TreeNode.ts"
import type { EntrySink } from "./ChunkCodec.ts"

/** What all tasks of a tree have written together. */
export interface ChunkProgress {
  keys: number
  /** Greatest depth of an entry, hashes and empty places included; the root's is 0. */
  depth: number
}

/**
 * One part of the tree that is being cut into chunks: the subtree below `path`, walked in pre-order (node, its leaf,
 * left, right), and how far the walk has come. A proof's entries stand in that same order, so each is written when its
 * node is visited, and no proof is ever held.
 *
 * The walk is two stacks: `path`, from the root down to the subtree (shared between tasks, never changed), and `open`,
 * the nodes of the subtree that have been entered and not been finished. Between two chunks the last open node has a
 * child that was not entered; a task that was not begun has no open node but `next`.
 */
export class ChunkTask {
  #path: PathNode | undefined
  readonly #open: Array<InternalNode> = []
  /** For each open node what has been entered of it. */
  readonly #stages: Array<Stage> = []
  /** The node to visit next, before anything else. */
  #next: TreeNode | undefined
  #phase: Phase = "between"
  /** Nodes whose entries begin or end this chunk, and how many of them have been written. */
  #cursor = 0
  #opening: ReadonlyArray<PathNode> = []
  #closing: PathNode | undefined
  #size = 0

  readonly #progress: ChunkProgress

  constructor(top: TreeNode | undefined, progress: ChunkProgress, path?: PathNode) {
    this.#next = top
    this.#progress = progress
    this.#path = path
  }

  /** Whether everything of this part is in chunks. */
  get finished(): boolean {
    return this.#phase === "between" && this.#next === undefined && this.#open.length === 0
  }

  /**
   * Goes on with the chunk, beginning one where none is begun. `true` when the chunk is complete; `false` when `steps`
   * entries or so were written, or `paused` says so, before that: call again.
   */
  writeChunk(sink: EntrySink, chunkSize: number, steps: number, paused: () => boolean): boolean {
    if (this.#phase === "between") this.#begin()
    let left = steps
    while (left-- > 0 && !paused()) {
      if (this.#phase === "opening") this.#openOne(sink)
      else if (this.#phase === "walking") this.#walkOne(sink, chunkSize)
      else if (!this.#closeOne(sink)) return true
    }
    return false
  }

  /**
   * The parts to chunk instead of this one, in order: this one itself where it cannot be split
   * (`spec/checkpoint.md`, Parallel, 1). Only between chunks.
   */
  split(): ReadonlyArray<ChunkTask> {
    const top = this.#open[0]
    if (top === undefined) {
      const next = this.#next
      if (next === undefined || next.isLeaf) return [this]
      if (next.leftHash === undefined && next.rightHash === undefined) return [this]
      // with the node its leaf moves to the path, where it is not visited
      if (next.leaf !== undefined) this.#progress.keys++
      return this.#children(next)
    }
    const stage = this.#stages[0]!
    if (stage === Stage.itself) return this.#children(top)
    // its left part is finished, its right one not entered: there is nothing to part
    if (stage === Stage.left && this.#open.length === 1) return [this]
    const right = stage === Stage.left ? top.right : undefined
    const fresh = right && new ChunkTask(right, this.#progress, this.#below(top, Side.right))
    this.#path = this.#below(top, stage === Stage.left ? Side.left : Side.right)
    this.#open.shift()
    this.#stages.shift()
    return fresh === undefined ? [this] : [fresh, this]
  }

  #children(node: InternalNode): ReadonlyArray<ChunkTask> {
    const { left, right } = node
    const tasks: Array<ChunkTask> = []
    if (left !== undefined) tasks.push(new ChunkTask(left, this.#progress, this.#below(node, Side.left)))
    if (right !== undefined) tasks.push(new ChunkTask(right, this.#progress, this.#below(node, Side.right)))
    return tasks
  }

  #below(node: InternalNode, side: Side): PathNode {
    return { node, side, above: this.#path, depth: this.#path === undefined ? 0 : this.#path.depth + 1 }
  }

  /** Collects the nodes above the walk, all of which belong to the chunk. */
  #begin(): void {
    const opening: Array<PathNode> = new Array(this.#path === undefined ? 0 : this.#path.depth + 1)
    for (let at = this.#path; at !== undefined; at = at.above) opening[at.depth] = at
    this.#opening = opening
    this.#cursor = 0
    this.#size = 0
    this.#phase = "opening"
  }

  /** Writes one node of the path, then of the open nodes, with the part to its left, which is in other chunks. */
  #openOne(sink: EntrySink): void {
    const index = this.#cursor++
    const inPath = index < this.#opening.length
    const openIndex = index - this.#opening.length
    if (!inPath && openIndex >= this.#open.length) {
      this.#opening = []
      this.#phase = "walking"
      return
    }
    const node = inPath ? this.#opening[index]!.node : this.#open[openIndex]!
    this.#include(sink, node)
    const leftIsElsewhere = inPath
      ? this.#opening[index]!.side === Side.right
      : this.#stages[openIndex] === Stage.right ||
        (this.#isLast(openIndex) && this.#stages[openIndex] === Stage.left)
    if (leftIsElsewhere) leaveOut(sink, node.leftHash)
    this.#deepen(index + 1)
  }

  #isLast(openIndex: number): boolean {
    return openIndex === this.#open.length - 1
  }

  /** Visits one node, or turns to the next part of the last open one. */
  #walkOne(sink: EntrySink, chunkSize: number): void {
    const next = this.#next
    if (next !== undefined) {
      this.#next = undefined
      this.#visit(sink, next, chunkSize)
      return
    }
    const last = this.#open.length - 1
    if (last < 0) {
      if (this.#path === undefined && this.#size === 0) sink.absent()
      this.#close()
      return
    }
    const node = this.#open[last]!
    const stage = this.#stages[last]!
    if (stage === Stage.right) {
      this.#open.pop()
      this.#stages.pop()
      return
    }
    this.#stages[last] = stage + 1
    this.#next = stage === Stage.itself ? node.left : node.right
    if (this.#next === undefined) sink.absent()
  }

  #visit(sink: EntrySink, node: TreeNode, chunkSize: number): void {
    this.#include(sink, node)
    if (!node.isLeaf) {
      this.#open.push(node)
      this.#stages.push(Stage.itself)
      this.#deepen(this.#depthAbove() + this.#open.length)
      const leaf = node.leaf
      if (leaf === undefined) return
      // its bytes are in the node's entry already, but visited by itself it counts again (`spec/mkvs.md`, Proofs)
      this.#size += 1 + leaf.compactSize
    }
    this.#progress.keys++
    if (this.#size >= chunkSize) this.#close()
  }

  #include(sink: EntrySink, node: TreeNode): void {
    sink.node(node)
    this.#size += 1 + node.compactSize
  }

  #depthAbove(): number {
    return this.#path === undefined ? 0 : this.#path.depth + 1
  }

  #deepen(depth: number): void {
    if (depth > this.#progress.depth) this.#progress.depth = depth
  }

  #close(): void {
    this.#phase = "closing"
    this.#cursor = this.#open.length - 1
    this.#closing = this.#path
  }

  /**
   * Leaves out what the last node of the walk (then those above it, up to the root) has not entered. `false` when
   * nothing was left to do.
   */
  #closeOne(sink: EntrySink): boolean {
    if (this.#cursor >= 0) {
      const node = this.#open[this.#cursor]!
      const stage = this.#stages[this.#cursor]!
      this.#cursor--
      if (stage === Stage.itself) leaveOut(sink, node.leftHash)
      if (stage !== Stage.right) leaveOut(sink, node.rightHash)
      return true
    }
    if (this.#closing !== undefined) {
      if (this.#closing.side === Side.left) leaveOut(sink, this.#closing.node.rightHash)
      this.#closing = this.#closing.above
      return true
    }
    this.#trim()
    this.#phase = "between"
    return false
  }

  /** Drops open nodes of which nothing is left to enter. */
  #trim(): void {
    for (let last = this.#open.length - 1; last >= 0; last--) {
      const stage = this.#stages[last]!
      const node = this.#open[last]!
      if (stage === Stage.itself && node.leftHash !== undefined) return
      if (stage !== Stage.right && node.rightHash !== undefined) return
      this.#open.pop()
      this.#stages.pop()
    }
  }
}

/** A node between the root and a task's part of the tree, and which child leads there. */
interface PathNode {
  readonly node: InternalNode
  readonly side: Side
  readonly above: PathNode | undefined
  /** Of the node; the root's is 0. */
  readonly depth: number
}

type Phase = "between" | "opening" | "walking" | "closing"

/** What has been entered of an open node: only itself (with its leaf), also its left part, also its right part. */
const Stage = { itself: 0, left: 1, right: 2 } as const
type Stage = number

const Side = { left: 0, right: 1 } as const
type Side = (typeof Side)[keyof typeof Side]

const leaveOut = (sink: EntrySink, hash: Uint8Array | undefined): void => {
  if (hash === undefined) sink.absent()
  else sink.hash(hash)
}
