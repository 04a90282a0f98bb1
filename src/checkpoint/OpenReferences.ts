import { equal, toHex } from "../mkvs/Bytes.ts"
import { hashBytes } from "../mkvs/Hasher.ts"

/**
 * Hashes of subtrees that were referred to and not shown yet. Strangers choose these hashes, so they are spread by
 * seeds that strangers do not know.
 */
export class OpenReferences {
  readonly #buckets = new Map<number, Array<Uint8Array>>()
  readonly #seeds = crypto.getRandomValues(new Int32Array(hashBytes / 4))
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Copies the hash. Adding one that is there changes nothing. */
  add(hash: Uint8Array): void {
    const key = this.#spread(hash)
    const bucket = this.#buckets.get(key)
    if (bucket?.some((other) => equal(other, hash))) return
    this.#size++
    if (bucket === undefined) this.#buckets.set(key, [hash.slice()])
    else bucket.push(hash.slice())
  }

  /** Whether the hash was there. */
  delete(hash: Uint8Array): boolean {
    if (this.#size === 0) return false
    const key = this.#spread(hash)
    const bucket = this.#buckets.get(key)
    const index = bucket?.findIndex((other) => equal(other, hash)) ?? -1
    if (bucket === undefined || index < 0) return false
    this.#size--
    if (bucket.length === 1) this.#buckets.delete(key)
    else bucket.splice(index, 1)
    return true
  }

  /** At most `count` of them, in hex. */
  some(count: number): ReadonlyArray<string> {
    const found: Array<string> = []
    for (const bucket of this.#buckets.values()) {
      for (const hash of bucket) {
        if (found.length === count) return found
        found.push(toHex(hash))
      }
    }
    return found
  }

  #spread(hash: Uint8Array): number {
    let mixed = 0
    for (let i = 0; i < hashBytes; i += 4) {
      const word = hash[i]! | (hash[i + 1]! << 8) | (hash[i + 2]! << 16) | (hash[i + 3]! << 24)
      mixed = Math.imul(mixed ^ word ^ this.#seeds[i >> 2]!, 0x9e3779b1)
      mixed ^= mixed >>> 15
    }
    return mixed
  }
}
