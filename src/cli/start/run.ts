import * as path from "node:path"
import { Chunk, type Duration, Effect, Layer, Option, type Queue, Stream } from "effect"
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
    return yield* Effect.raceFirst(node.run, show(events, options))
  }).pipe(Effect.scoped)

const show = (events: Queue.Dequeue<BlockEvent>, { dataDir, json }: StartOptions) => {
  const stream = Stream.fromQueue(events)
  const shown = json
    ? Stream.runForEachChunk(stream, (chunk) =>
        Output.results(true, Chunk.toReadonlyArray(chunk).map(Display.event))
      )
    : stream.pipe(
        Stream.groupedWithin(eventsAtOnce, "100 millis"),
        Stream.runForEach((chunk) => showToPerson(Chunk.toReadonlyArray(chunk), dataDir))
      )
  return Effect.zipRight(shown, Effect.never)
}

const eventsAtOnce = 1024

const showToPerson = (events: ReadonlyArray<BlockEvent>, dataDir: string) =>
  Effect.gen(function* () {
    yield* Output.results(false, Display.condensed(events))
    if (!events.some((event) => event._tag === "FeedEnded")) return
    const states = yield* StateStorage
    yield* Output.write(yield* Hints.afterFeed(states, dataDir))
  })
