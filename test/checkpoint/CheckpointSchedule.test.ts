import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { dueVersions, versionsToMake, versionsToRemove } from "../../src/checkpoint/CheckpointSchedule.ts"
import { holds } from "../mkvs/holds.ts"

const small = (max: bigint) => fc.bigInt({ min: 0n, max })
const schedule = fc.record({
  interval: small(6n),
  numKept: fc.integer({ min: 1, max: 4 }),
  initialVersion: small(10n)
})
const versionSet = fc.array(small(40n)).map((versions) => new Set(versions))
const newestFirst = (a: bigint, b: bigint) => (a > b ? -1 : a < b ? 1 : 0)

describe("CheckpointSchedule", () => {
  it("names the newest versions of the form initial + k·interval", () => {
    const of = (interval: bigint, numKept: number, initialVersion: bigint) => ({
      interval,
      numKept,
      initialVersion
    })
    expect(dueVersions(of(10n, 2, 0n), 35n, 0n)).toEqual([30n, 20n])
    expect(dueVersions(of(10n, 9, 5n), 35n, 0n)).toEqual([35n, 25n, 15n, 5n])
    expect(dueVersions(of(10n, 9, 5n), 34n, 16n)).toEqual([25n])
    expect(dueVersions(of(10n, 9, 5n), 4n, 0n)).toEqual([])
    expect(dueVersions(of(0n, 9, 5n), 40n, 0n)).toEqual([])
    expect(dueVersions(of(10n, 2, 0n), 35n, 36n)).toEqual([])
    expect(dueVersions(of(2n ** 63n, 3, 0n), 2n ** 64n - 1n, 0n)).toEqual([2n ** 63n, 0n])
  })

  it("is what the spec says, for all small versions", () => {
    holds(
      fc.property(schedule, small(40n), small(40n), (schedule, version, earliest) => {
        const expected: Array<bigint> = []
        for (
          let at = schedule.initialVersion;
          schedule.interval > 0n && at <= version;
          at += schedule.interval
        ) {
          if (at >= earliest) expected.push(at)
        }
        expect(dueVersions(schedule, version, earliest)).toEqual(
          expected.sort(newestFirst).slice(0, schedule.numKept)
        )
      })
    )
  })

  it("removes the oldest beyond those kept, never the initial version", () => {
    const of = { interval: 10n, numKept: 2, initialVersion: 5n }
    expect(versionsToRemove(of, new Set([5n, 15n, 25n, 35n]))).toEqual([15n])
    expect(versionsToRemove(of, new Set([35n, 22n, 15n, 5n, 3n]))).toEqual([3n, 15n])
    expect(versionsToRemove(of, new Set([35n, 5n, 15n]))).toEqual([])
  })

  it("ends where making all that is due and then removing the oldest ends", () => {
    holds(
      fc.property(
        schedule,
        small(40n),
        small(40n),
        versionSet,
        versionSet,
        (schedule, version, earliest, a, b) => {
          const present = new Set([...a, ...b])
          const complete = a
          const due = dueVersions(schedule, version, earliest)
          const made = versionsToMake(schedule, due, present, complete)
          const leftAfter = (versions: ReadonlyArray<bigint>) => {
            const all = new Set([...present, ...versions])
            for (const version of versionsToRemove(schedule, all)) all.delete(version)
            return [...all].sort(newestFirst)
          }
          expect(leftAfter(made)).toEqual(leftAfter(due))
          for (const version of made) {
            expect(leftAfter(made)).toContain(version)
            expect(complete.has(version)).toBe(false)
          }
          const missing = due.filter((version) => leftAfter(due).includes(version) && !complete.has(version))
          expect(made).toEqual(missing)
        }
      )
    )
  })
})
