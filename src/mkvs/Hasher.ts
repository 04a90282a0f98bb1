/** SHA-512/256 of one byte string. Synchronous: the tree hashes millions of small nodes. */
export interface Hasher {
  readonly name: "wasm" | "node-crypto" | "portable"
  /** 32 fresh bytes. */
  hash(bytes: Uint8Array): Uint8Array
}

export const hashBytes = 32
