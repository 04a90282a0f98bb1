/** Where pages are read from. Ids are positive whole numbers below 2^48. */
export interface PageSource {
  /** The page's content, valid until the next call of this source. Throws when the page is missing or damaged. */
  view(id: number): Uint8Array
  /** The page's content, which stays as it is for as long as it is held. Throws likewise. */
  page(id: number): Uint8Array
  /**
   * Tells the source that a reader went from this page (`content` as `view` gave it) on to another: such pages are few
   * and needed by every look-up, so they are worth caching. Call it before the next `view`.
   */
  keep(id: number, content: Uint8Array): void
}

/** Where new pages go. */
export interface PageSink {
  /** Takes a copy of `memory[at, end)` and gives it an id, higher than all before. */
  write(memory: Uint8Array, at: number, end: number): number
  /** The page is no longer part of the tree being written; it may be one that this sink was given itself. */
  replaced(id: number): void
}
