/** Where pages are read from. Ids are positive whole numbers below 2^48. */
export interface PageSource {
  /** The page's content, valid until the next call of this source. Throws when the page is missing or damaged. */
  view(id: number): Uint8Array
  /** The page's content, which stays as it is for as long as it is held. Throws likewise. */
  page(id: number): Uint8Array
  /** The page's content, which stays as it is until `buffer` is lent to again. Throws likewise. */
  lend(id: number, buffer: PageBuffer): Uint8Array
  /**
   * Tells the source that a reader went from this page (`content` as `view` gave it) on to another: such pages are few
   * and needed by every look-up, so they are worth caching. Call it before the next `view`.
   */
  keep(id: number, content: Uint8Array): void
}

/** Memory for one page at a time, used again and again: a commit looks at thousands of pages for a moment each. */
export class PageBuffer {
  private bytes = new Uint8Array(4096)

  /** A view of this buffer with the same content. */
  copyOf(content: Uint8Array): Uint8Array {
    if (content.length > this.bytes.length) this.bytes = new Uint8Array(2 * content.length)
    this.bytes.set(content)
    return this.bytes.subarray(0, content.length)
  }
}

/** Where new pages go. */
export interface PageSink {
  /** Takes a copy of `memory[at, end)` and gives it an id, higher than all before. */
  write(memory: Uint8Array, at: number, end: number): number
  /** The page is no longer part of the tree being written; it may be one that this sink was given itself. */
  replaced(id: number): void
}
