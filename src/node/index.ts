/**
 * A node: ordered transactions, executed by a state machine on the authenticated state. A service is exported as its
 * tag, which carries its layers; everything else as the namespace of its module.
 */

export * as Block from "./Block.ts"
export { BlockEvent, BlockEvents, type BlockExecuted } from "./BlockEvents.ts"
export * as BlockHeader from "./BlockHeader.ts"
export { Blocks } from "./Blocks.ts"
export * as Checkpoints from "./Checkpoints.ts"
export * as Collection from "./Collection.ts"
export { Executor } from "./Executor.ts"
export * as Head from "./Head.ts"
export * as KeyValue from "./KeyValue.ts"
export * as MachineModule from "./MachineModule.ts"
export * as MachineRecord from "./MachineRecord.ts"
export { Node } from "./Node.ts"
export * as NodeError from "./NodeError.ts"
export * as Pruner from "./Pruner.ts"
export type { RecordUnreadable } from "./RecordCodec.ts"
export * as Runner from "./Runner.ts"
export * as State from "./State.ts"
export * as StateMachine from "./StateMachine.ts"
export { StateStorage } from "./StateStorage.ts"
export * as Transaction from "./Transaction.ts"
