import * as crypto from "node:crypto"
import { type Hasher, hashBytes } from "../Hasher.ts"

/** Node's own SHA-512/256. The one file here that needs Node: only code that runs on Node may import it. */
export const nodeHasher: Hasher = {
  name: "node-crypto",
  // as a string of bytes and back: a Buffer made on the native side costs twice as much
  hash: (bytes) => bytesOf(crypto.hash(algorithm, bytes, "binary"))
}

/** SHA-512/256 of bytes that arrive in pieces. `digest` uses the stream up: afterwards both members throw. */
export interface HashStream {
  update(bytes: Uint8Array): void
  /** 32 fresh bytes. */
  digest(): Uint8Array
}

export const makeHashStream = (): HashStream => {
  const hash = crypto.createHash(algorithm)
  return {
    update: (bytes) => {
      hash.update(bytes)
    },
    digest: () => bytesOf(hash.digest("binary"))
  }
}

const algorithm = "sha512-256"

const bytesOf = (binary: string): Uint8Array => {
  const bytes = new Uint8Array(hashBytes)
  for (let i = 0; i < hashBytes; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
