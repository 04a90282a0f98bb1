import { createHash } from "node:crypto"
import { type RootType, rootType } from "../../../src/mkvs/Root.ts"
import { ReferenceTree } from "../../../src/mkvs/reference/ReferenceTree.ts"
import type { Reader } from "../../../src/mkvs/Tree.ts"
import { nodeHasher } from "../../mkvs/hasher.ts"
import { apply, type Changes, type Profile, planOf } from "./History.ts"

/** What a root must be. */
export interface Expected {
  readonly type: RootType
  readonly hash: Uint8Array
  readonly keys: number
  /** Of all entries in order. */
  readonly digest: string
}

/** A history worked out with the plain tree, which shares no code with the engine. */
export class HistoryModel {
  readonly #state = new ReferenceTree(nodeHasher)
  readonly #versions: Array<ReadonlyArray<Expected>> = []
  #keys = 0

  constructor(readonly profile: Profile) {}

  /** The roots of a version (from 1), state before io. */
  at(version: bigint): ReadonlyArray<Expected> {
    while (this.#versions.length < version) this.#versions.push(this.#next(BigInt(this.#versions.length + 1)))
    return this.#versions[Number(version) - 1]!
  }

  #next(version: bigint): ReadonlyArray<Expected> {
    const plan = planOf(this.profile, version)
    for (const changes of plan.batches) this.#keys += applied(this.#state, changes)
    const state = expected(this.#state, rootType.state, this.#keys)
    if (plan.io === undefined) return [state]
    const io = new ReferenceTree(nodeHasher)
    return [state, expected(io, rootType.io, applied(io, plan.io))]
  }
}

const applied = (tree: ReferenceTree, changes: Changes): number => {
  apply(tree, changes)
  return tree.commit().keysDelta
}

const expected = (tree: ReferenceTree, type: RootType, keys: number): Expected => ({
  type,
  hash: tree.rootHash,
  keys,
  digest: digestOf(tree)
})

/** Stands for everything that can be read from a tree. */
export const digestOf = (reader: Reader): string => {
  const digest = createHash("sha256")
  const lengths = new Uint32Array(2)
  for (const [key, value] of reader.iterate()) {
    lengths.set([key.length, value.length])
    digest.update(lengths).update(key).update(value)
  }
  return digest.digest("hex")
}
