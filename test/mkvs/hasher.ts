import { hash } from "node:crypto"
import type { Hasher } from "../../src/mkvs/Hasher.ts"

/** SHA-512/256 by Node itself: an oracle that shares no code with the package. */
export const nodeHasher: Hasher = {
  name: "node-crypto",
  hash: (bytes) => new Uint8Array(hash("sha512-256", bytes, "buffer"))
}

export const hashText = (text: string): Uint8Array => nodeHasher.hash(new TextEncoder().encode(text))
