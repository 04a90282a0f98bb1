import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { compare, empty, toHex } from "../../src/mkvs/Bytes.ts"
import { difference } from "../../src/mkvs/Compare.ts"
import { NotCovered } from "../../src/mkvs/MkvsError.ts"
import type { ReferenceNode } from "../../src/mkvs/reference/ReferenceNode.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import type { TreeNode } from "../../src/mkvs/TreeNode.ts"
import { applyWriteLog, type WriteLogEntry } from "../../src/mkvs/WriteLog.ts"
import { dataSet } from "./dataset.ts"
import { deepTree } from "./deep.ts"
import { nodeHasher } from "./hasher.ts"
import { holds } from "./holds.ts"
import { apply, changes } from "./model.ts"
import { histories } from "./vectors.ts"

const texts = (log: Iterable<WriteLogEntry>): ReadonlyArray<string> =>
  Array.from(log, ({ key, value }) => `${toHex(key)}=${value === undefined ? "gone" : toHex(value)}`)

/** What the two trees' contents say, without looking at nodes. */
const expected = (a: ReferenceTree, b: ReferenceTree): ReadonlyArray<string> => {
  const log: Array<WriteLogEntry> = []
  for (const [key, value] of b.iterate()) {
    const old = a.get(key)
    if (old === undefined || compare(old, value) !== 0) log.push({ key, value })
  }
  for (const [key] of a.iterate()) if (!b.has(key)) log.push({ key, value: undefined })
  return texts(log.sort((x, y) => compare(x.key, y.key)))
}

/** The same nodes, with the look-ups of children counted, and refused below the hashes in `hidden`. */
const watched = (node: TreeNode, seen: { count: number }, hidden?: Set<string>): TreeNode => {
  if (node.isLeaf) return node
  const child = <A extends TreeNode>(target: A | undefined): A | undefined => {
    if (target === undefined) return undefined
    seen.count++
    if (hidden?.has(toHex(target.hash))) throw new NotCovered({ hash: target.hash })
    // A proxy of a node is the same kind of node.
    return watched(target, seen, hidden) as A
  }
  return new Proxy(node, {
    get: (target, name) => {
      if (name === "leaf") return child(target.leaf)
      if (name === "left") return child(target.left)
      if (name === "right") return child(target.right)
      return Reflect.get(target, name, target)
    }
  })
}

const treeOf = (list: Iterable<readonly [Uint8Array, Uint8Array | undefined]>): ReferenceTree => {
  const tree = new ReferenceTree(nodeHasher)
  apply(tree, list)
  tree.commit()
  return tree
}

describe("difference", () => {
  it("is the commit's write log, and makes one tree of the other", () => {
    holds(
      FastCheck.property(changes(), changes(10), (initial, list) => {
        const tree = treeOf(initial)
        const before = tree.fork()
        apply(tree, list)
        const { writeLog } = tree.commit()
        const log = [...difference(before.root, tree.root)]
        expect(texts(log)).toEqual(texts(writeLog))
        expect(texts(log)).toEqual(expected(before, tree))
        expect(texts(difference(tree.root, before.root))).toEqual(expected(tree, before))
        applyWriteLog(log, before)
        expect(before.commit().rootHash).toEqual(tree.rootHash)
      }),
      2000
    )
  })

  it("of two unrelated trees tells every key of both that differs", () => {
    holds(
      FastCheck.property(changes(), changes(), (first, second) => {
        const a = treeOf(first)
        const b = treeOf(second)
        expect(texts(difference(a.root, b.root))).toEqual(expected(a, b))
      }),
      500
    )
  })

  it("of and to the empty tree is every key; of a tree and itself nothing", () => {
    const tree = treeOf(dataSet("short", "compare", 200))
    const none = new ReferenceTree(nodeHasher)
    expect(texts(difference(undefined, tree.root))).toEqual(expected(none, tree))
    expect(texts(difference(tree.root, undefined))).toEqual(expected(tree, none))
    expect(texts(difference(undefined, undefined))).toEqual([])
    expect(texts(difference(tree.root, treeOf(dataSet("short", "compare", 200)).root))).toEqual([])
  })

  it("between the versions of the reference's histories", () => {
    for (const { versions } of histories()) {
      const tree = new ReferenceTree(nodeHasher)
      const trees = [tree.fork()]
      for (const { ops } of versions) {
        for (const [key, value] of ops) apply(tree, [[key, value]])
        tree.commit()
        trees.push(tree.fork())
      }
      for (const [i, from] of trees.entries()) {
        for (const to of trees.slice(i, i + 3)) {
          expect(texts(difference(from.root, to.root))).toEqual(expected(from, to))
        }
      }
    }
  })

  it("looks up what changed, not the rest", () => {
    const tree = treeOf(dataSet("hash", "compare", 5000))
    const before = tree.fork()
    const keys = [17, 2500, 4999].map((i) => dataSet("hash", "compare", 5000)[i]![0])
    tree.insert(keys[0]!, empty)
    tree.remove(keys[1]!)
    tree.insert(new Uint8Array(32).fill(0xab), empty)
    tree.commit()
    const seen = { count: 0 }
    const log = texts(difference(watched(before.root!, seen), watched(tree.root!, seen)))
    expect(log).toEqual(expected(before, tree))
    // Three changes, two trees, a depth of about 13, two children of each opened node.
    expect(seen.count).toBeLessThan(3 * 2 * 2 * 25)
  })

  it("needs no part in which the trees agree, and says which part it needs", () => {
    const tree = treeOf(dataSet("decimal", "compare", 100))
    const before = tree.fork()
    tree.insert(dataSet("decimal", "compare", 50)[49]![0], empty)
    tree.commit()
    const shared = new Set<string>()
    const collect = (node: ReferenceNode | undefined, into: Set<string>): void => {
      if (node === undefined) return
      into.add(toHex(node.hash))
      if (!node.isLeaf) for (const child of [node.leaf, node.left, node.right]) collect(child, into)
    }
    const after = new Set<string>()
    collect(before.root, shared)
    collect(tree.root, after)
    for (const hash of shared) if (!after.has(hash)) shared.delete(hash)
    const seen = { count: 0 }
    const hide = (hidden: Set<string>) =>
      difference(watched(before.root!, seen, hidden), watched(tree.root!, seen, hidden))
    expect(texts(hide(shared))).toEqual(expected(before, tree))
    after.delete(toHex(tree.rootHash))
    expect(() => [...hide(after)]).toThrow(NotCovered)
  })

  it("walks trees as deep as keys are long", () => {
    const depth = 10_000
    const changed = Uint8Array.of(1)
    const before = deepTree(depth, () => empty)
    const after = deepTree(depth, (i) => (i === depth - 1 ? changed : empty))
    const log = [...difference(before.root, after.root)]
    expect(log).toEqual([{ key: after.entries[depth - 1]![0], value: changed }])
  })
})
