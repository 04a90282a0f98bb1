import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { equal, fromHex, toHex } from "../../../src/mkvs/Bytes.ts"
import { MalformedCbor, NotCovered, ProofVerificationFailed } from "../../../src/mkvs/MkvsError.ts"
import { emptyHash } from "../../../src/mkvs/Node.ts"
import { decodeProof, encodeProof, type Proof, type ProofVersion } from "../../../src/mkvs/proof/Proof.ts"
import { ProofVerification, type VerifyOptions, verifyProof } from "../../../src/mkvs/proof/ProofVerifier.ts"
import { type GetOptions, proveGet, proveIterate, provePrefixes } from "../../../src/mkvs/proof/Prover.ts"
import type { ReferenceTree } from "../../../src/mkvs/reference/ReferenceTree.ts"
import { dataSet } from "../dataset.ts"
import { nodeHasher } from "../hasher.ts"
import { holds } from "../holds.ts"
import { deepTree, someKey, someTree, treeOf } from "./trees.ts"

const versions: ReadonlyArray<ProofVersion> = [0, 1]
const someVersion = fc.constantFrom<ProofVersion>(0, 1)
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

const verify = (proof: Proof, trustedRoot: Uint8Array, options?: VerifyOptions) =>
  verifyProof(proof, trustedRoot, nodeHasher, options)

/** The reason why a proof is refused; `undefined` where it is accepted. */
const refusal = (proof: Proof, trustedRoot: Uint8Array, options?: VerifyOptions): string | undefined => {
  try {
    verify(proof, trustedRoot, options)
    return undefined
  } catch (error) {
    if (error instanceof ProofVerificationFailed) return error.reason
    throw error
  }
}

/** Proofs of all kinds from a tree. */
const someProofOf = (tree: ReferenceTree): fc.Arbitrary<Proof> => {
  const options = fc.record({ version: someVersion, siblings: fc.boolean() })
  return fc.oneof(
    fc.tuple(someKey, options).map(([key, options]) => proveGet(tree.root, key, options)),
    fc
      .tuple(someKey, fc.nat({ max: 4 }), options)
      .map(([key, prefetch, options]) => proveIterate(tree.root, key, prefetch, options)),
    fc
      .tuple(fc.array(someKey, { maxLength: 3 }), fc.nat({ max: 6 }), options)
      .map(([prefixes, limit, options]) => provePrefixes(tree.root, prefixes, limit, options))
  )
}
const someProof = someTree.chain((tree) => someProofOf(tree).map((proof) => ({ tree, proof })))

describe("verifyProof", () => {
  it("answers for every key as the tree does, or not at all; never NotCovered for the key proved", () => {
    const options = fc.record({ version: someVersion, siblings: fc.boolean() })
    const count = { present: 0, absent: 0, notCovered: 0 }
    holds(
      fc.property(someTree, someKey, options, fc.array(someKey), (tree, key, options, others) => {
        const proved = verify(proveGet(tree.root, key, options), tree.rootHash)
        expect(proved.get(key).status).not.toBe("notCovered")
        for (const asked of [key, ...others, ...[...tree.iterate()].map(([key]) => key)]) {
          const answer = proved.get(asked)
          count[answer.status]++
          const value = tree.get(asked)
          if (answer.status === "present") expect(answer.value).toEqual(value)
          if (answer.status === "absent") expect(value).toBeUndefined()
        }
      })
    )
    expect(Math.min(count.present, count.absent, count.notCovered)).toBeGreaterThan(100)
  })

  it("no flipped bit goes unnoticed", () => {
    const check = (tree: ReferenceTree, proof: Proof) => {
      const bytes = encodeProof(proof)
      for (let bit = 0; bit < 8 * bytes.length; bit++) {
        bytes[bit >>> 3]! ^= 0x80 >>> (bit & 7)
        expect(() => verify(decodeProof(bytes), tree.rootHash)).toThrow(
          expect.toSatisfy((e) => e instanceof MalformedCbor || e instanceof ProofVerificationFailed)
        )
        bytes[bit >>> 3]! ^= 0x80 >>> (bit & 7)
      }
      expect(verify(decodeProof(bytes), tree.rootHash).rootHash).toEqual(tree.rootHash)
    }
    holds(
      fc.property(someProof, ({ tree, proof }) => check(tree, proof)),
      12
    )
  })

  it("no changed, removed, added, swapped or cut entry goes unnoticed", () => {
    const change = fc.constantFrom<(entry: Uint8Array | null) => ReadonlyArray<Uint8Array | null>>(
      () => [],
      (entry) => [entry, entry],
      (entry) => [entry, null],
      (entry) => [null, entry],
      (entry) => (entry === null ? [Uint8Array.of()] : [null]),
      (entry) => [entry?.subarray(0, -1) ?? Uint8Array.of(1)],
      (entry) => [Uint8Array.of(...(entry ?? []), 0)]
    )
    holds(
      fc.property(someProof, change, fc.nat(), ({ tree, proof }, change, at) => {
        const index = at % proof.entries.length
        const entries = [...proof.entries]
        entries.splice(index, 1, ...change(proof.entries[index]!))
        expect(refusal({ ...proof, entries }, tree.rootHash)).toBeTypeOf("string")
      })
    )
    holds(
      fc.property(someProof, fc.nat(), fc.nat(), ({ tree, proof }, one, other) => {
        const entries = [...proof.entries]
        const [i, j] = [one % entries.length, other % entries.length]
        const [a, b] = [entries[i]!, entries[j]!]
        entries[i] = b
        entries[j] = a
        const same = a === b || (a !== null && b !== null && equal(a, b))
        if (!same) expect(refusal({ ...proof, entries }, tree.rootHash)).toBeTypeOf("string")
      })
    )
  })

  it("random entries prove nothing", () => {
    const entry = fc.oneof(fc.constant(null), fc.uint8Array({ maxLength: 40 }))
    holds(
      fc.property(fc.array(entry, { maxLength: 6 }), someVersion, (entries, version) => {
        const untrustedRoot = new Uint8Array(32).fill(3)
        expect(refusal({ version, untrustedRoot, entries }, untrustedRoot)).toBeTypeOf("string")
      })
    )
  })

  it("refuses another root, saying which", () => {
    const tree = treeOf(dataSet("decimal", "root", 10))
    const proof = proveGet(tree.root, text("3"))
    const other = new Uint8Array(32).fill(1)
    expect(refusal(proof, other)).toBe(
      `it is about ${toHex(tree.rootHash)}, not about the trusted root ${toHex(other)}`
    )
    expect(refusal({ ...proof, untrustedRoot: other }, other)).toBe(
      `its hashes end in ${toHex(tree.rootHash)}, not in the trusted root ${toHex(other)}`
    )
    expect(refusal({ ...proof, untrustedRoot: new Uint8Array(0) }, tree.rootHash)).toMatch(/it is about/)
  })

  it("refuses an unknown version, whatever the types said", () => {
    const proof: Proof = { version: 0, untrustedRoot: emptyHash, entries: [null] }
    // As it may come out of a decoder that does not check.
    const unknown = { ...proof, version: 2 } as unknown as Proof
    expect(refusal(unknown, emptyHash)).toBe("unknown version 2")
  })

  it("refuses more than its limits allow", () => {
    const tree = treeOf(dataSet("decimal", "limits", 50))
    const proof = proveGet(tree.root, text("3"))
    const bytes = proof.entries.reduce((sum, entry) => sum + (entry === null ? 1 : entry.length + 1), 0)
    const wide = proof.entries.filter((entry) => entry !== null && entry.length >= 24).length
    expect(refusal(proof, tree.rootHash, { bytesMax: bytes + wide })).toBeUndefined()
    expect(refusal(proof, tree.rootHash, { bytesMax: bytes + wide - 1 })).toMatch(/bytes: at most/)
    expect(refusal(proof, tree.rootHash, { entriesMax: proof.entries.length })).toBeUndefined()
    expect(refusal(proof, tree.rootHash, { entriesMax: proof.entries.length - 1 })).toMatch(
      /entries: at most/
    )
    const huge: Proof = { version: 0, untrustedRoot: emptyHash, entries: [new Uint8Array(16 * 1024 * 1024)] }
    expect(refusal(huge, emptyHash)).toBe("16777221 bytes: at most 16777216 are allowed")
    const many: Proof = { version: 0, untrustedRoot: emptyHash, entries: new Array(1_000_001).fill(null) }
    expect(refusal(many, emptyHash)).toBe("1000001 entries: at most 1000000 are allowed")
  })

  it("proves an empty tree", () => {
    for (const version of versions) {
      const proof = proveGet(undefined, text("a"), { version })
      expect(proof).toEqual({ version, untrustedRoot: emptyHash, entries: [null] })
      const proved = verify(proof, emptyHash)
      expect(proved.top).toBeUndefined()
      expect(proved.get(text("a"))).toEqual({ status: "absent" })
      expect([...proved.iterate()]).toEqual([])
      expect(proved.writeLog()).toEqual([])
    }
    const leftOut: Proof = {
      version: 0,
      untrustedRoot: emptyHash,
      entries: [Uint8Array.of(2, ...emptyHash)]
    }
    expect(refusal(leftOut, emptyHash)).toMatch(/entry 0: the empty hash/)
  })

  it("proves nothing about a tree that is left out as a whole", () => {
    const tree = treeOf(dataSet("decimal", "nothing", 10))
    const proof = provePrefixes(tree.root, [], 10)
    expect(proof.entries).toEqual([Uint8Array.of(2, ...tree.rootHash)])
    const proved = verify(proof, tree.rootHash)
    expect(proved.get(text("3"))).toEqual({ status: "notCovered" })
    expect(() => proved.top).toThrow(NotCovered)
    expect(() => [...proved.iterate()]).toThrow(NotCovered)
    expect(proved.writeLog()).toEqual([])
  })

  it("shares no memory with the proof", () => {
    const tree = treeOf(dataSet("decimal", "shared", 20))
    const proof = decodeProof(encodeProof(proveGet(tree.root, text("7"))))
    const root = tree.rootHash
    const proved = verify(proof, root)
    for (const entry of proof.entries) entry?.fill(0)
    root.fill(0)
    expect(proved.get(text("7"))).toEqual({ status: "present", value: text("7") })
    expect(proved.rootHash).toEqual(tree.rootHash)
    expect(encodeProof(proveGet(proved.top, text("7")))).toEqual(encodeProof(proveGet(tree.root, text("7"))))
  })

  it("takes 20,000 levels", () => {
    const { top, deepestKey } = deepTree(20_000)
    for (const version of versions) {
      const proof = decodeProof(encodeProof(proveGet(top, deepestKey, { version })))
      const proved = verify(proof, top.hash)
      expect(proved.get(deepestKey)).toEqual({ status: "present", value: Uint8Array.of(1) })
      expect(proved.get(Uint8Array.of(0x80))).toEqual({ status: "absent" })
      expect(proved.get(Uint8Array.of(0x40))).toEqual({ status: "notCovered" })
      expect(proved.writeLog().length).toBe(1)
      const first = proved.iterate().next()
      expect(first.value).toEqual([deepestKey, Uint8Array.of(1)])
    }
  })

  it("in slices: finished when all entries are verified, no sooner", () => {
    const tree = treeOf(dataSet("decimal", "slices", 200))
    const proof = proveIterate(tree.root, new Uint8Array(0), 50)
    const verification = new ProofVerification(proof, tree.rootHash, nodeHasher)
    expect(() => verification.result()).toThrow("not finished")
    let steps = 1
    for (; !verification.step(10); steps++) expect(() => verification.result()).toThrow("not finished")
    expect(steps).toBe(Math.ceil(proof.entries.length / 10))
    expect(verification.step(10)).toBe(true)
    expect(verification.result().writeLog().length).toBe(51)
    const bad = new ProofVerification(
      { ...proof, entries: proof.entries.slice(1) },
      tree.rootHash,
      nodeHasher
    )
    const all = () => {
      while (!bad.step(10)) {}
    }
    expect(all).toThrow(ProofVerificationFailed)
    expect(all).toThrow(ProofVerificationFailed)
    expect(() => bad.result()).toThrow("not finished")
  })

  it("of a hostile root, at worst answers within its made-up nodes, and ends", () => {
    // An internal node whose label has no bits, below another such node: no tree has this.
    const empty = fromHex("0101000002")!
    const leaf = fromHex("01000000000000" + "00")!
    const entries = [empty, empty, leaf, leaf, leaf]
    const reason = refusal({ version: 0, untrustedRoot: emptyHash, entries }, emptyHash)
    const hash = fromHex(/end in ([0-9a-f]{64})/.exec(reason!)![1]!)!
    const proved = verify({ version: 0, untrustedRoot: hash, entries }, hash)
    expect(proved.get(text("a")).status).toBe("absent")
    expect(() => [...proved.iterate({ from: text("a"), reverse: true })]).not.toThrow()
  })
})

describe("position", () => {
  /** Hashes and beginnings of all nodes on the way to a key. */
  const nodesTo = (tree: ReferenceTree, key: Uint8Array) => {
    const nodes: Array<{ hash: Uint8Array; bits: number }> = []
    let bits = 0
    let node = tree.root
    while (node !== undefined) {
      nodes.push({ hash: node.hash, bits })
      if (node.isLeaf) return nodes
      bits += node.labelBits
      if (8 * key.length < bits) return nodes
      if (8 * key.length === bits) node = node.leaf
      else node = (key[bits >>> 3]! & (0x80 >>> (bits & 7))) === 0 ? node.left : node.right
    }
    return nodes
  }

  it("starts at each node on the way, and is verified against that node's hash", () => {
    const count = { covered: 0, notCovered: 0 }
    const check = (tree: ReferenceTree, key: Uint8Array, options: GetOptions) => {
      if (!tree.has(key)) return
      for (const { hash, bits } of nodesTo(tree, key)) {
        const proof = proveGet(tree.root, key, { ...options, position: hash })
        // In V0 the leaf inside a node is no node of its own.
        const starts = equal(proof.untrustedRoot, hash)
        if (!starts) expect(options.version).toBe(0)
        const proved = starts
          ? verify(proof, hash, { position: { path: key, bits } })
          : verify(proof, tree.rootHash)
        expect(proved.get(key)).toEqual({ status: "present", value: tree.get(key) })
        for (const [other, value] of tree.iterate()) {
          const answer = proved.get(other)
          if (answer.status === "notCovered") count.notCovered++
          else expect(answer).toEqual({ status: "present", value })
          if (answer.status === "present") count.covered++
        }
      }
    }
    const options = fc.record({ version: someVersion, siblings: fc.boolean() })
    holds(
      fc.property(someTree, someKey, options, (tree, key, options) => check(tree, key, options)),
      300
    )
    const tree = treeOf(dataSet("prefix", "position", 100))
    for (const [key] of [...tree.iterate()].slice(0, 10)) {
      for (const version of versions) check(tree, key, { version })
    }
    expect(Math.min(count.covered, count.notCovered)).toBeGreaterThan(100)
  })

  it("says nothing about keys that do not lead there, absent ones too", () => {
    const tree = treeOf(["aa", "ab", "b", "ba", "c"].map((key) => [text(key), text(key)]))
    const nodes = nodesTo(tree, text("ab"))
    const { hash, bits } = nodes[nodes.length - 2]!
    const proof = proveGet(tree.root, text("ab"), { position: hash })
    const path = text("ab")
    const proved = verify(proof, hash, { position: { path, bits } })
    // The caller may reuse its buffer.
    path.fill(0)
    expect(proved.get(text("ab"))).toEqual({ status: "present", value: text("ab") })
    // It leads to the same leaf.
    expect(proved.get(text("abc"))).toEqual({ status: "absent" })
    for (const key of ["", "b", "ba", "c", "d"]) expect(proved.get(text(key)).status).toBe("notCovered")
    expect([...proved.iterate({ prefix: text("ab") })].map(([key]) => key)).toEqual([text("ab")])
    expect([...proved.iterate({ prefix: text("b") })]).toEqual([])
    expect([...proved.iterate({ from: text("b") })]).toEqual([])
  })

  it("a position that is not visited: the proof starts at the top", () => {
    const tree = treeOf(dataSet("hash", "elsewhere", 30))
    const [key] = [...tree.iterate()][3]!
    const proof = proveGet(tree.root, key, { position: new Uint8Array(32) })
    expect(proof).toEqual(proveGet(tree.root, key))
  })

  it("iterate and prefixes: only what they visit below the position is left", () => {
    const tree = treeOf(dataSet("decimal", "below", 60))
    const key = text("3")
    const [, second] = nodesTo(tree, key)
    for (const proof of [
      proveIterate(tree.root, key, 100, { position: second!.hash }),
      provePrefixes(tree.root, [text("3")], 100, { position: second!.hash })
    ]) {
      const proved = verify(proof, second!.hash, { position: { path: key, bits: second!.bits } })
      const found = [...proved.iterate({ prefix: key })]
      expect(found).toEqual([...tree.iterate({ prefix: key })])
    }
  })
})
