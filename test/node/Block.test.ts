import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import * as Cbor from "../../src/mkvs/Cbor.ts"
import { Root, rootType } from "../../src/mkvs/Root.ts"
import * as Block from "../../src/node/Block.ts"
import * as BlockHeader from "../../src/node/BlockHeader.ts"
import * as MachineRecord from "../../src/node/MachineRecord.ts"
import { nodeHasher } from "../mkvs/hasher.ts"

const hash = FastCheck.uint8Array({ minLength: 32, maxLength: 32 })
const text = FastCheck.fullUnicodeString({ maxLength: 20 })
const failure = FastCheck.record({ _tag: text, message: text })

const block: FastCheck.Arbitrary<Block.Block> = FastCheck.record({
  round: FastCheck.bigUintN(64),
  firstHeight: FastCheck.bigInt(1n, 2n ** 63n),
  previousBlockHash: hash,
  time: FastCheck.nat(),
  transactions: FastCheck.array(
    FastCheck.record({ id: hash, failure: FastCheck.option(failure, { nil: undefined }) }),
    { maxLength: 5 }
  ),
  appRootBefore: hash,
  appRoot: hash,
  machine: FastCheck.record({ name: text, version: FastCheck.nat() })
}).map(({ appRoot, appRootBefore, machine, transactions, ...header }) => ({
  header: {
    ...header,
    lastHeight: header.firstHeight + BigInt(transactions.length) - 1n,
    transactionsHash: BlockHeader.transactionsHash(Block.joinIds(transactions))
  },
  transactions,
  appRootBefore,
  appRoot,
  machine
}))

const header: BlockHeader.BlockHeader = {
  round: 2n,
  firstHeight: 4n,
  lastHeight: 6n,
  previousBlockHash: new Uint8Array(32).fill(7),
  time: 1_700_000_000_000,
  transactionsHash: new Uint8Array(32).fill(9)
}

const root = new Root({
  namespace: new Uint8Array(32).fill(1),
  version: 2n,
  type: rootType.state,
  hash: new Uint8Array(32).fill(2)
})

/** The record's CBOR with some fields replaced. */
const altered = (bytes: Uint8Array, changes: Record<string, Cbor.CborValue>) => {
  const map = Cbor.decode("record", bytes)
  if (!(map instanceof Map)) throw new Error("a record is a map")
  return Cbor.encode(new Map([...map, ...Object.entries(changes)]))
}

describe("Block", () => {
  it.effect.prop("decode undoes encode, and there is one encoding", [block], ([block]) =>
    Effect.gen(function* () {
      const bytes = Block.codec.encode(block)
      const decoded = yield* Block.codec.decode(bytes)
      expect(decoded).toEqual(block)
      expect(Block.codec.encode(decoded)).toEqual(bytes)
    })
  )

  it.effect.prop(
    "a changed byte gives a block or a typed error",
    [block, FastCheck.nat(), FastCheck.integer({ min: 1, max: 255 })],
    ([block, at, change]) =>
      Effect.gen(function* () {
        const bytes = Block.codec.encode(block)
        bytes[at % bytes.length]! ^= change
        const result = yield* Effect.either(Block.codec.decode(bytes))
        if (result._tag === "Left") {
          expect(["DatabaseDamaged", "UnknownBlockFormat"]).toContain(result.left._tag)
        } else {
          expect(Block.codec.encode(result.right)).toEqual(bytes)
        }
      })
  )

  it.effect("a newer format is refused by name, other shapes as damage", () =>
    Effect.gen(function* () {
      const machine = MachineRecord.codec.encode({ name: "ledger", version: 3 })
      const newer = yield* Effect.flip(MachineRecord.codec.decode(altered(machine, { v: 2, more: true })))
      expect(newer.message).toContain("machine record has format 2")
      for (const changes of [{ v: 0 }, { v: "1" }, { more: 1 }, { version: 2n ** 60n }, { version: -1 }]) {
        const error = yield* Effect.flip(MachineRecord.codec.decode(altered(machine, changes)))
        expect(error._tag).toBe("DatabaseDamaged")
      }
      expect((yield* Effect.flip(MachineRecord.codec.decode(Cbor.encode(null))))._tag).toBe("DatabaseDamaged")
    })
  )

  it.effect("ids have to fit the heights, and failures the ids, in order", () =>
    Effect.gen(function* () {
      const id = new Uint8Array(32)
      const bytes = Block.codec.encode({
        header: { ...header, firstHeight: 1n, lastHeight: 1n },
        transactions: [{ id, failure: undefined }],
        appRootBefore: id,
        appRoot: id,
        machine: { name: "ledger", version: 1 }
      })
      yield* Block.codec.decode(bytes)
      for (const changes of [
        { last: 2 },
        { ids: new Uint8Array(31) },
        { failures: [[0, "tag"]] },
        { failures: [[1, "tag", "message"]] },
        { failures: [[-1, "tag", "message"]] },
        {
          failures: [
            [0, "tag", "message"],
            [0, "tag", "again"]
          ]
        }
      ]) {
        expect((yield* Effect.flip(Block.codec.decode(altered(bytes, changes))))._tag).toBe("DatabaseDamaged")
      }
    })
  )

  it("records failures as bounded, well-formed text", () => {
    const long = "\u{1f600}".repeat(Block.failureTextMax)
    const recorded = Block.recordedFailure({ _tag: "a\ud800b", message: `x${long}` })
    expect(recorded._tag).toBe("a\ufffdb")
    expect(recorded.message).toHaveLength(Block.failureTextMax)
    expect(recorded.message.endsWith("\ufffd")).toBe(true)
    expect(Block.recordedFailure({ _tag: "Short", message: "why 😀" })).toEqual({
      _tag: "Short",
      message: "why 😀"
    })
  })
})

describe("BlockHeader", () => {
  it("its hash is over the header and the root, as canonical CBOR", () => {
    const bytes = Cbor.encode(
      new Map([
        ["root", rootCbor()],
        ["header", BlockHeader.codec.encode(header)]
      ])
    )
    expect(BlockHeader.blockHash(header, root)).toEqual(nodeHasher.hash(bytes))
  })

  it("its hash changes with every field and with the root", () => {
    const hashes = [
      BlockHeader.blockHash(header, root),
      BlockHeader.blockHash(header, new Root({ ...root, hash: new Uint8Array(32) })),
      BlockHeader.blockHash(header, new Root({ ...root, namespace: new Uint8Array(32) })),
      BlockHeader.blockHash({ ...header, round: 3n }, root),
      BlockHeader.blockHash({ ...header, firstHeight: 5n }, root),
      BlockHeader.blockHash({ ...header, lastHeight: 7n }, root),
      BlockHeader.blockHash({ ...header, previousBlockHash: new Uint8Array(32) }, root),
      BlockHeader.blockHash({ ...header, time: 1 }, root),
      BlockHeader.blockHash({ ...header, transactionsHash: new Uint8Array(32) }, root)
    ]
    expect(new Set(hashes.map(String)).size).toBe(hashes.length)
  })

  const rootCbor = () =>
    Cbor.encode(
      new Map<string, Cbor.CborValue>([
        ["ns", root.namespace],
        ["version", 2],
        ["root_type", 1],
        ["hash", root.hash]
      ])
    )
})
