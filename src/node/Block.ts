import type { CborValue } from "../mkvs/Cbor.ts"
import type { CborFields } from "../mkvs/CborFields.ts"
import { hashBytes } from "../mkvs/Hasher.ts"
import * as BlockHeader from "./BlockHeader.ts"
import type { MachineRecord } from "./MachineRecord.ts"
import * as RecordCodec from "./RecordCodec.ts"
import type { Failure } from "./StateMachine.ts"

/** What is stored of an executed block. The transactions' bytes lie beside it (`Blocks.transactions`). */
export interface Block {
  readonly header: BlockHeader.BlockHeader
  /** In order of height, the first at `header.firstHeight`. */
  readonly transactions: ReadonlyArray<ExecutedTransaction>
  /** Hash of the state's root before the block; the empty hash in block 1. */
  readonly appRootBefore: Uint8Array
  /** Hash of the state's root after it: the root of version `header.round`. */
  readonly appRoot: Uint8Array
  /** What executed it. */
  readonly machine: MachineRecord
}

export interface ExecutedTransaction {
  readonly id: Uint8Array
  /** `undefined` where it succeeded. */
  readonly failure: Failure | undefined
}

/** A failure as it is recorded: tag and message, each at most `failureTextMax` UTF-16 units of well-formed text. */
export const recordedFailure = (failure: Failure): Failure => ({
  _tag: recordedText(failure._tag),
  message: recordedText(failure.message)
})

/** A failing transaction may be of any size, and its failure may quote it; the record of it is bounded. */
export const failureTextMax = 1024

/** The ids one after the other: what `header.transactionsHash` is the hash of. */
export const joinIds = (transactions: ReadonlyArray<{ readonly id: Uint8Array }>): Uint8Array => {
  const ids = new Uint8Array(transactions.length * hashBytes)
  transactions.forEach(({ id }, index) => {
    ids.set(id, index * hashBytes)
  })
  return ids
}

/** Ids are one byte string, and only failures are listed, so that a block of successes costs next to nothing. */
const format1: RecordCodec.Format<Block> = {
  fields: [...BlockHeader.format1.fields, "ids", "failures", "before", "after", "machine", "machineVersion"],
  write: (block) => [
    ...BlockHeader.format1.write(block.header),
    ["ids", joinIds(block.transactions)],
    ["failures", block.transactions.flatMap(failureEntry)],
    ["before", block.appRootBefore],
    ["after", block.appRoot],
    ["machine", block.machine.name],
    ["machineVersion", block.machine.version]
  ],
  read: (fields) => {
    const header = BlockHeader.format1.read(fields)
    return {
      header,
      transactions: readTransactions(fields, header),
      appRootBefore: fields.bytes("before", hashBytes),
      appRoot: fields.bytes("after", hashBytes),
      machine: { name: fields.text("machine"), version: RecordCodec.safeInteger(fields, "machineVersion") }
    }
  }
}

export const codec: RecordCodec.RecordCodec<Block> = RecordCodec.make("block", [format1])

const failureEntry = ({ failure }: ExecutedTransaction, index: number): Array<CborValue> =>
  failure === undefined ? [] : [[index, failure._tag, failure.message]]

const readTransactions = (
  fields: CborFields,
  header: BlockHeader.BlockHeader
): ReadonlyArray<ExecutedTransaction> => {
  const count = header.lastHeight - header.firstHeight + 1n
  const ids = fields.bytes("ids")
  if (BigInt(ids.length) !== count * BigInt(hashBytes)) {
    fields.refuse(
      `${ids.length} bytes of ids do not fit heights ${header.firstHeight} to ${header.lastHeight}`
    )
  }
  const transactions = Array.from({ length: ids.length / hashBytes }, (_, index): ExecutedTransaction => {
    return { id: ids.slice(index * hashBytes, (index + 1) * hashBytes), failure: undefined }
  })
  let next = 0
  for (const entry of fields.array("failures")) {
    const [index, failure] = readFailure(fields, entry)
    const transaction = transactions[index]
    if (transaction === undefined || index < next)
      return fields.refuse(`failure of index ${index} is out of place`)
    transactions[index] = { id: transaction.id, failure }
    next = index + 1
  }
  return transactions
}

const readFailure = (fields: CborFields, entry: CborValue): readonly [index: number, failure: Failure] => {
  if (Array.isArray(entry) && entry.length === 3) {
    const [index, tag, message] = entry
    if (typeof index === "number" && typeof tag === "string" && typeof message === "string") {
      return [index, { _tag: tag, message }]
    }
  }
  return fields.refuse("a failure is not [index, tag, message]")
}

const recordedText = (text: string): string =>
  text.slice(0, failureTextMax).replace(/\p{Surrogate}/gu, "\ufffd")
