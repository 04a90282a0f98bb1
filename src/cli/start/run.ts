import * as path from "node:path"
import { Chunk, type Duration, Effect, Layer, Option, Queue } from "effect"
import { type BlockEvent, BlockEvents } from "../../node/BlockEvents.ts"
import * as KeyValue from "../../node/KeyValue.ts"
import * as MachineModule from "../../node/MachineModule.ts"
import { Node } from "../../node/Node.ts"
import type { Failure, Feed, StateMachine } from "../../node/StateMachine.ts"
import { StateStorage } from "../../node/StateStorage.ts"
import * as DataDirectory from "../DataDirectory.ts"
import * as Output from "../Output.ts"
import * as Display from "./display.ts"
import * as Hints from "./hints.ts"

export interface StartOptions {
  readonly machine: Option.Option<string>
  readonly dataDir: string
  readonly namespace: Option.Option<Uint8Array>
  readonly blockTransactions: number
  readonly blockInterval: Option.Option<Duration.Duration>
  readonly checkpointInterval: bigint
  readonly checkpointKeep: number
  readonly retainVersions: Option.Option<number>
  readonly json: boolean
}

/** Runs the node, and shows what happens, until it is interrupted or execution cannot go on. */
export const run = (options: StartOptions) =>
  Option.match(options.machine, {
    onNone: () => runMachine(options, { stateMachine: KeyValue.machine, feed: undefined }),
    onSome: (module) =>
      Effect.flatMap(MachineModule.load(module, process.cwd()), (machine) => runMachine(options, machine))
  })

interface Machine<T, I, E extends Failure, FeedError> {
  readonly stateMachine: StateMachine<T, I, E>
  readonly feed: Feed<T, FeedError> | undefined
}

const runMachine = <T, I, E extends Failure, FeedError>(
  options: StartOptions,
  machine: Machine<T, I, E, FeedError>
) => Effect.provide(running(options, machine.feed !== undefined), nodeLayer(options, machine))

const nodeLayer = <T, I, E extends Failure, FeedError>(
  options: StartOptions,
  machine: Machine<T, I, E, FeedError>
) => {
  const { checkpointInterval: interval, checkpointKeep: numKept, dataDir } = options
  const database = DataDirectory.writing(dataDir, Option.getOrUndefined(options.namespace))
  const node = {
    ...machine,
    blockTransactions: options.blockTransactions,
    blockInterval: Option.getOrUndefined(options.blockInterval),
    retainVersions: Option.getOrUndefined(options.retainVersions)
  }
  const checkpoints = { directory: path.join(dataDir, "checkpoints"), interval, numKept }
  return interval === 0n
    ? Layer.provide(Node.layer(node), database)
    : Layer.provide(Node.layer({ ...node, checkpoints }), database)
}

const running = (options: StartOptions, hasFeed: boolean) =>
  Effect.gen(function* () {
    const node = yield* Node
    // before it runs, so that nothing is missed
    const events = yield* (yield* BlockEvents).subscribe
    const started = Display.started(node.machine, yield* node.head, options.dataDir)
    yield* Output.result(options.json, started)
    if (!hasFeed && !options.json) yield* Output.write(Hints.withoutFeed)
    return yield* Effect.raceFirst(node.run, showing(events, options)).pipe(
      // what came before a failure is shown before it
      Effect.tapError(() =>
        Effect.ignore(Effect.flatMap(Queue.takeAll(events), (rest) => show(rest, options)))
      )
    )
  }).pipe(Effect.scoped)

/**
 * What has been taken is shown; an interruption does not wait for it, because whoever reads stdout may have stopped to.
 */
const showing = (events: Queue.Dequeue<BlockEvent>, options: StartOptions) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(Queue.takeBetween(events, 1, eventsAtOnce)), (taken) => show(taken, options))
  ).pipe(
    // a person cannot read more, and the terminal need not draw more
    Effect.zipRight(options.json ? Effect.void : Effect.sleep("100 millis")),
    Effect.forever,
    Effect.disconnect
  )

const eventsAtOnce = 1024

const show = (taken: Chunk.Chunk<BlockEvent>, { dataDir, json }: StartOptions) =>
  Effect.gen(function* () {
    const events = Chunk.toReadonlyArray(taken)
    yield* Output.results(json, json ? events.map(Display.event) : Display.condensed(events))
    if (json || !events.some((event) => event._tag === "FeedEnded")) return
    yield* Output.write(yield* Hints.afterFeed(yield* StateStorage, dataDir))
  })
