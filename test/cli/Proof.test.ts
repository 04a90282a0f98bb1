import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { toHex } from "../../src/mkvs/Bytes.ts"
import { proofs } from "../mkvs/vectors.ts"
import { decimalsIn, failureOf, jsonOf, linesOf, outputOf, temporaryDirectory, writeFile } from "./support.ts"

const directory = temporaryDirectory()

/** The vectors' proofs of key 49 among 50 decimals: version 0 without siblings, version 1 with them. */
const vectors = proofs().filter(
  (proof) =>
    proof.kind === "get" &&
    proof.profile === "decimal" &&
    proof.n === 50 &&
    toHex(proof.key) === "3439" &&
    proof.siblings === (proof.proofVersion === 1)
)

describe("cairn state prove and proof verify", () => {
  let dataDir: string
  let printed: string
  let root: string

  beforeAll(async () => {
    dataDir = await decimalsIn(directory, 50)
    root = (await outputOf(["state", "root", "--data-dir", dataDir])).trim()
    printed = await outputOf(["state", "prove", "--data-dir", dataDir, "--key", "42", "--json"])
  })

  const verify = (...args: ReadonlyArray<string>) => ["proof", "verify", ...args, "--root", root]

  it("proves what the vectors prove, byte for byte", async () => {
    expect(vectors).toHaveLength(2)
    for (const vector of vectors) {
      if (vector.kind !== "get") continue
      const key = toHex(vector.key)
      const siblings = vector.siblings ? ["--siblings"] : []
      const options = ["--encoding", "hex", "--proof-version", `${vector.proofVersion}`, ...siblings]
      const [result] = await jsonOf(["state", "prove", "--data-dir", dataDir, "--key", key, ...options])
      const value = vector.value === null || vector.value === undefined ? null : toHex(vector.value)
      expect(result).toEqual({
        version: 1,
        root: toHex(vector.root),
        key,
        value,
        proof: toHex(vector.proof.cbor)
      })
    }
  })

  it("is verified from a file and from stdin, printed or plain", async () => {
    const present = { ok: true, root, key: "42", status: "present", value: "42" }
    expect(await jsonOf(verify(writeFile(directory, "proof.json", printed)))).toEqual([present])
    expect(await outputOf(verify("-"), { input: printed })).toBe("present\t42\n")
    const cbor = Buffer.from(proofOf(printed), "hex")
    const file = writeFile(directory, "proof.cbor", cbor)
    expect(await jsonOf(verify("-", "--key", "42"), { input: cbor })).toEqual([present])
    expect((await failureOf(verify(file), {}, 2)).line).toContain("give --key")
  })

  it("proves absence, also of the empty key", async () => {
    const input = await outputOf(["state", "prove", "--data-dir", dataDir, "--key", "", "--json"])
    expect(await jsonOf(verify("-"), { input })).toEqual([
      { ok: true, root, key: "", status: "absent", value: null }
    ])
  })

  it("fails, and says so in its result, for another root, another key, and a damaged proof", async () => {
    const failing = async (args: ReadonlyArray<string>, input: string) => {
      const { stdout, line } = await failureOf([...args, "--json"], { input })
      const [result] = linesOf(stdout)
      expect(result).toMatchObject({ ok: false, error: { _tag: expect.any(String) } })
      return { line, result }
    }
    const otherRoot = ["proof", "verify", "-", "--root", "00".repeat(32)]
    expect((await failing(otherRoot, printed)).result).toMatchObject({
      status: "notCovered",
      value: null,
      error: { _tag: "ProofVerificationFailed" }
    })
    expect((await failing(verify("-", "--key", "7"), printed)).result).toMatchObject({
      status: "notCovered",
      key: "7",
      error: { _tag: "KeyNotCovered" }
    })
    const proof = proofOf(printed)
    const damaged = printed.replace(proof, proof.slice(0, -2))
    expect((await failing(verify("-"), damaged)).result).toMatchObject({ error: { _tag: "MalformedCbor" } })
  })

  it("fails where the file claims something else than the proof shows", async () => {
    const lies = [
      ["value", '"value":"42"', '"value":"43"'],
      ["value", '"value":"42"', '"value":null'],
      ["root", `"root":"${root}"`, `"root":"${"00".repeat(32)}"`]
    ] as const
    for (const [field, claim, lie] of lies) {
      const input = printed.replace(claim, lie)
      const { stdout, line } = await failureOf([...verify("-"), "--json"], { input })
      expect(linesOf(stdout)[0]).toMatchObject({ ok: false, status: "present", value: "42" })
      expect(line).toContain(`the file says that the ${field} is`)
    }
  })

  it("says what a file lacks that holds no proof", async () => {
    expect((await failureOf(verify("-"), { input: "{}" })).line).toContain("stdin holds no proof")
    expect((await failureOf(verify(join(directory, "absent")))).line).toContain("cannot be read")
  })
})

const proofOf = (printed: string): string => (JSON.parse(printed) as { readonly proof: string }).proof
