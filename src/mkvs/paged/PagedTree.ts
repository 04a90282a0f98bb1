import * as Bytes from "../Bytes.ts"
import { makeKernel } from "../kernel/index.ts"
import type { Kernel } from "../kernel/Kernel.ts"
import { Overlay } from "../Overlay.ts"
import { emptyHash } from "../Root.ts"
import { SlabMap } from "../SlabMap.ts"
import type { Committed, Entry, IterateOptions, Tree } from "../Tree.ts"
import type { TreeNode } from "../TreeNode.ts"
import { effectiveChanges, SlabChanges } from "./Changes.ts"
import { Merge } from "./Merge.ts"
import { NodeBuilder } from "./NodeBuilder.ts"
import { PagedReader } from "./PagedReader.ts"
import type { PageSink, PageSource } from "./PageSource.ts"

/** Pages in memory, for trees that live there. */
export class MemoryPages implements PageSource, PageSink {
  private readonly pages = new Map<number, Uint8Array>()
  private next = 1

  get count(): number {
    return this.pages.size
  }

  view(id: number): Uint8Array {
    const page = this.pages.get(id)
    if (page === undefined) throw new Error(`page ${id} is missing`)
    return page
  }

  page(id: number): Uint8Array {
    return this.view(id)
  }

  lend(id: number): Uint8Array {
    return this.view(id)
  }

  keep(): void {}

  write(memory: Uint8Array, at: number, end: number): number {
    this.pages.set(this.next, memory.slice(at, end))
    return this.next++
  }

  /** The caller may still be reading the page it replaces, so it goes at the end of the commit. */
  replaced(id: number): void {
    this.gone.push(id)
  }

  sweep(): void {
    for (const id of this.gone) this.pages.delete(id)
    this.gone.length = 0
  }

  private readonly gone: Array<number> = []
}

/** A tree of the fast engine in memory: one version, changed in place. */
export class PagedTree implements Tree {
  readonly pages = new MemoryPages()
  private rootPage = 0
  private pending = new SlabMap()
  private overlay: Overlay
  private currentHash = emptyHash
  private readonly builder: NodeBuilder

  constructor(kernel: Kernel = makeKernel()) {
    this.builder = new NodeBuilder(kernel, this.pages, this.pages)
    this.overlay = new Overlay(new PagedReader(this.pages, 0), this.pending)
  }

  get root(): TreeNode | undefined {
    return new PagedReader(this.pages, this.rootPage).top
  }

  get rootHash(): Uint8Array {
    return Bytes.copy(this.currentHash)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.overlay.get(key)
  }

  has(key: Uint8Array): boolean {
    return this.overlay.has(key)
  }

  iterate(options?: IterateOptions): IterableIterator<Entry> {
    return this.overlay.iterate(options)
  }

  insert(key: Uint8Array, value: Uint8Array): void {
    this.overlay.insert(key, value)
  }

  remove(key: Uint8Array): void {
    this.overlay.remove(key)
  }

  commit(): Committed {
    const changes = new SlabChanges(this.pending)
    const merge = new Merge(this.builder, this.pages, this.pages, changes)
    merge.start(this.rootPage)
    while (!merge.run(4096)) {}
    if (merge.different) this.adopt()
    const writeLog = effectiveChanges(changes, merge.effective)
    this.pages.sweep()
    this.pending = new SlabMap()
    this.overlay = new Overlay(new PagedReader(this.pages, this.rootPage), this.pending)
    return { rootHash: this.rootHash, writeLog, keysDelta: merge.keysDelta }
  }

  private adopt(): void {
    const { page, hash } = this.builder.root()
    this.rootPage = page
    this.currentHash = hash
  }
}
