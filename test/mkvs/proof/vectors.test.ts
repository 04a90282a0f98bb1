import { describe, expect, it } from "vitest"
import { toHex } from "../../../src/mkvs/Bytes.ts"
import { frameEntries } from "../../../src/mkvs/CborEntries.ts"
import { decodeProof, encodeProof, type Proof } from "../../../src/mkvs/proof/Proof.ts"
import { ProofBuilder } from "../../../src/mkvs/proof/ProofBuilder.ts"
import { verifyProof } from "../../../src/mkvs/proof/ProofVerifier.ts"
import { proveGet, proveIterate, provePrefixes } from "../../../src/mkvs/proof/Prover.ts"
import { ProvingIterator } from "../../../src/mkvs/proof/ProvingIterator.ts"
import type { ReferenceTree } from "../../../src/mkvs/reference/ReferenceTree.ts"
import { nodeHasher } from "../hasher.ts"
import { type ProofVector, proofs, proofsMore } from "../vectors.ts"
import { treeOfVector } from "./trees.ts"

const prove = (tree: ReferenceTree, vector: ProofVector): Proof => {
  const options = { version: vector.proofVersion }
  switch (vector.kind) {
    case "get":
      return proveGet(tree.root, vector.key, {
        ...options,
        siblings: vector.siblings,
        position: vector.position
      })
    case "iterate":
      return proveIterate(tree.root, vector.key, vector.prefetch, options)
    case "prefixes":
      return provePrefixes(tree.root, vector.prefixes, vector.limit, options)
  }
}

const hexOrNull = (entry: Uint8Array | null) => (entry === null ? null : toHex(entry))

const checkMade = (vector: ProofVector) => {
  const tree = treeOfVector(vector.profile, vector.n)
  expect(toHex(tree.rootHash)).toBe(toHex(vector.root))
  const proof = prove(tree, vector)
  expect(proof.version).toBe(vector.proof.v)
  expect(toHex(proof.untrustedRoot)).toBe(toHex(vector.proof.untrusted_root))
  expect(proof.entries.map(hexOrNull)).toEqual(vector.proof.entries.map(hexOrNull))
  expect(toHex(encodeProof(proof))).toBe(toHex(vector.proof.cbor))
}

const checkRead = (vector: ProofVector) => {
  const proof = decodeProof(vector.proof.cbor)
  expect(proof.version).toBe(vector.proof.v)
  expect(proof.entries.map(hexOrNull)).toEqual(vector.proof.entries.map(hexOrNull))
  const proved = verifyProof(proof, vector.proof.untrusted_root, nodeHasher)
  const tree = treeOfVector(vector.profile, vector.n)
  for (const { key, value } of proved.writeLog()) expect(tree.get(key)).toEqual(value)
  if (vector.kind === "get" && vector.position === undefined) {
    const value = tree.get(vector.key)
    const expected = value === undefined ? { status: "absent" } : { status: "present", value }
    expect(proved.get(vector.key)).toEqual(expected)
  }
}

for (const [file, load, count] of [
  ["proofs.json", proofs, 80],
  ["proofs-more.json", proofsMore, 262]
] as const) {
  describe(file, () => {
    const vectors = load()

    it("holds as many proofs as are known", () => {
      expect(vectors.length).toBe(count)
    })

    it("every proof is made, entry by entry and as CBOR", () => {
      for (const vector of vectors) checkMade(vector)
    })

    it("every proof is read and verified, and tells what the tree holds", () => {
      for (const vector of vectors) checkRead(vector)
    })

    it("framed entries are those of the proof", () => {
      for (const vector of vectors) {
        const { top } = verifyProof(decodeProof(vector.proof.cbor), vector.proof.untrusted_root, nodeHasher)
        const builder = new ProofBuilder(top, { version: vector.proofVersion })
        builder.includeTop()
        expect(frameEntries(builder.build().entries)).toEqual(builder.framedEntries())
      }
    })
  })
}

describe("answers named in the vectors", () => {
  it("value of a get proof", () => {
    const gets = proofs().filter((vector) => vector.kind === "get")
    for (const vector of gets) {
      const answer = verifyProof(decodeProof(vector.proof.cbor), vector.root, nodeHasher).get(vector.key)
      if (vector.value === null) expect(answer).toEqual({ status: "absent" })
      else expect(answer).toEqual({ status: "present", value: vector.value })
    }
    expect(gets.length).toBe(64)
  })

  it("the first key that an iteration finds, from the tree and from its proof", () => {
    const iterations = proofsMore().filter((vector) => vector.kind === "iterate")
    for (const vector of iterations) {
      const expected = hexOrNull(vector.first ?? null)
      for (const top of [
        treeOfVector(vector.profile, vector.n).root,
        verifyProof(decodeProof(vector.proof.cbor), vector.root, nodeHasher).top
      ]) {
        const found = new ProvingIterator(new ProofBuilder(top, { version: vector.proofVersion })).seek(
          vector.key
        )
        expect(found === undefined ? null : toHex(found.key)).toBe(expected)
      }
    }
    expect(iterations.filter((vector) => vector.first === null).length).toBeGreaterThan(0)
  })
})
