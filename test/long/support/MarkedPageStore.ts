import type { Change, PageStore, WriteOptions } from "../../../src/storage/PageStore.ts"
import { mark } from "./Mark.ts"

/**
 * What the program is doing, set by the program, and how many writes that has taken: together they name the step that a
 * write is.
 */
export class Doing {
  #operation = "open"
  #writes = 0

  begin(operation: string): void {
    this.#operation = operation
    this.#writes = 0
  }

  /** Names the next write: `prune`, then `prune, further` for what is cleaned up in slices. */
  step(options: WriteOptions): string {
    if (options.durable === false) return "flush"
    return this.#writes++ === 0 ? this.#operation : `${this.#operation}, further`
  }
}

/** A page store that says before, in and after each write where it is. */
export const markedPageStore = (store: PageStore, doing: Doing): PageStore => ({
  name: store.name,
  readOnly: store.readOnly,
  get: (table, key) => store.get(table, key),
  range: (table, options) => store.range(table, options),
  write: (changes, options = {}) => {
    const step = doing.step(options)
    mark(step, "before")
    store.write(marking(changes, step), options)
    mark(step, "after")
  },
  sync: () => store.sync(),
  size: () => store.size(),
  refresh: () => store.refresh()
})

function* marking(changes: Iterable<Change>, step: string): IterableIterator<Change> {
  mark(step, "filling")
  yield* changes
  // The store has taken everything and commits as soon as it finds that this is the end.
  mark(step, "during", false)
}
