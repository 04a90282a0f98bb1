/**
 * Checkpoints: portable, and proved chunk by chunk. A service is exported as its tag, which carries its layers;
 * everything else as the namespace of its module.
 */

export { CheckpointCreator } from "./CheckpointCreator.ts"
export * as CheckpointError from "./CheckpointError.ts"
export { Checkpointer } from "./Checkpointer.ts"
export * as CheckpointerConfig from "./CheckpointerConfig.ts"
export { CheckpointerEvent, UnexpectedRoots } from "./Checkpointing.ts"
export * as CheckpointLimits from "./CheckpointLimits.ts"
export { CheckpointSource } from "./CheckpointSource.ts"
export * as CheckpointVerifier from "./CheckpointVerifier.ts"
export { CheckpointVersions } from "./CheckpointVersions.ts"
export type { CreationProgress } from "./ChunkProducer.ts"
export { ChunkProvider } from "./ChunkProvider.ts"
export { CreateRestorer } from "./CreateRestorer.ts"
export * as Metadata from "./Metadata.ts"
export { Restorer } from "./Restorer.ts"
