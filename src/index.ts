/**
 * Cairn in one import: a namespace for each folder. A program that starts often imports the folders themselves
 * (`effect-cairn/mkvs`, …): each loads only what it needs.
 */

export * as Checkpoint from "./checkpoint/index.ts"
export * as Mkvs from "./mkvs/index.ts"
export * as Node from "./node/index.ts"
export * as Storage from "./storage/index.ts"
