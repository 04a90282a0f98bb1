import type { KeyRange } from "../KeyRange.ts"
import type { SlabMap } from "../SlabMap.ts"
import type { KeyOrder } from "./KeyOrder.ts"

/**
 * A walk over the entries of a map in a range of keys, in key order. It may go on while the map changes: keys that are
 * added meanwhile may be passed over, all others come once; when the map is cleared it is at its end.
 */
export class SlabCursor {
  readonly #map: SlabMap
  readonly #order: KeyOrder
  readonly #range: KeyRange
  readonly #clears: number
  #generation: number
  #position: number
  #entry: number

  constructor(map: SlabMap, order: KeyOrder, range: KeyRange) {
    this.#map = map
    this.#order = order
    this.#range = range
    this.#clears = map.clears
    order.update(map.size)
    this.#generation = order.generation
    this.#position = this.#start()
    this.#entry = this.#entryHere()
  }

  /** The number of the entry the walk is at; −1 at the end. */
  get entry(): number {
    return this.#map.clears === this.#clears ? this.#entry : -1
  }

  /** Goes on to the next entry. Nothing happens at the end. */
  advance(): void {
    if (this.entry < 0) return
    if (this.#generation !== this.#order.generation) {
      this.#generation = this.#order.generation
      this.#position = this.#seek(this.#map.copyKey(this.#entry))
    }
    this.#position = this.#range.reverse
      ? this.#order.preceding(this.#position)
      : this.#order.following(this.#position)
    this.#entry = this.#entryHere()
  }

  #start(): number {
    const { lower, reverse, upper } = this.#range
    if (!reverse) return this.#seek(lower)
    return this.#order.preceding(upper === undefined ? this.#order.seek(() => true) : this.#seek(upper))
  }

  #seek(key: Uint8Array): number {
    return this.#order.seek((entry) => this.#map.compareKey(entry, key) < 0)
  }

  /** The entry at the position, or −1 where it lies beyond the range's other end. */
  #entryHere(): number {
    const entry = this.#order.entryAt(this.#position)
    if (entry < 0) return -1
    const { lower, reverse, upper } = this.#range
    const inside = reverse
      ? this.#map.compareKey(entry, lower) >= 0
      : upper === undefined || this.#map.compareKey(entry, upper) < 0
    return inside ? entry : -1
  }
}
