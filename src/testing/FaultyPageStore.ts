import { equal } from "../mkvs/Bytes.ts"
import type { Change, PageStore, RangeOptions, WriteOptions } from "../storage/PageStore.ts"
import { StoreFailed, StoreFull } from "../storage/StoreError.ts"

/** What is to go wrong. Writes are counted from 1, also those that fail. */
export interface FaultPlan {
  /**
   * Writes that fail as a commit does: guard and changes have run, nothing is kept. `full` gives `StoreFull`, `failed`
   * gives `StoreFailed`.
   */
  readonly failWrites?: ReadonlyMap<number, "full" | "failed"> | undefined
  /** The write at which the process dies: it and every later call throw `SimulatedCrash`. */
  readonly crash?: Crash | undefined
  /** Records that reads find damaged. */
  readonly damage?: ReadonlyArray<Damage> | undefined
}

export interface Crash {
  readonly atWrite: number
  /** Whether the write is on the medium, though its caller never learns of it. */
  readonly applied: boolean
}

export interface Damage {
  readonly table: string
  readonly key: Uint8Array
  /** The number of a bit to flip (bit 0 is the lowest of the first byte), or of bytes that are left. */
  readonly how: { readonly flipBit: number } | { readonly truncateTo: number }
}

/** Calls so far, also those that failed. */
export interface OperationCounts {
  gets: number
  ranges: number
  writes: number
  /** Single changes that writes were given. */
  changes: number
  syncs: number
  refreshes: number
}

/** Takes the place of the end of a process. No error of the library: nobody catches it by its class. */
export class SimulatedCrash extends Error {
  override readonly name = "SimulatedCrash"
}

/** `base`, with the faults of `plan`. */
export const makeFaultyPageStore = (base: PageStore, plan: FaultPlan = {}): FaultyPageStore =>
  new FaultyPageStore(base, plan)

type Pair = readonly [key: Uint8Array, value: Uint8Array]

export class FaultyPageStore implements PageStore {
  readonly counts: OperationCounts = { gets: 0, ranges: 0, writes: 0, changes: 0, syncs: 0, refreshes: 0 }
  private crashed = false

  constructor(
    private readonly base: PageStore,
    /** May be replaced at any time, to lift faults or to add some. */
    public plan: FaultPlan
  ) {}

  get name(): string {
    return this.base.name
  }

  get readOnly(): boolean {
    return this.base.readOnly
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    this.checkAlive()
    this.counts.gets++
    const value = this.base.get(table, key)
    return value && this.damaged(table, key, value)
  }

  range(table: string, options?: RangeOptions): IterableIterator<Pair> {
    this.checkAlive()
    this.counts.ranges++
    return this.damagedRange(table, this.base.range(table, options))
  }

  write(changes: Iterable<Change>, options?: WriteOptions & { readonly guard?: () => void }): void {
    this.checkAlive()
    const number = ++this.counts.writes
    const { failWrites, crash } = this.plan
    const crashing = crash?.atWrite === number
    const fault = crashing && !crash.applied ? this.crash() : faultOf(failWrites?.get(number))
    this.base.write(this.counted(changes, fault), options)
    if (crashing) throw this.crash()
  }

  sync(): void {
    this.checkAlive()
    this.counts.syncs++
    this.base.sync()
  }

  size(): number {
    this.checkAlive()
    return this.base.size()
  }

  refresh(): void {
    this.checkAlive()
    this.counts.refreshes++
    this.base.refresh()
  }

  /** Passes changes on; with a fault it throws in the end, so that the medium takes everything back. */
  private *counted(changes: Iterable<Change>, fault: Error | undefined): Iterable<Change> {
    for (const change of changes) {
      this.counts.changes++
      yield change
    }
    if (fault !== undefined) throw fault
  }

  private *damagedRange(table: string, pairs: IterableIterator<Pair>): IterableIterator<Pair> {
    for (const [key, value] of pairs) {
      yield [key, this.damaged(table, key, value)]
      this.checkAlive()
    }
  }

  private damaged(table: string, key: Uint8Array, value: Uint8Array): Uint8Array {
    const damage = this.plan.damage?.find((one) => one.table === table && equal(one.key, key))
    if (damage === undefined) return value
    if ("truncateTo" in damage.how) return value.slice(0, damage.how.truncateTo)
    const copy = value.slice()
    const at = damage.how.flipBit >>> 3
    if (at >= copy.length)
      throw new RangeError(`the record has ${copy.length} bytes: no bit ${damage.how.flipBit} to flip`)
    copy[at]! ^= 1 << (damage.how.flipBit & 7)
    return copy
  }

  private crash(): SimulatedCrash {
    this.crashed = true
    return new SimulatedCrash("the process has died, as planned")
  }

  private checkAlive(): void {
    if (this.crashed) throw this.crash()
  }
}

const path = "faulty"

const faultOf = (kind: "full" | "failed" | undefined): Error | undefined => {
  if (kind === "full") return new StoreFull({ path })
  if (kind === "failed") return new StoreFailed({ path, operation: "write", cause: new Error("as planned") })
  return undefined
}
