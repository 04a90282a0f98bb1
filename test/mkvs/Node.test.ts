import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Bytes from "../../src/mkvs/Bytes.ts"
import { MalformedNode } from "../../src/mkvs/MkvsError.ts"
import * as Node from "../../src/mkvs/Node.ts"
import { nodeHasher } from "./hasher.ts"
import { holds } from "./holds.ts"
import { primitives } from "./vectors.ts"

const hex = (text: string): Uint8Array => Bytes.fromHex(text.replaceAll(" ", ""))!

/** `6b x300` stands for the byte 6b, 300 times. */
const described = (text: string): Uint8Array => {
  const [byte, times] = text.split(" x")
  return times === undefined ? hex(text) : new Uint8Array(Number(times)).fill(Number.parseInt(byte!, 16))
}

const leaf: FastCheck.Arbitrary<Node.Leaf> = FastCheck.record({
  kind: FastCheck.constant("leaf" as const),
  key: FastCheck.uint8Array({ maxLength: 40 }),
  value: FastCheck.uint8Array({ maxLength: 70 })
})

const label = FastCheck.tuple(FastCheck.nat(70), FastCheck.infiniteStream(FastCheck.nat(255))).map(
  ([labelBits, stream]) => {
    const bytes = Uint8Array.from([...stream.take(Math.ceil(labelBits / 8))])
    if (labelBits % 8 !== 0) bytes[bytes.length - 1]! &= 0xff00 >>> (labelBits % 8)
    return { label: bytes, labelBits }
  }
)

const childHash = FastCheck.option(FastCheck.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined })

const internal: FastCheck.Arbitrary<Node.Internal> = FastCheck.tuple(
  label,
  FastCheck.option(leaf, { nil: undefined }),
  childHash,
  childHash
)
  .map(([head, leaf, leftHash, rightHash]) => ({
    kind: "internal" as const,
    ...head,
    leaf,
    leftHash,
    rightHash
  }))
  .filter(
    (node) => [node.leaf, node.leftHash, node.rightHash].filter((child) => child !== undefined).length >= 2
  )

const node = FastCheck.oneof<FastCheck.Arbitrary<Node.Node>[]>(leaf, internal)

const withoutHashes = (value: Node.Node, version: Node.CompactVersion): Node.CompactNode =>
  value.kind === "leaf"
    ? value
    : {
        kind: "internal",
        label: value.label,
        labelBits: value.labelBits,
        leaf: version === 0 ? value.leaf : undefined
      }

const forms = [
  { form: "full", decode: Node.decode, encode: Node.encode },
  {
    form: "compact V0",
    decode: (bytes: Uint8Array) => Node.decodeCompact(bytes, 0),
    encode: (value: Node.Node) => Node.encodeCompact(value, 0)
  },
  {
    form: "compact V1",
    decode: (bytes: Uint8Array) => Node.decodeCompact(bytes, 1),
    encode: (value: Node.Node) => Node.encodeCompact(value, 1)
  }
]

/** The error, as `reason at byte offset`. */
const refusal = (decode: () => unknown): string => {
  try {
    return `no error: ${JSON.stringify(decode())}`
  } catch (error) {
    if (error instanceof MalformedNode) return `${error.reason} at ${error.offset}`
    throw error
  }
}

const hash = "11".repeat(32)
const emptyHash = Bytes.toHex(Node.emptyHash)

describe("Node", () => {
  it("the empty hash is H of nothing", () => {
    expect(Node.emptyHash).toEqual(nodeHasher.hash(Bytes.empty))
    expect(Node.emptyHash).toEqual(primitives().emptyHash)
    expect(Node.isEmptyHash(Bytes.concat(hex("00"), Node.emptyHash), 1)).toBe(true)
    expect(Node.isEmptyHash(hex(hash))).toBe(false)
  })

  for (const vector of primitives().leaves) {
    it(`leaf of the reference: ${vector.key || "empty key"} = ${vector.value || "empty value"}`, () => {
      const key = described(vector.key)
      const value = described(vector.value)
      expect(Node.hashLeaf(nodeHasher, key, value)).toEqual(vector.hash)
      const bytes = Node.encode({ kind: "leaf", key, value })
      if (vector.marshalled !== undefined) expect(bytes).toEqual(vector.marshalled)
      else expect(nodeHasher.hash(bytes)).toEqual(vector.marshalledHash)
      const back = Node.decode(bytes)
      expect(back.kind === "leaf" && Bytes.equal(back.key, key) && Bytes.equal(back.value, value)).toBe(true)
    })
  }

  it("writes an internal node in its three forms and hashes it", () => {
    const value: Node.Internal = {
      kind: "internal",
      label: hex("a8"),
      labelBits: 5,
      leaf: { kind: "leaf", key: hex("6b"), value: hex("76 76") },
      leftHash: undefined,
      rightHash: hex(hash)
    }
    expect(Node.encode(value)).toEqual(hex(`01 0500 a8 00 0100 6b 02000000 7676 ${emptyHash} ${hash}`))
    expect(Node.encodeCompact(value, 0)).toEqual(hex("01 0500 a8 00 0100 6b 02000000 7676"))
    expect(Node.encodeCompact(value, 1)).toEqual(hex("01 0500 a8 02"))
    const leafHash = Node.hashLeaf(nodeHasher, hex("6b"), hex("7676"))
    expect(leafHash).toEqual(nodeHasher.hash(hex("00 01000000 6b 02000000 7676")))
    expect(Node.hashInternal(nodeHasher, 5, value.label, leafHash, undefined, hex(hash))).toEqual(
      nodeHasher.hash(hex(`01 0500 a8 ${Bytes.toHex(leafHash)} ${emptyHash} ${hash}`))
    )
  })

  for (const [form, bytes, reason] of [
    ["full", "", "tag needs 1 bytes, 0 are left at 0"],
    ["full", "02", "unknown tag 2 at 0"],
    ["full", "ff 00", "unknown tag 255 at 0"],
    ["full", "00", "key length needs 2 bytes, 0 are left at 1"],
    ["full", "00 05", "key length needs 2 bytes, 1 are left at 1"],
    ["full", "00 0500 6162", "key needs 5 bytes, 2 are left at 3"],
    ["full", "00 0020", "key of 8192 bytes, more than 8191 at 1"],
    ["full", "00 0100 61 000000", "value length needs 4 bytes, 3 are left at 4"],
    ["full", "00 0100 61 ffffffff 00", "value needs 4294967295 bytes, 1 are left at 8"],
    ["full", "00 0000 00000000 00", "bytes after the end at 7"],
    ["full", "01 01", "label length needs 2 bytes, 1 are left at 1"],
    ["full", "01 ffff 00", "label needs 8192 bytes, 1 are left at 3"],
    ["full", "01 0900 ffff", "unused label bits are not zero at 4"],
    ["full", "01 0100 80", "tag of the leaf inside needs 1 bytes, 0 are left at 4"],
    ["full", "01 0000 01", "tag 1 in the place of the leaf at 3"],
    ["full", "01 0000 02", "hash of the left child needs 32 bytes, 0 are left at 4"],
    ["full", `01 0000 02 ${hash} 00`, "hash of the right child needs 32 bytes, 1 are left at 36"],
    ["full", `01 0000 02 ${hash} ${hash} 00`, "bytes after the end at 68"],
    ["full", `01 0000 02 ${emptyHash} ${emptyHash}`, "internal node with 0 of at least 2 children at 0"],
    ["full", `01 0000 02 ${hash} ${emptyHash}`, "internal node with 1 of at least 2 children at 0"],
    [
      "full",
      `01 0000 00 0000 00000000 ${emptyHash} ${emptyHash}`,
      "internal node with 1 of at least 2 children at 0"
    ],
    ["compact V0", `01 0000 02 ${hash} ${hash}`, "bytes after the end at 4"],
    ["compact V0", "01 0000 03", "tag 3 in the place of the leaf at 3"],
    ["compact V1", "01 0000 00 0000 00000000", "tag 0 in the place of the leaf at 3"],
    ["compact V1", "01 0300 f0 02", "unused label bits are not zero at 3"]
  ] as const) {
    it(`refuses, as ${form}, ${bytes.slice(0, 24) || "nothing"}: ${reason}`, () => {
      const { decode } = forms.find((candidate) => candidate.form === form)!
      expect(refusal(() => decode(hex(bytes)))).toBe(reason)
    })
  }

  it("decoding undoes encoding", () => {
    holds(
      FastCheck.property(node, (value) => {
        expect(Node.decode(Node.encode(value))).toEqual(value)
        for (const version of [0, 1] as const) {
          const decoded = Node.decodeCompact(Node.encodeCompact(value, version), version)
          expect(decoded).toEqual(withoutHashes(value, version))
        }
      })
    )
  })

  it("reads from a Buffer and from the middle of a buffer as from an array of its own", () => {
    const bytes = hex("00 0100 6b 0100 0000 76")
    const inside = Buffer.concat([Buffer.from("noise"), bytes, Buffer.from("noise")]).subarray(
      5,
      5 + bytes.length
    )
    expect(Node.decode(inside)).toEqual(Node.decode(bytes))
  })

  for (const { decode, encode, form } of forms) {
    it(`random and mutated bytes, ${form}: a node that is written as the same bytes, or MalformedNode`, () => {
      const mutated = FastCheck.tuple(
        node,
        FastCheck.nat(),
        FastCheck.nat(255),
        FastCheck.integer({ min: -3, max: 3 })
      ).map(([value, at, byte, longer]) => {
        const bytes = encode(value)
        if (bytes.length > 0) bytes[at % bytes.length] = byte
        return longer <= 0
          ? bytes.slice(0, bytes.length + longer)
          : Bytes.concat(bytes, new Uint8Array(longer))
      })
      const tagged = FastCheck.tuple(FastCheck.nat(2), FastCheck.uint8Array({ maxLength: 100 })).map(
        ([first, rest]) => Bytes.concat(Uint8Array.of(first), rest)
      )
      let nodes = 0
      let refused = 0
      const check = (bytes: Uint8Array): void => {
        let value: Node.Node | Node.CompactNode
        try {
          value = decode(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedNode)
          refused++
          return
        }
        nodes++
        // A compact node has no hashes, and is written without them.
        const whole = value.kind === "leaf" ? value : { leftHash: undefined, rightHash: undefined, ...value }
        expect(encode(whole)).toEqual(bytes)
      }
      holds(FastCheck.property(FastCheck.oneof(mutated, tagged), check), 3000)
      expect(Math.min(nodes, refused)).toBeGreaterThan(50)
    })
  }
})
