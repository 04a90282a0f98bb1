import {
  Context,
  Duration,
  Effect,
  Layer,
  Option,
  PubSub,
  Queue,
  Random,
  Ref,
  type Scope,
  Stream
} from "effect"
import type { CheckpointCreator } from "./CheckpointCreator.ts"
import type { CheckpointerConfig, InvalidCheckpointerConfig } from "./CheckpointerConfig.ts"
import type { CheckpointerEvent } from "./Checkpointing.ts"
import * as Checkpointing from "./Checkpointing.ts"
import type { CheckpointVersions } from "./CheckpointVersions.ts"

/**
 * Makes checkpoints of new versions in the background, by a schedule, and removes old ones.
 *
 * A check happens when an interval has passed (or `flush` was called) and a version was notified since the last check,
 * whichever comes later. Everything is done one after the other by one fiber, which ends with the scope of the layer;
 * what it is making then is removed.
 */
export class Checkpointer extends Context.Tag("effect-cairn/Checkpointer")<
  Checkpointer,
  Checkpointer.Service
>() {
  static readonly layer = (
    config: CheckpointerConfig
  ): Layer.Layer<Checkpointer, InvalidCheckpointerConfig, CheckpointCreator | CheckpointVersions> =>
    Layer.scoped(Checkpointer, make(config))
}

export declare namespace Checkpointer {
  interface Service {
    /** A version has been finalised. Only the newest notification counts. */
    readonly notifyNewVersion: (version: bigint) => Effect.Effect<void>
    /**
     * Makes a checkpoint of the version outside the schedule, as soon as what is going on is done, also while paused.
     * Returns at once. Does nothing where it exists.
     */
    readonly forceCheckpoint: (version: bigint) => Effect.Effect<void>
    /** The next check is now, not at the next interval. Returns at once. Does nothing while paused. */
    readonly flush: Effect.Effect<void>
    /**
     * While paused there are no checks; one that has begun goes on. Intervals run on, and afterwards the next check is
     * at the next interval.
     */
    readonly pause: (paused: boolean) => Effect.Effect<void>
    /** Versions, each before the making of its checkpoints begins. Begins when the stream is run. */
    readonly watch: Stream.Stream<bigint>
    /** All events from now on. A subscriber more than 1,024 events behind misses the oldest. */
    readonly subscribe: Effect.Effect<Queue.Dequeue<CheckpointerEvent>, never, Scope.Scope>
  }
}

export const make = (
  config: CheckpointerConfig
): Effect.Effect<
  Checkpointer.Service,
  InvalidCheckpointerConfig,
  CheckpointCreator | CheckpointVersions | Scope.Scope
> =>
  Effect.gen(function* () {
    const events = yield* Effect.acquireRelease(
      PubSub.sliding<CheckpointerEvent>(eventsKept),
      PubSub.shutdown
    )
    const work = yield* Checkpointing.make(config, (event) => PubSub.publish(events, event))
    const state = yield* Ref.make(nothingToDo)
    // of any number of changes, the loop needs to hear once
    const changed = yield* Queue.sliding<void>(1)
    const change = (f: (state: State) => State) =>
      Effect.zipRight(Ref.update(state, f), Effect.asVoid(Queue.offer(changed, undefined)))

    const doAll = Effect.gen(function* () {
      for (;;) {
        const action = yield* Ref.modify(state, nextAction)
        if (Option.isNone(action)) return
        const { _tag, version } = action.value
        yield* _tag === "Force" ? work.force(version) : work.check(version)
      }
    })
    const worker = Effect.forever(Effect.zipRight(Queue.take(changed), doAll))
    const ticker = Effect.forever(Effect.zipRight(nextTick(config.checkInterval), change(tick)))
    yield* worker.pipe(Effect.annotateLogs({ checkpointer: config.name }), Effect.forkScoped)
    if (Duration.isFinite(Duration.decode(config.checkInterval))) yield* Effect.forkScoped(ticker)

    return {
      notifyNewVersion: (version) => change((now) => ({ ...now, notified: Option.some(version) })),
      forceCheckpoint: (version) =>
        change((now) => (now.forced.includes(version) ? now : { ...now, forced: [...now.forced, version] })),
      flush: change(tick),
      pause: (paused) => change((now) => ({ ...now, paused, due: false })),
      watch: Stream.fromPubSub(events).pipe(
        Stream.filterMap((event) => (event._tag === "Creating" ? Option.some(event.version) : Option.none()))
      ),
      subscribe: PubSub.subscribe(events)
    }
  })

const eventsKept = 1_024

interface State {
  /** The newest version that no check has seen. */
  readonly notified: Option.Option<bigint>
  /** An interval has passed since the last check. */
  readonly due: boolean
  readonly paused: boolean
  readonly forced: ReadonlyArray<bigint>
}

interface Action {
  readonly _tag: "Force" | "Check"
  readonly version: bigint
}

const nothingToDo: State = { notified: Option.none(), due: false, paused: false, forced: [] }

const tick = (state: State): State => (state.paused ? state : { ...state, due: true })

/** What to do now, and what is left to do then. */
const nextAction = (state: State): readonly [Option.Option<Action>, State] => {
  const [version, ...forced] = state.forced
  if (version !== undefined) return [Option.some({ _tag: "Force", version }), { ...state, forced }]
  if (!state.due || Option.isNone(state.notified)) return [Option.none(), state]
  return [
    Option.some({ _tag: "Check", version: state.notified.value }),
    { ...state, due: false, notified: Option.none() }
  ]
}

const nextTick = (interval: Duration.DurationInput): Effect.Effect<void> =>
  Effect.flatMap(Random.nextRange(0.9, 1.1), (factor) => Effect.sleep(Duration.times(interval, factor)))
