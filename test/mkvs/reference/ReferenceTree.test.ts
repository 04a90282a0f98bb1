import { describe, expect, it } from "@effect/vitest"
import { ReferenceTree } from "../../../src/mkvs/reference/ReferenceTree.ts"
import { nodeHasher } from "../hasher.ts"
import { listing } from "../model.ts"
import { treeSuite } from "../TreeSuite.ts"
import { text, treeOf } from "../tree/support.ts"

const make = (): ReferenceTree => new ReferenceTree(nodeHasher)

treeSuite("reference", make)

describe("ReferenceTree", () => {
  it("fork gives an independent tree of the last commit", () => {
    const tree = make()
    tree.insert(text("a"), text("1"))
    const { rootHash } = tree.commit()
    tree.insert(text("b"), text("2"))
    const fork = tree.fork()
    expect(listing(fork)).toEqual(["61=31"])
    expect(fork.rootHash).toEqual(rootHash)
    fork.insert(text("c"), text("3"))
    expect(fork.commit().keysDelta).toBe(1)
    expect(listing(tree)).toEqual(["61=31", "62=32"])
    tree.remove(text("a"))
    tree.commit()
    expect(listing(fork)).toEqual(["61=31", "63=33"])
  })

  it("versions share the nodes that did not change", () => {
    const tree = treeOf(make, ["00", "80", "c0"])
    const before = tree.root
    tree.insert(text("\u0000"), text("other"))
    tree.commit()
    const after = tree.root
    expect(before?.isLeaf === false && after?.isLeaf === false && before.right === after.right).toBe(true)
    expect(before?.hash).not.toEqual(after?.hash)
  })
})
