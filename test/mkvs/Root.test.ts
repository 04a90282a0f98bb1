import { FastCheck as fc, ParseResult, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { fromHex, toHex } from "../../src/mkvs/Bytes.ts"
import { encode } from "../../src/mkvs/Cbor.ts"
import { MalformedCbor } from "../../src/mkvs/MkvsError.ts"
import {
  decodeRoot,
  emptyHash,
  emptyRoot,
  encodeRoot,
  Root,
  rootBytesMax,
  rootToCbor,
  rootType
} from "../../src/mkvs/Root.ts"
import { nodeHasher } from "./hasher.ts"
import { holds } from "./holds.ts"
import { primitives } from "./vectors.ts"

const vectors = primitives()
const { namespace } = vectors
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const someRoot = fc
  .record({
    namespace: bytes32,
    version: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    type: fc.constantFrom(rootType.state, rootType.io),
    hash: bytes32
  })
  .map((fields) => new Root(fields))

describe("Root", () => {
  it("matches the reference's vector", () => {
    const root = emptyRoot(namespace, BigInt(vectors.root.version), rootType.state)
    expect(toHex(emptyHash)).toBe(toHex(vectors.emptyHash))
    expect(toHex(nodeHasher.hash(new Uint8Array(0)))).toBe(toHex(emptyHash))
    expect(toHex(root.hash)).toBe(toHex(vectors.root.hash))
    expect(toHex(encodeRoot(root))).toBe(toHex(vectors.root.cbor))
    expect(toHex(root.encodedHash(nodeHasher))).toBe(toHex(vectors.root.encodedHash))
    expect(decodeRoot(vectors.root.cbor).equals(root)).toBe(true)
  })

  it("decoding undoes encoding, within the stated size", () => {
    holds(
      fc.property(someRoot, (root) => {
        const bytes = encodeRoot(root)
        expect(bytes.length).toBeLessThanOrEqual(rootBytesMax)
        expect(decodeRoot(bytes)).toEqual(root)
      })
    )
    const longest = emptyRoot(namespace, 2n ** 64n - 1n, rootType.io)
    expect(encodeRoot(longest).length).toBe(rootBytesMax)
  })

  it("any change of a byte gives another root or MalformedCbor", () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))
    holds(
      fc.property(someRoot, change, (root, [at, mask]) => {
        const bytes = encodeRoot(root)
        bytes[at % bytes.length]! ^= mask
        try {
          const other = decodeRoot(bytes)
          expect(other.equals(root)).toBe(false)
          expect(encodeRoot(other)).toEqual(bytes)
        } catch (error) {
          if (!(error instanceof MalformedCbor)) throw error
        }
      })
    )
  })

  it("refuses CBOR of another shape, naming the field", () => {
    const root = emptyRoot(namespace, 1n, rootType.state)
    const changed = (name: string, value: Uint8Array | number | string) =>
      encode(new Map(rootToCbor(root)).set(name, value))
    expect(() => decodeRoot(changed("root_type", 0))).toThrow("malformed root: root_type 0")
    expect(() => decodeRoot(changed("root_type", 3))).toThrow("malformed root: root_type 3")
    expect(() => decodeRoot(changed("version", -1))).toThrow("field version")
    expect(() => decodeRoot(changed("ns", new Uint8Array(31)))).toThrow("field ns has 31 bytes, not 32")
    expect(() => decodeRoot(changed("hash", "h"))).toThrow("field hash is no byte string")
    expect(() => decodeRoot(changed("x", 1))).toThrow('unknown field "x"')
    expect(() => decodeRoot(encode(new Map()))).toThrow("field ns is missing")
    expect(() => decodeRoot(new Uint8Array(rootBytesMax + 1))).toThrow("at most 105")
  })

  it("admits no other lengths, versions and types", () => {
    const fields = { namespace, version: 1n, type: rootType.state, hash: emptyHash }
    const refused = (change: Partial<Record<keyof typeof fields, unknown>>) =>
      Schema.decodeUnknownEither(Schema.typeSchema(Root))({ ...fields, ...change })._tag
    expect(refused({ hash: new Uint8Array(31) })).toBe("Left")
    expect(refused({ namespace: new Uint8Array(33) })).toBe("Left")
    expect(() => new Root({ ...fields, hash: new Uint8Array(31) })).toThrow(ParseResult.ParseError)
    expect(() => new Root({ ...fields, namespace: new Uint8Array(33) })).toThrow("expected 32 bytes, got 33")
    expect(() => new Root({ ...fields, version: -1n })).toThrow(ParseResult.ParseError)
    expect(() => new Root({ ...fields, version: 2n ** 64n })).toThrow(ParseResult.ParseError)
  })

  it("is empty by its hash", () => {
    expect(emptyRoot(namespace, 7n, rootType.io).isEmpty).toBe(true)
    expect(new Root({ namespace, version: 7n, type: 1, hash: new Uint8Array(32) }).isEmpty).toBe(false)
  })

  it("says what it is", () => {
    expect(String(emptyRoot(namespace, 7n, rootType.io))).toBe(`io root ${toHex(emptyHash)} of version 7`)
    expect(String(emptyRoot(namespace, 0n, rootType.state))).toMatch(/^state root /)
  })
})

describe("follows", () => {
  const root = (version: bigint, change: Partial<Root> = {}) =>
    new Root({ namespace, version, type: rootType.state, hash: new Uint8Array(32), ...change })

  it("the same version and the next one, of the same namespace and type", () => {
    expect(root(4n).follows(root(4n))).toBe(true)
    expect(root(5n).follows(root(4n))).toBe(true)
    expect(root(6n).follows(root(4n))).toBe(false)
    expect(root(3n).follows(root(4n))).toBe(false)
    expect(root(5n).follows(root(4n, { type: rootType.io }))).toBe(false)
    expect(root(5n).follows(root(4n, { namespace: fromHex("01".repeat(32))! }))).toBe(false)
    expect(root(5n, { hash: emptyHash }).follows(root(4n))).toBe(true)
  })

  it("an io root has no parent in an earlier version but the empty one", () => {
    const io = { type: rootType.io }
    expect(root(4n, io).follows(root(4n, io))).toBe(true)
    expect(root(5n, io).follows(root(4n, io))).toBe(false)
    expect(root(5n, io).follows(root(4n, { ...io, hash: emptyHash }))).toBe(true)
  })
})
