import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Duration, Effect, Exit, Fiber, Layer, Ref, Scope, Stream, TestClock } from "effect"
import { CheckpointStorageFailed } from "../../src/checkpoint/CheckpointError.ts"
import { Checkpointer } from "../../src/checkpoint/Checkpointer.ts"
import type { CheckpointerConfig, CreationParameters } from "../../src/checkpoint/CheckpointerConfig.ts"
import { checkpointerIn, initialWorld, rootAt, worldLayer } from "./checkpointers.ts"
import { namespace } from "./support.ts"

const made = (...versions: ReadonlyArray<number>) => new Set(versions.map((version) => `${version}/1`))
const full = new CheckpointStorageFailed({
  path: "p",
  operation: "write",
  reason: "Full",
  detail: "no space"
})

/** A check now, as if the interval had passed. */
const check = ({ checkpointer }: { readonly checkpointer: Checkpointer.Service }, version: bigint) =>
  Effect.zipRight(checkpointer.notifyNewVersion(version), checkpointer.flush)

describe("a check", () => {
  it.scoped("makes what is due, newest first, and removes the oldest beyond what is kept", () =>
    Effect.gen(function* () {
      const test = yield* checkpointerIn({ made: made(0, 5, 20) })
      yield* check(test, 41n)
      expect(yield* test.next(6)).toEqual([
        "creating 40",
        "created 40",
        "creating 30",
        "created 30",
        "removed 5",
        "removed 20"
      ])
      expect(yield* test.made).toEqual(["0/1", "30/1", "40/1"])
    })
  )

  it.scoped("fills gaps, and does nothing about what is there", () =>
    Effect.gen(function* () {
      const test = yield* checkpointerIn({ made: made(40) })
      yield* check(test, 45n)
      expect(yield* test.next(2)).toEqual(["creating 30", "created 30"])
      yield* check(test, 46n)
      expect(yield* test.quiet).toBe(true)
    })
  )

  it.scoped("does nothing before the initial version, and not without an interval", () =>
    Effect.gen(function* () {
      const late = { interval: 10n, numKept: 2, chunkSize: 0, initialVersion: 50n }
      const test = yield* checkpointerIn({}, { parameters: late })
      yield* check(test, 49n)
      expect(yield* test.quiet).toBe(true)
      yield* check(test, 50n)
      expect(yield* test.next(2)).toEqual(["creating 50", "created 50"])
      const never = yield* checkpointerIn({}, { parameters: { ...late, interval: 0n } })
      yield* check(never, 80n)
      expect(yield* never.quiet).toBe(true)
    })
  )

  it.scoped("does not go back beyond the earliest version", () =>
    Effect.gen(function* () {
      const test = yield* checkpointerIn({ earliest: 33n })
      yield* check(test, 41n)
      expect(yield* test.next(2)).toEqual(["creating 40", "created 40"])
      expect(yield* test.quiet).toBe(true)
    })
  )

  it.scoped("completes versions of which only some roots have checkpoints", () =>
    Effect.gen(function* () {
      const test = yield* checkpointerIn(
        { types: [1, 2], made: new Set(["40/2", "30/1", "30/2"]) },
        { rootsPerVersion: 2 }
      )
      yield* check(test, 41n)
      expect(yield* test.next(2)).toEqual(["creating 40", "created 40"])
      expect(yield* test.made).toEqual(["30/1", "30/2", "40/1", "40/2"])
    })
  )

  it.scoped("asks for parameters and roots each time where it was told how", () =>
    Effect.gen(function* () {
      const parameters = yield* Ref.make<CreationParameters>({ interval: 10n, numKept: 1, chunkSize: 0 })
      const getRoots = (version: bigint) => Effect.succeed([rootAt(version, 2)])
      const test = yield* checkpointerIn({}, { getParameters: Ref.get(parameters), getRoots })
      yield* check(test, 41n)
      expect(yield* test.next(2)).toEqual(["creating 40", "created 40"])
      yield* Ref.set(parameters, { interval: 7n, numKept: 1, chunkSize: 0 })
      yield* check(test, 50n)
      expect(yield* test.next(3)).toEqual(["creating 49", "created 49", "removed 40"])
      expect(yield* test.made).toEqual(["49/2"])
      yield* Ref.set(parameters, { interval: 7n, numKept: 0, chunkSize: 0 })
      yield* check(test, 60n)
      expect(yield* test.next(1)).toEqual([expect.stringMatching(/^failed 60: .*numKept 0/s)])
    })
  )

  it.scoped("fails on a wrong number of roots, and goes on with the next version", () =>
    Effect.gen(function* () {
      const getRoots = (version: bigint) => Effect.succeed(version === 40n ? [] : [rootAt(version)])
      const test = yield* checkpointerIn({}, { getRoots })
      yield* check(test, 41n)
      expect(yield* test.next(3)).toEqual([
        expect.stringMatching(/^failed 40: .*0 roots, not 1/s),
        "creating 30",
        "created 30"
      ])
      yield* check(test, 51n)
      expect(yield* test.next(3)).toEqual(["creating 50", "created 50", expect.stringMatching(/^failed 40/)])
    })
  )

  it.scoped("takes back what it made of a version that failed, and not what was there", () =>
    Effect.gen(function* () {
      const failsOn = (type: 1 | 2) => (root: { readonly type: 1 | 2 }) =>
        root.type === type ? Effect.fail(full) : Effect.void
      const config = { rootsPerVersion: 2 }
      const second = yield* checkpointerIn({ types: [1, 2], creating: failsOn(2) }, config)
      yield* check(second, 41n)
      expect(yield* second.next(2)).toEqual(["creating 40", expect.stringMatching(/^failed 40: .*no space/s)])
      // the disk is full: the other version that is due is not tried
      expect(yield* second.made).toEqual([])
      const before = yield* checkpointerIn({ types: [1, 2], made: made(40), creating: failsOn(2) }, config)
      yield* check(before, 41n)
      expect(yield* before.next(2)).toEqual(["creating 40", expect.stringMatching(/^failed 40/)])
      expect(yield* before.made).toEqual(["40/1"])
    })
  )

  it.scoped("pins the version for as long as it works on it", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const creating = () => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(goOn))
      const test = yield* checkpointerIn({ creating, earliest: 35n })
      yield* check(test, 41n)
      yield* Deferred.await(begun)
      expect((yield* test.world).pinned).toEqual([40n])
      yield* Deferred.succeed(goOn, undefined)
      expect(yield* test.next(2)).toEqual(["creating 40", "created 40"])
      expect(yield* test.quiet).toBe(true)
      expect((yield* test.world).pinned).toEqual([])
    })
  )
})

describe("when there is a check", () => {
  it.scoped("an interval after the last, give or take a tenth, once a version was notified", () =>
    Effect.gen(function* () {
      const test = yield* checkpointerIn({ earliest: 40n })
      yield* test.checkpointer.notifyNewVersion(41n)
      yield* TestClock.adjust(Duration.seconds(53))
      expect(yield* test.quiet).toBe(true)
      yield* TestClock.adjust(Duration.seconds(14))
      expect(yield* test.next(2)).toEqual(["creating 40", "created 40"])
      // an interval without news is no check; the news then is
      yield* TestClock.adjust(Duration.minutes(2))
      expect(yield* test.quiet).toBe(true)
      yield* test.checkpointer.notifyNewVersion(52n)
      expect(yield* test.next(2)).toEqual(["creating 50", "created 50"])
    })
  )

  it.scoped("only the newest notification counts", () =>
    Effect.gen(function* () {
      const test = yield* checkpointerIn(
        { earliest: 30n },
        { parameters: { interval: 1n, numKept: 1, chunkSize: 0 } }
      )
      for (const version of [31n, 35n, 33n]) yield* test.checkpointer.notifyNewVersion(version)
      yield* test.checkpointer.flush
      expect(yield* test.next(2)).toEqual(["creating 33", "created 33"])
      expect(yield* test.quiet).toBe(true)
    })
  )

  it.scoped("never by itself with an infinite interval, but on flush", () =>
    Effect.gen(function* () {
      const test = yield* checkpointerIn({ earliest: 40n }, { checkInterval: Duration.infinity })
      yield* test.checkpointer.notifyNewVersion(41n)
      yield* TestClock.adjust(Duration.days(10_000))
      expect(yield* test.quiet).toBe(true)
      yield* test.checkpointer.flush
      expect(yield* test.next(2)).toEqual(["creating 40", "created 40"])
    })
  )

  it.scoped("not while paused, and then at the next interval", () =>
    Effect.gen(function* () {
      const test = yield* checkpointerIn({ earliest: 40n })
      yield* test.checkpointer.pause(true)
      yield* check(test, 41n)
      yield* TestClock.adjust(Duration.minutes(2))
      expect(yield* test.quiet).toBe(true)
      yield* test.checkpointer.pause(false)
      expect(yield* test.quiet).toBe(true)
      yield* TestClock.adjust(Duration.seconds(67))
      expect(yield* test.next(2)).toEqual(["creating 40", "created 40"])
    })
  )
})

describe("forceCheckpoint", () => {
  it.scoped("makes a version outside the schedule, which then counts like others", () =>
    Effect.gen(function* () {
      const test = yield* checkpointerIn({ made: made(30, 40) })
      yield* test.checkpointer.pause(true)
      yield* test.checkpointer.forceCheckpoint(43n)
      expect(yield* test.next(2)).toEqual(["creating 43", "created 43"])
      yield* test.checkpointer.pause(false)
      yield* check(test, 44n)
      expect(yield* test.next(1)).toEqual(["removed 30"])
      // 30 is due, but would be removed again at once
      yield* check(test, 45n)
      expect(yield* test.quiet).toBe(true)
    })
  )

  it.scoped("does nothing where the checkpoint exists, and tells when the version is gone", () =>
    Effect.gen(function* () {
      const test = yield* checkpointerIn({ earliest: 20n, made: made(43) })
      for (const version of [43n, 7n, 44n]) yield* test.checkpointer.forceCheckpoint(version)
      expect(yield* test.next(3)).toEqual([
        expect.stringMatching(/^failed 7: .*version 7 is not here/s),
        "creating 44",
        "created 44"
      ])
    })
  )

  it.scoped("survives what nobody expected", () =>
    Effect.gen(function* () {
      const creating = (root: { readonly version: bigint }) =>
        root.version === 43n ? Effect.dieMessage("a mistake") : Effect.void
      const test = yield* checkpointerIn({ creating })
      for (const version of [43n, 44n]) yield* test.checkpointer.forceCheckpoint(version)
      expect(yield* test.next(4)).toEqual([
        "creating 43",
        expect.stringMatching(/^failed 43: .*a mistake/s),
        "creating 44",
        "created 44"
      ])
    })
  )
})

describe("watch and the end", () => {
  it.scoped("emits each version before its checkpoints are made", () =>
    Effect.gen(function* () {
      const goOn = yield* Deferred.make<void>()
      const test = yield* checkpointerIn({ earliest: 30n, creating: () => Deferred.await(goOn) })
      const watching = yield* test.checkpointer.watch.pipe(Stream.take(1), Stream.runCollect, Effect.fork)
      yield* Effect.yieldNow()
      yield* check(test, 41n)
      expect(Chunk.toReadonlyArray(yield* Fiber.join(watching))).toEqual([40n])
      expect(yield* test.made).toEqual([])
      yield* Deferred.succeed(goOn, undefined)
      expect(yield* test.next(4)).toEqual(["creating 40", "created 40", "creating 30", "created 30"])
    })
  )

  it.effect("a closed scope ends what is being made, and takes it back", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const begun = yield* Deferred.make<void>()
      const creating = (root: { readonly type: 1 | 2 }) =>
        root.type === 1 ? Effect.void : Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)
      const test = yield* Scope.extend(
        checkpointerIn({ types: [1, 2], creating }, { rootsPerVersion: 2 }),
        scope
      )
      yield* check(test, 41n)
      yield* Deferred.await(begun)
      expect(yield* test.made).toEqual(["40/1"])
      yield* Scope.close(scope, Exit.void)
      expect(yield* test.made).toEqual([])
      expect((yield* test.world).pinned).toEqual([])
    })
  )
})

describe("configuration", () => {
  const parameters = { interval: 10n, numKept: 1, chunkSize: 0 }
  const getParameters = Effect.succeed(parameters)
  const refusal = (config: Partial<CheckpointerConfig>) =>
    Effect.gen(function* () {
      const world = yield* Ref.make(initialWorld)
      const all = {
        name: "test",
        namespace,
        checkInterval: "1 minute",
        rootsPerVersion: 1,
        ...config
      } as const
      return yield* Effect.flip(Layer.build(Layer.provide(Checkpointer.layer(all), worldLayer(world))))
    }).pipe(Effect.scoped)

  it.effect("needs exactly one of parameters and getParameters, and sound values", () =>
    Effect.gen(function* () {
      const test = yield* Effect.scoped(checkpointerIn({}, { parameters }))
      expect(test.checkpointer).toBeDefined()
      for (const [config, reason] of [
        [{}, /neither/],
        [{ parameters, getParameters }, /both/],
        [{ parameters, rootsPerVersion: 0 }, /rootsPerVersion 0/],
        [{ parameters: { ...parameters, numKept: 0 } }, /numKept 0/],
        [{ parameters: { ...parameters, interval: -1n } }, /interval -1/],
        [{ parameters: { ...parameters, chunkSize: Number.NaN } }, /chunkSize NaN/],
        [{ parameters: { ...parameters, threads: 65_536 } }, /threads 65536/],
        [{ parameters: { ...parameters, initialVersion: -1n } }, /initialVersion -1/]
      ] as const) {
        const error = yield* refusal(config)
        expect([error._tag, error.message]).toEqual([
          "InvalidCheckpointerConfig",
          expect.stringMatching(reason)
        ])
      }
    })
  )
})
