import { Effect, Option } from "effect"
import * as Bytes from "../mkvs/Bytes.ts"
import { emptyRoot, type Root, rootType } from "../mkvs/Root.ts"
import { NodeDatabase } from "../storage/NodeDatabase.ts"
import { MultipartInProgress } from "../storage/NodeDatabaseError.ts"
import type { Block } from "./Block.ts"
import * as BlockHeader from "./BlockHeader.ts"
import { Blocks } from "./Blocks.ts"
import * as MachineRecord from "./MachineRecord.ts"
import { BareTree, ForeignMachine, MachineOutdated, TablesDisagree } from "./NodeError.ts"
import type { RecordUnreadable } from "./RecordCodec.ts"

/** Where a node stands: what the next block builds on. */
export interface Head {
  /** Number of the latest block; 0 before the first. */
  readonly round: bigint
  /** State after the latest block; before the first, the empty root of version 0. */
  readonly root: Root
  /** Height of the latest transaction; 0 before the first. */
  readonly lastHeight: bigint
  /** Of the latest block, epoch milliseconds; 0 before the first. */
  readonly time: number
  /** Of the latest block; zeros before the first. */
  readonly blockHash: Uint8Array
  /** What executed the latest block; `undefined` before the first. */
  readonly machine: MachineRecord.MachineRecord | undefined
}

/** Why a database cannot be gone on with by this machine. Nothing was changed. */
export type HeadRefused =
  | BareTree
  | ForeignMachine
  | MachineOutdated
  | TablesDisagree
  | MultipartInProgress
  | RecordUnreadable
  | NodeDatabase.ReadFailure

/** A node before its first block. */
export const genesis = (namespace: Uint8Array): Head => ({
  round: 0n,
  root: emptyRoot(namespace, 0n, rootType.state),
  lastHeight: 0n,
  time: 0,
  blockHash: BlockHeader.noBlockHash,
  machine: undefined
})

/** The head after a block. `root` is the state's root that the block made. */
export const after = (block: Pick<Block, "header" | "machine">, root: Root): Head => ({
  round: block.header.round,
  root,
  lastHeight: block.header.lastHeight,
  time: block.header.time,
  blockHash: BlockHeader.blockHash(block.header, root),
  machine: block.machine
})

/** Reads the head, and makes sure that it is one for `machine`. A state without blocks (a restored one) is fine. */
export const load: (
  machine: MachineRecord.MachineRecord
) => Effect.Effect<Head, HeadRefused, NodeDatabase | Blocks> = Effect.fn("Head.load")(function* (machine) {
  const database = yield* NodeDatabase
  const multipart = yield* database.multipart.current
  if (Option.isSome(multipart)) return yield* new MultipartInProgress({ version: multipart.value.version })
  const version = yield* database.latestVersion
  const head = Option.isNone(version)
    ? genesis(database.namespace)
    : yield* loadVersion(database, version.value)
  yield* checkMachine(head, machine)
  yield* checkBlocks(head)
  return head
})

const loadVersion = Effect.fnUntraced(function* (database: NodeDatabase.Service, version: bigint) {
  const roots = yield* database.rootsForVersion(version).pipe(Effect.catchTag("VersionNotFound", Effect.die))
  const root = roots.find((root) => root.type === rootType.state)
  if (root === undefined) return yield* new BareTree({ version })
  const [headerBytes, machineBytes] = yield* database
    .read(root, (state) =>
      [state.get(BlockHeader.headerKey), state.get(MachineRecord.machineKey)].map(
        (value) => value && Bytes.copy(value)
      )
    )
    .pipe(Effect.catchTags({ RootNotFound: Effect.die, BadNamespace: Effect.die, KeyTooLong: Effect.die }))
  if (headerBytes === undefined || machineBytes === undefined) return yield* new BareTree({ version })
  const header = yield* BlockHeader.codec.decode(headerBytes)
  const machine = yield* MachineRecord.codec.decode(machineBytes)
  if (header.round !== version) {
    return yield* new TablesDisagree({ version, reason: `its header is of round ${header.round}` })
  }
  return after({ header, machine }, root)
})

const checkMachine = (
  { machine: found }: Head,
  given: MachineRecord.MachineRecord
): Effect.Effect<void, ForeignMachine | MachineOutdated> => {
  if (found === undefined) return Effect.void
  if (found.name !== given.name) return new ForeignMachine({ expected: given.name, found: found.name })
  if (found.version <= given.version) return Effect.void
  return new MachineOutdated({ machine: given.name, given: given.version, found: found.version })
}

const checkBlocks = Effect.fnUntraced(function* (head: Head) {
  const latest = yield* (yield* Blocks).latest
  if (Option.isNone(latest)) return
  const { appRoot, header } = latest.value
  if (header.round !== head.round) {
    return yield* new TablesDisagree({ version: head.round, reason: `the latest block is ${header.round}` })
  }
  if (!Bytes.equal(appRoot, head.root.hash)) {
    const reason = `block ${header.round} ended in root ${Bytes.toHex(appRoot)}, the state has ${Bytes.toHex(head.root.hash)}`
    return yield* new TablesDisagree({ version: head.round, reason })
  }
})
