import { Effect } from "effect"
import { DatabaseDamaged } from "./NodeDatabaseError.ts"
import { StoreFailed, StoreFull, StoreReadOnly } from "./StoreError.ts"

type ErrorClass = abstract new (...args: never) => object

/**
 * The edge of the synchronous core: runs `body`; what it throws of the expected classes becomes a typed failure,
 * anything else is a defect.
 */
export const attempt = <A, const Expected extends ReadonlyArray<ErrorClass>>(
  body: () => A,
  expected: Expected
): Effect.Effect<A, InstanceType<Expected[number]>> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(body())
    } catch (error) {
      for (const candidate of expected) {
        // `instanceof` has shown that the error is of this class; the array's element type cannot carry that over.
        if (error instanceof candidate) return Effect.fail(error as InstanceType<Expected[number]>)
      }
      return Effect.die(error)
    }
  })

export const readFailures = [DatabaseDamaged, StoreFailed] as const

export const writeFailures = [StoreFull, StoreReadOnly, StoreFailed, DatabaseDamaged] as const
