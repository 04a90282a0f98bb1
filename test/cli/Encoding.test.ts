import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as Encoding from "../../src/cli/Encoding.ts"

describe("Encoding", () => {
  it.prop("bytes survive hex", [FastCheck.uint8Array()], ([bytes]) => {
    const text = Either.getOrThrow(Encoding.encode("hex", "value", bytes))
    expect(Either.getOrThrow(Encoding.decode("hex", "value", text))).toEqual(bytes)
  })

  it.prop("text survives utf8", [FastCheck.fullUnicodeString()], ([text]) => {
    const bytes = Either.getOrThrow(Encoding.decode("utf8", "value", text))
    expect(Either.getOrThrow(Encoding.encode("utf8", "value", bytes))).toBe(text)
  })

  it.prop(
    "bytes are text in utf8, or refused with the advice to use hex",
    [FastCheck.uint8Array()],
    ([bytes]) => {
      const text = Encoding.encode("utf8", "value", bytes)
      if (Either.isLeft(text)) expect(text.left.message).toContain("--encoding hex")
      else expect(Either.getOrThrow(Encoding.decode("utf8", "value", text.right))).toEqual(bytes)
    }
  )

  it.prop("any text is bytes in hex, or refused", [FastCheck.string16bits()], ([text]) => {
    const bytes = Encoding.decode("hex", "--key", text)
    expect(Either.isRight(bytes)).toBe(/^([0-9a-fA-F]{2})*$/.test(text))
  })

  it("refuses half a surrogate pair instead of putting something else in its place", () => {
    const refused = Either.flip(Encoding.decode("utf8", "the key", "a\ud800b"))
    expect(Either.getOrThrow(refused)).toMatchObject({ _tag: "BadText", what: "the key" })
  })

  it("keeps a byte order mark", () => {
    const bytes = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)
    expect(Either.getOrThrow(Encoding.encode("utf8", "value", bytes))).toBe("\ufeffa")
  })

  it.prop(
    "what goes to a terminal holds nothing that could move its cursor",
    [FastCheck.fullUnicodeString()],
    ([text]) => {
      expect(Encoding.harmless(`${text}\u001b[2J\u009b\u202e\n`)).not.toMatch(
        /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u
      )
    }
  )

  it("leaves ordinary text as it is", () => {
    expect(Encoding.harmless("Zürich 東京 🙂")).toBe("Zürich 東京 🙂")
    expect(Encoding.excerpt("x".repeat(1000)).length).toBeLessThan(50)
  })
})
