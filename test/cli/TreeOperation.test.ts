import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import { parse, type TreeOperation } from "../../src/cli/TreeOperation.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const reasonOf = (text: string | Uint8Array, encoding: "utf8" | "hex" = "utf8"): string =>
  Either.getOrThrow(Either.flip(parse(typeof text === "string" ? utf8(text) : text, encoding)))

const notReserved = (text: string): boolean => !text.startsWith("\0cairn/")

describe("TreeOperation", () => {
  it.prop(
    "reads what JSON writes, in both encodings",
    [FastCheck.fullUnicodeString().filter(notReserved), FastCheck.uint8Array()],
    ([text, bytes]) => {
      const hex = Buffer.from(bytes).toString("hex")
      const read = (line: unknown, encoding: "utf8" | "hex") => parse(utf8(JSON.stringify(line)), encoding)
      const set: TreeOperation = { _tag: "Set", key: utf8(text), value: utf8(text) }
      expect(read({ value: text, set: text }, "utf8")).toEqual(Either.right(set))
      expect(read({ delete: text }, "utf8")).toEqual(Either.right({ _tag: "Delete", key: utf8(text) }))
      expect(read({ set: "aa", value: hex }, "hex")).toEqual(
        Either.right({ _tag: "Set", key: Uint8Array.of(0xaa), value: bytes })
      )
    }
  )

  it("knows commits and blank lines", () => {
    expect(parse(utf8(' { "commit" : true } '), "utf8")).toEqual(Either.right({ _tag: "Commit" }))
    expect(parse(utf8(" \t"), "utf8")).toEqual(Either.right(undefined))
    expect(parse(utf8(""), "utf8")).toEqual(Either.right(undefined))
  })

  it.prop("random bytes give an operation or a reason", [FastCheck.uint8Array()], ([bytes]) => {
    const result = parse(bytes, "utf8")
    if (Either.isLeft(result)) expect(result.left).not.toBe("")
  })

  it.prop("random JSON gives an operation or a reason", [FastCheck.jsonValue()], ([value]) => {
    const result = parse(utf8(JSON.stringify(value)), "hex")
    if (Either.isLeft(result)) expect(result.left).not.toBe("")
  })

  it.each([
    ["not json", "it is no JSON"],
    ["[]", "it is no object"],
    ["null", "it is no object"],
    ["{}", "neither set, delete nor commit"],
    ['{"set":"a"}', "field value is missing"],
    ['{"set":"a","value":1}', "must be text"],
    ['{"set":"a","value":"b","ttl":1}', 'field "ttl" has no meaning'],
    ['{"delete":"a","value":"b"}', 'field "value" has no meaning'],
    ['{"set":"a","value":"b","delete":"c"}', "set and delete in one line"],
    ['{"delete":"a","commit":true}', "delete and commit in one line"],
    ['{"commit":false}', "commit can only be true"],
    ['{"commit":1}', "commit can only be true"],
    ['{"set":"a","set":"b","value":"c"}', "there twice"],
    ['{"set":"a","value":"\\"","value":"\\\\"}', "there twice"],
    ['{"commit":true,"commit":true}', "there twice"],
    ['{"set":"\\ud800","value":"b"}', "surrogate"],
    ['{"delete":"\\u0000cairn/header"}', "a node's own"]
  ])("%s is refused", (line, reason) => {
    expect(reasonOf(line)).toContain(reason)
  })

  it("quotes and backslashes in text are no second field", () => {
    const set = { set: '"\\', value: '\\"\\\\"' }
    expect(parse(utf8(JSON.stringify(set)), "utf8")).toEqual(
      Either.right({ _tag: "Set", key: utf8(set.set), value: utf8(set.value) })
    )
  })

  it("refuses what is no UTF-8, bad hex, and keys that are too long", () => {
    expect(reasonOf(Uint8Array.of(0x22, 0xff, 0x22))).toContain("no UTF-8")
    expect(reasonOf('{"delete":"abc"}', "hex")).toContain("the key is not hex")
    expect(reasonOf('{"set":"ab","value":"xy"}', "hex")).toContain("the value is not hex")
    expect(reasonOf(JSON.stringify({ delete: "k".repeat(8192) }))).toContain("8192 bytes")
    expect(Either.isRight(parse(utf8(JSON.stringify({ delete: "k".repeat(8191) })), "utf8"))).toBe(true)
  })

  it("a deeply nested line is refused like any other", () => {
    expect(reasonOf("[".repeat(1_000_000))).toContain("it is no JSON")
  })
})
