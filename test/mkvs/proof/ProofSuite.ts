import { describe, expect, it } from "vitest"
import { toHex } from "../../../src/mkvs/Bytes.ts"
import { decodeProof, encodeProof, type Proof } from "../../../src/mkvs/proof/Proof.ts"
import { ProofBuilder } from "../../../src/mkvs/proof/ProofBuilder.ts"
import { verifyProof } from "../../../src/mkvs/proof/ProofVerifier.ts"
import { proveGet, proveIterate, provePrefixes } from "../../../src/mkvs/proof/Prover.ts"
import { ProvingIterator } from "../../../src/mkvs/proof/ProvingIterator.ts"
import type { Tree } from "../../../src/mkvs/Tree.ts"
import type { TreeNode } from "../../../src/mkvs/TreeNode.ts"
import { dataSet } from "../dataset.ts"
import { nodeHasher } from "../hasher.ts"
import { type ProofVector, proofs, proofsMore } from "../vectors.ts"

/** Every proof of the vectors, made from the nodes of an engine. `make` gives an empty tree. */
export const proofSuite = (name: string, make: () => Tree): void => {
  const known = new Map<string, Tree>()
  /** The tree of a vector: the first `n` entries of its data set with seed `visible`, committed. */
  const treeOf = ({ profile, n }: ProofVector): Tree => {
    const id = `${profile}/${n}`
    let tree = known.get(id)
    if (tree === undefined) {
      tree = make()
      for (const [key, value] of dataSet(profile, "visible", n)) tree.insert(key, value)
      tree.commit()
      known.set(id, tree)
    }
    return tree
  }

  describe(`proofs / ${name}`, () => {
    for (const [file, load, count] of files) {
      it(`${file}: every proof is made, entry by entry and as CBOR`, () => {
        const vectors = load()
        expect(vectors.length).toBe(count)
        for (const vector of vectors) checkMade(treeOf(vector), vector)
      })

      it(`${file}: every proof is read and verified, and tells what the tree holds`, () => {
        for (const vector of load()) checkRead(treeOf(vector), vector)
      })
    }

    it("the first key that an iteration finds, from the tree and from its proof", () => {
      const iterations = proofsMore().filter((vector) => vector.kind === "iterate")
      for (const vector of iterations) {
        const { top } = verifyProof(decodeProof(vector.proof.cbor), vector.root, nodeHasher)
        expect(firstKey(treeOf(vector).root, vector)).toBe(hexOrNull(vector.first ?? null))
        expect(firstKey(top, vector)).toBe(hexOrNull(vector.first ?? null))
      }
      expect(iterations.filter((vector) => vector.first === null).length).toBeGreaterThan(0)
    })
  })
}

const files = [
  ["proofs.json", proofs, 80],
  ["proofs-more.json", proofsMore, 262]
] as const

const prove = (root: TreeNode | undefined, vector: ProofVector): Proof => {
  const version = vector.proofVersion
  switch (vector.kind) {
    case "get": {
      const { siblings, position } = vector
      return proveGet(root, vector.key, { version, siblings, position })
    }
    case "iterate":
      return proveIterate(root, vector.key, vector.prefetch, { version })
    case "prefixes":
      return provePrefixes(root, vector.prefixes, vector.limit, { version })
  }
}

const checkMade = (tree: Tree, vector: ProofVector): void => {
  expect(toHex(tree.rootHash)).toBe(toHex(vector.root))
  const proof = prove(tree.root, vector)
  expect(proof.version).toBe(vector.proof.v)
  expect(toHex(proof.untrustedRoot)).toBe(toHex(vector.proof.untrusted_root))
  expect(proof.entries.map(hexOrNull)).toEqual(vector.proof.entries.map(hexOrNull))
  expect(toHex(encodeProof(proof))).toBe(toHex(vector.proof.cbor))
}

const checkRead = (tree: Tree, vector: ProofVector): void => {
  const proof = decodeProof(vector.proof.cbor)
  expect(proof.version).toBe(vector.proof.v)
  expect(proof.entries.map(hexOrNull)).toEqual(vector.proof.entries.map(hexOrNull))
  const proved = verifyProof(proof, vector.proof.untrusted_root, nodeHasher)
  for (const { key, value } of proved.writeLog()) expect(tree.get(key)).toEqual(value)
  if (vector.kind === "get" && vector.position === undefined) {
    const value = tree.get(vector.key)
    if (vector.value !== undefined) expect(value).toEqual(vector.value ?? undefined)
    const expected = value === undefined ? { status: "absent" } : { status: "present", value }
    expect(proved.get(vector.key)).toEqual(expected)
  }
}

const firstKey = (top: TreeNode | undefined, vector: ProofVector & { kind: "iterate" }): string | null => {
  const builder = new ProofBuilder(top, { version: vector.proofVersion })
  return hexOrNull(new ProvingIterator(builder).seek(vector.key)?.key ?? null)
}

const hexOrNull = (bytes: Uint8Array | null): string | null => (bytes === null ? null : toHex(bytes))
