import { getBit } from "../Bits.ts"
import { startsWith } from "../Bytes.ts"
import type { TreeNode } from "../TreeNode.ts"
import type { Proof } from "./Proof.ts"
import { type BuilderOptions, ProofBuilder } from "./ProofBuilder.ts"
import { ProvingIterator } from "./ProvingIterator.ts"

export interface GetOptions extends BuilderOptions {
  /**
   * Also the top node of each child not taken, so that the asker learns the labels there. Default: false.
   */
  readonly siblings?: boolean | undefined
}

/** Proves the value of `key` in the tree below `root`, or that there is none. */
export const proveGet = (root: TreeNode | undefined, key: Uint8Array, options: GetOptions = {}): Proof => {
  const { siblings = false } = options
  const builder = new ProofBuilder(root, options)
  const keyBits = 8 * key.length
  let at = builder.includeTop()
  let end = 0
  while (at !== undefined && !at.node.isLeaf) {
    end += at.node.labelBits
    if (keyBits < end) break
    // In V0 the leaf is inside the node.
    if (builder.version === 1 && (siblings || keyBits === end)) builder.includeLeaf(at)
    if (keyBits === end) {
      if (siblings) {
        builder.includeLeft(at)
        builder.includeRight(at)
      }
      break
    }
    const right = getBit(key, end) === 1
    if (siblings) right ? builder.includeLeft(at) : builder.includeRight(at)
    at = right ? builder.includeRight(at) : builder.includeLeft(at)
  }
  return builder.build()
}

/** Proves the first key ≥ `key` and the `prefetch` keys after it, or that there are none or fewer. */
export const proveIterate = (
  root: TreeNode | undefined,
  key: Uint8Array,
  prefetch: number,
  options: BuilderOptions = {}
): Proof => {
  const builder = new ProofBuilder(root, options)
  const iterator = new ProvingIterator(builder)
  let leaf = iterator.seek(key)
  for (let i = 0; i < prefetch && leaf !== undefined; i++) leaf = iterator.next()
  return builder.build()
}

/**
 * Proves the keys that begin with each of `prefixes` in turn, `limit` of them in all. The key after the last counted
 * one is in the proof, too.
 */
export const provePrefixes = (
  root: TreeNode | undefined,
  prefixes: ReadonlyArray<Uint8Array>,
  limit: number,
  options: BuilderOptions = {}
): Proof => {
  const builder = new ProofBuilder(root, options)
  const iterator = new ProvingIterator(builder)
  let count = 0
  for (const prefix of prefixes) {
    for (let leaf = iterator.seek(prefix); leaf !== undefined; leaf = iterator.next()) {
      if (count >= limit) return builder.build()
      if (!startsWith(leaf.key, prefix)) break
      count++
    }
  }
  return builder.build()
}
