import { FastCheck } from "effect"

/** Asserts a synchronous property. */
export const holds = <Ts extends [unknown, ...Array<unknown>]>(
  property: FastCheck.IPropertyWithHooks<Ts>,
  numRuns = 1000
): void => FastCheck.assert(property, { numRuns })
