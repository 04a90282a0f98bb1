import { Schema } from "effect"
import { equal, toHex } from "./Bytes.ts"
import { type CborValue, decode, encode } from "./Cbor.ts"
import { CborFields } from "./CborFields.ts"
import { type Hasher, hashBytes } from "./Hasher.ts"
import { emptyHash, isEmptyHash } from "./Node.ts"

export { emptyHash } from "./Node.ts"

/** The kinds of tree: the state, and the inputs and outputs of one version. */
export const rootType = { state: 1, io: 2 } as const
export type RootType = (typeof rootType)[keyof typeof rootType]

export const namespaceBytes = 32

const bytesOf = (length: number) =>
  Schema.Uint8ArrayFromSelf.pipe(
    Schema.filter((bytes) => bytes.length === length || `expected ${length} bytes, got ${bytes.length}`)
  )

const Version = Schema.BigIntFromSelf.pipe(Schema.betweenBigInt(0n, 2n ** 64n - 1n))

/** The name of one tree: which namespace, version and type it belongs to, and the hash of all its content. */
export class Root extends Schema.Class<Root>("effect-cairn/Root")({
  namespace: bytesOf(namespaceBytes),
  version: Version,
  type: Schema.Literal(rootType.state, rootType.io),
  hash: bytesOf(hashBytes)
}) {
  /** True for a tree without keys. */
  get isEmpty(): boolean {
    return isEmptyHash(this.hash)
  }

  equals(other: Root): boolean {
    return (
      this.version === other.version &&
      this.type === other.type &&
      equal(this.hash, other.hash) &&
      equal(this.namespace, other.namespace)
    )
  }

  /**
   * True where this root may come directly after `other`: same namespace and type, version equal or one higher. An io
   * root starts empty in each version, so of an earlier version it follows only the empty one.
   */
  follows(other: Root): boolean {
    if (this.type !== other.type || !equal(this.namespace, other.namespace)) return false
    if (this.version === other.version) return true
    return this.version === other.version + 1n && (this.type === rootType.state || other.isEmpty)
  }

  /** H of the canonical CBOR: one hash that stands for all four fields. */
  encodedHash(hasher: Hasher): Uint8Array {
    return hasher.hash(encodeRoot(this))
  }

  override toString(): string {
    return `${this.type === rootType.state ? "state" : "io"} root ${toHex(this.hash)} of version ${this.version}`
  }
}

/** The root of the tree without keys. */
export const emptyRoot = (namespace: Uint8Array, version: bigint, type: RootType): Root =>
  new Root({ namespace, version, type, hash: emptyHash })

/** Canonical CBOR: a map of `ns`, `hash`, `version` and `root_type`. */
export const encodeRoot = (root: Root): Uint8Array => encode(rootToCbor(root))

/** Throws `MalformedCbor` for anything but the canonical CBOR of a root. */
export const decodeRoot = (bytes: Uint8Array): Root =>
  rootFromCbor("root", decode("root", bytes, { bytesMax: rootBytesMax }))

/** The longest CBOR of a root: with a version of 8 bytes. */
export const rootBytesMax = 105

/** For a root inside a larger map. */
export const rootToCbor = (root: Root): ReadonlyMap<string, CborValue> =>
  new Map<string, CborValue>([
    ["ns", root.namespace],
    ["hash", root.hash],
    ["version", root.version],
    ["root_type", root.type]
  ])

/** Throws `MalformedCbor`, in which the root is called `what`. */
export const rootFromCbor = (what: string, value: CborValue): Root => {
  const fields = new CborFields(what, value, ["ns", "hash", "version", "root_type"])
  const type = fields.uint("root_type")
  if (type !== 1n && type !== 2n) fields.refuse(`root_type ${type}: 1 (state) and 2 (io) are known`)
  return new Root({
    namespace: fields.bytes("ns", namespaceBytes),
    version: fields.uint("version"),
    type: type === 1n ? rootType.state : rootType.io,
    hash: fields.bytes("hash", hashBytes)
  })
}
