import { fromHex } from "../../../src/mkvs/Bytes.ts"
import type { Committed, Tree } from "../../../src/mkvs/Tree.ts"
import type { WriteLogEntry } from "../../../src/mkvs/WriteLog.ts"
import { nodeHasher } from "../hasher.ts"

export type Make = () => Tree

export const emptyHash = nodeHasher.hash(new Uint8Array(0))

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

export const hex = (value: string): Uint8Array => fromHex(value)!

export const show = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? "absent" : Buffer.from(bytes).toString("hex")

export const logTexts = (log: Iterable<WriteLogEntry>): ReadonlyArray<string> =>
  Array.from(log, ({ key, value }) => `${show(key)}=${show(value)}`)

/** A new tree with these keys (hex) committed; each key's value is the key. */
export const treeOf = (make: Make, keys: Iterable<string>): Tree => {
  const tree = make()
  for (const key of keys) tree.insert(hex(key), hex(key))
  tree.commit()
  return tree
}

export const commitOf = (tree: Tree, change: () => void): Committed => {
  change()
  return tree.commit()
}
