import { Clock, Duration, Effect, Random, Schedule, type Scope } from "effect"
import { attempt, writeFailures } from "./attempt.ts"
import type { DatabaseCore } from "./DatabaseCore.ts"
import { VersionNotFound, VersionPinned, type WriteFailure } from "./NodeDatabaseError.ts"
import type { Change, PageStore } from "./PageStore.ts"
import * as Records from "./Records.ts"
import { StoreReadOnly } from "./StoreError.ts"

const pinsTable = "pins"

/** How long a recorded pin outlives its last renewal, and how often it is renewed. */
const lifetime = Duration.seconds(60)
const renewal = Duration.seconds(15)

/**
 * What keeps versions from being pruned. Readers of this process are counted in memory; a pin that must hold against
 * other processes (`checkpoint create` beside a running node) is a record with an expiry, renewed while it is needed,
 * so that it dies with its owner.
 */
export class Pins {
  private readonly held = new Map<bigint, number>()

  constructor(
    private readonly core: DatabaseCore,
    /** The medium opened for writing pins; a read-only database has a second handle for this. */
    private readonly writable: Effect.Effect<PageStore, WriteFailure, Scope.Scope>,
    private readonly owner: string
  ) {}

  /** Counts a reader of this process until the scope closes. */
  hold(version: bigint): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => void this.held.set(version, (this.held.get(version) ?? 0) + 1)),
      () =>
        Effect.sync(() => {
          const count = this.held.get(version)! - 1
          if (count === 0) this.held.delete(version)
          else this.held.set(version, count)
        })
    )
  }

  /** Records a pin until the scope closes. Where the medium cannot be written at all, nobody can prune it either. */
  record(version: bigint): Effect.Effect<void, VersionNotFound | WriteFailure, Scope.Scope> {
    return Effect.gen(this, function* () {
      yield* this.hold(version)
      const store = yield* this.writable
      const key = yield* randomKey
      yield* Effect.acquireRelease(this.renew(store, key, version, true), () =>
        attempt(() => store.write([Records.remove(pinsTable, key)], { durable: false }), writeFailures).pipe(
          Effect.catchAll((error) => Effect.logWarning("pin not removed, it will expire", error))
        )
      )
      yield* this.renew(store, key, version, false).pipe(
        Effect.catchAll((error) => Effect.logWarning(`pin of version ${version} not renewed`, error)),
        Effect.schedule(Schedule.spaced(renewal)),
        Effect.forkScoped
      )
    }).pipe(
      Effect.catchIf(
        (error) => error instanceof StoreReadOnly,
        () => Effect.void
      )
    )
  }

  /** Throws `VersionPinned` where somebody needs the version at `now` (ms). Called inside the pruning transaction. */
  check(version: bigint, now: number): void {
    const readers = this.held.get(version)
    if (readers !== undefined)
      throw new VersionPinned({ version, by: `${readers} reader(s) of this process` })
    for (const [, value] of Records.range(this.core.store, pinsTable)) {
      const pin = decodePin(value)
      if (pin.version === version && pin.expires > now) throw new VersionPinned({ version, by: pin.owner })
    }
  }

  /** Removes pins whose owners are gone. */
  expired(now: number): Array<Change> {
    const changes: Array<Change> = []
    for (const [key, value] of Records.range(this.core.store, pinsTable)) {
      if (decodePin(value).expires <= now) changes.push(Records.remove(pinsTable, key))
    }
    return changes
  }

  private renew(
    store: PageStore,
    key: Uint8Array,
    version: bigint,
    first: boolean
  ): Effect.Effect<void, VersionNotFound | WriteFailure> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      attempt(() => {
        const expires = BigInt(now + Duration.toMillis(lifetime))
        const value = new Records.FieldWriter()
          .u64(version)
          .u64(expires)
          .blob(encoder.encode(this.owner))
          .done()
        // Inside the transaction: a version that is here then cannot be pruned before this pin is seen.
        const guard = () => void this.core.versions.roots(version)
        store.write([Records.put(pinsTable, key, value)], { durable: false, ...(first ? { guard } : {}) })
      }, [...writeFailures, VersionNotFound])
    )
  }
}

interface Pin {
  readonly version: bigint
  readonly expires: number
  readonly owner: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const decodePin = (bytes: Uint8Array): Pin => {
  const fields = new Records.FieldReader(bytes, "pins")
  return { version: fields.u64(), expires: fields.number(), owner: decoder.decode(fields.blob()) }
}

const randomKey = Effect.map(Effect.replicateEffect(Random.nextIntBetween(0, 256), 16), (bytes) =>
  Uint8Array.from(bytes)
)
