import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { type Json, stringify } from "../../src/cli/Json.ts"

describe("Json", () => {
  it.prop("writes what JSON.stringify writes", [FastCheck.jsonValue()], ([value]) => {
    // fast-check's type of JSON is the same, but knows no bigint
    expect(stringify(value as Json)).toBe(JSON.stringify(value))
  })

  it("writes whole numbers of any size with all their digits, and leaves out what is undefined", () => {
    expect(stringify({ version: 2n ** 64n - 1n, absent: undefined, list: [1n, null, "a\nb"] })).toBe(
      '{"version":18446744073709551615,"list":[1,null,"a\\nb"]}'
    )
  })
})
