import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck, Option } from "effect"
import { parse } from "../../src/cli/proof/ProofFile.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const claims = { root: "aa", key: "k", value: null, proof: "a267" }

describe("ProofFile", () => {
  it("reads a printed result, hex, and plain CBOR", () => {
    const proof = Uint8Array.of(0xa2, 0x67)
    const alone = Either.right({ proof, claims: Option.none() })
    expect(parse("f", proof)).toEqual(alone)
    expect(parse("f", utf8(" A267\n"))).toEqual(alone)
    expect(parse("f", utf8(`\n${JSON.stringify({ version: 1, ...claims })}\n`))).toEqual(
      Either.right({ proof, claims: Option.some(claims) })
    )
  })

  it.each(["", " \n", "a26", "hello", "{", "{}", '{"proof":1}', JSON.stringify({ ...claims, proof: "zz" })])(
    "refuses %j by the file's name",
    (text) => {
      const error = Either.getOrThrow(Either.flip(parse("my.json", utf8(text))))
      expect(error).toMatchObject({ _tag: "NoProofFile", file: "my.json" })
    }
  )

  it.prop("random bytes are read or refused", [FastCheck.uint8Array()], ([bytes]) => {
    const result = parse("f", bytes)
    if (Either.isLeft(result)) expect(result.left._tag).toBe("NoProofFile")
  })

  it.prop("so are mutations of a printed result", [FastCheck.nat(), FastCheck.nat(255)], ([at, byte]) => {
    const bytes = utf8(JSON.stringify(claims))
    bytes[at % bytes.length] = byte
    const result = parse("f", bytes)
    if (Either.isLeft(result)) expect(result.left._tag).toBe("NoProofFile")
  })
})
