import { FastCheck as fc } from "effect"
import type { Change } from "../../mkvs/model.ts"

/** Histories of a database at random. Keys are few and collide, so that things meet that seldom do. */

export interface CandidatePlan {
  /** What it starts from: the version before, nothing, or an earlier candidate of its version (by number). */
  readonly from: "old" | "empty" | number
  readonly changes: ReadonlyArray<Change>
}

export type Step =
  | {
      readonly kind: "version"
      readonly candidates: ReadonlyArray<CandidatePlan>
      /** Which candidate becomes the state; `none`: the version has no state root, or an empty one is not asked for. */
      readonly winner: number | "none"
      readonly io: ReadonlyArray<Change> | undefined
      /** Numbers that choose what is looked at afterwards. */
      readonly looks: ReadonlyArray<number>
    }
  | { readonly kind: "prune" }
  | { readonly kind: "reopen" }

/** Short and over few bytes; also the empty one, and prefixes of one another. */
export const historyKey: fc.Arbitrary<Uint8Array> = fc
  .oneof(
    {
      weight: 8,
      arbitrary: fc.array(fc.constantFrom(0x00, 0x01, 0x80, 0xff), { maxLength: 4 })
    },
    { weight: 1, arbitrary: fc.array(fc.constantFrom(0x00, 0xff), { minLength: 30, maxLength: 40 }) }
  )
  .map((bytes) => Uint8Array.from(bytes))

/** For `large` see `HistoryOptions`. */
const historyValue = (large: number): fc.Arbitrary<Uint8Array> => {
  const length = fc.oneof(
    { weight: 100 - large - 20, arbitrary: fc.nat({ max: 8 }) },
    { weight: 20, arbitrary: fc.nat({ max: 700 }) },
    {
      weight: large,
      arbitrary: fc.oneof(
        { weight: 9, arbitrary: fc.nat({ max: 6_000 }) },
        { weight: 1, arbitrary: fc.nat({ max: 1_048_576 }) }
      )
    }
  )
  return fc.tuple(length, fc.nat({ max: 255 })).map(([bytes, fill]) => new Uint8Array(bytes).fill(fill))
}

const changes = (maxLength: number, large: number): fc.Arbitrary<ReadonlyArray<Change>> =>
  fc.array(fc.tuple(historyKey, fc.option(historyValue(large), { nil: undefined, freq: 3 })), { maxLength })

export interface HistoryOptions {
  /** How often, in a hundred, a value is larger than a page; one in ten of those has up to a mebibyte. Default 2. */
  readonly large?: number
  /** Changes in a large batch. Default 90. */
  readonly batch?: number
}

const candidate = (large: number, batch: number): fc.Arbitrary<CandidatePlan> =>
  fc.record({
    from: fc.oneof(
      { weight: 6, arbitrary: fc.constant("old" as const) },
      { weight: 1, arbitrary: fc.constant("empty" as const) },
      { weight: 3, arbitrary: fc.nat({ max: 3 }) }
    ),
    changes: fc.oneof(
      { weight: 4, arbitrary: changes(12, large) },
      { weight: 1, arbitrary: changes(batch, large) }
    )
  })

const version = (large: number, batch: number): fc.Arbitrary<Step> =>
  fc.record({
    kind: fc.constant("version" as const),
    candidates: fc.array(candidate(large, batch), { minLength: 1, maxLength: 3 }),
    winner: fc.oneof(
      { weight: 12, arbitrary: fc.nat({ max: 2 }) },
      { weight: 1, arbitrary: fc.constant("none" as const) }
    ),
    io: fc.option(changes(8, large), { nil: undefined, freq: 3 }),
    looks: fc.array(fc.nat(), { minLength: 12, maxLength: 12 })
  })

export const history = ({ batch = 90, large = 2 }: HistoryOptions = {}): fc.Arbitrary<ReadonlyArray<Step>> =>
  fc.array(
    fc.oneof(
      { weight: 7, arbitrary: version(large, batch) },
      { weight: 3, arbitrary: fc.constant({ kind: "prune" as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) }
    ),
    { minLength: 1, maxLength: 12 }
  )
