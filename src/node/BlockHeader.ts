import * as Cbor from "../mkvs/Cbor.ts"
import { hashBytes } from "../mkvs/Hasher.ts"
import { defaultHasher } from "../mkvs/hasher/index.ts"
import { encodeRoot, type Root } from "../mkvs/Root.ts"
import * as RecordCodec from "./RecordCodec.ts"
import { reservedKey } from "./State.ts"

/**
 * What every block writes about itself into the tree, where a proof can show it, and where a restored state, which has
 * no blocks, finds all that the next block needs. (Source: spec "The node", two counters; `transactionsHash` is here so
 * that the block's hash can be computed from the tree alone.)
 */
export interface BlockHeader {
  /** The block's number; the first is 1. */
  readonly round: bigint
  /** Height of the first transaction. In an empty block one above `lastHeight`. */
  readonly firstHeight: bigint
  /** Height of the last transaction so far; 0 before the first. */
  readonly lastHeight: bigint
  /** `blockHash` of the block before; zeros in block 1. */
  readonly previousBlockHash: Uint8Array
  /** Epoch milliseconds; never before the time of the block before. */
  readonly time: number
  /** SHA-512/256 of the transactions' ids, one after the other. */
  readonly transactionsHash: Uint8Array
}

/** Where the header of the block lies in the state that the block makes. */
export const headerKey = reservedKey("header")

/** Stands for "no block before". */
export const noBlockHash = new Uint8Array(hashBytes)

/** SHA-512/256 of the header and of the root after the block, so of all blocks and states up to it. */
export const blockHash = (header: BlockHeader, root: Root): Uint8Array =>
  defaultHasher().hash(
    Cbor.encode(
      new Map([
        ["header", codec.encode(header)],
        ["root", encodeRoot(root)]
      ])
    )
  )

/** `ids` one after the other. */
export const transactionsHash = (ids: Uint8Array): Uint8Array => defaultHasher().hash(ids)

export const format1: RecordCodec.Format<BlockHeader> = {
  fields: ["round", "first", "last", "previous", "time", "transactions"],
  write: (header) => [
    ["round", header.round],
    ["first", header.firstHeight],
    ["last", header.lastHeight],
    ["previous", header.previousBlockHash],
    ["time", header.time],
    ["transactions", header.transactionsHash]
  ],
  read: (fields) => ({
    round: fields.uint("round"),
    firstHeight: fields.uint("first"),
    lastHeight: fields.uint("last"),
    previousBlockHash: fields.bytes("previous", hashBytes),
    time: RecordCodec.safeInteger(fields, "time"),
    transactionsHash: fields.bytes("transactions", hashBytes)
  })
}

export const codec: RecordCodec.RecordCodec<BlockHeader> = RecordCodec.make("block header", [format1])
