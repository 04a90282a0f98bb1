import { Chunk, Effect, Either, Option, Stream } from "effect"
import { expect } from "vitest"
import type { ChunkProvider } from "../../../src/checkpoint/ChunkProvider.ts"
import type { Metadata } from "../../../src/checkpoint/Metadata.ts"
import type { Restorer } from "../../../src/checkpoint/Restorer.ts"
import { concat, toHex } from "../../../src/mkvs/Bytes.ts"
import type { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"

/** What a process has vouched for or begun of the restore of one version. */
export class RestoreVouched {
  version = 0n
  /** Chunks by root type: those that were said to be restored, and those that were begun. */
  readonly restored = new Map<number, Set<number>>()
  readonly begun = new Map<number, Set<number>>()
  /** It has begun to end, one way or another: all of it may be there, or nothing. */
  ending = false

  hear(said: ReadonlyArray<ReadonlyArray<string>>): void {
    for (const [what = "", ...numbers] of said) {
      const [version = 0, type = 0, index = 0] = numbers.map(Number)
      if (what === "aborted" || what === "finalized") this.clear()
      if (what === "aborting" || what === "finalizing") this.ending = true
      if (what === "starting") this.version = BigInt(version)
      if (what === "restoring") put(this.begun, type, index)
      if (what === "restored") put(this.restored, type, index)
    }
  }

  clear(): void {
    this.restored.clear()
    this.begun.clear()
    this.ending = false
  }
}

const put = (sets: Map<number, Set<number>>, type: number, index: number): void => {
  sets.set(type, (sets.get(type) ?? new Set()).add(index))
}

/** Whether the restore that a dead process left says of itself what it was told; nothing vouched for is missing. */
export const checkRestore = (
  database: NodeDatabase.Service,
  restorer: Restorer.Service,
  vouched: RestoreVouched,
  checkpoints: ReadonlyArray<Metadata>
) =>
  Effect.gen(function* () {
    const insert = yield* database.multipart.current
    const current = yield* restorer.currentCheckpoint
    expect(Option.isSome(current)).toBe(Option.isSome(insert))
    if (Option.isNone(current)) {
      expect(vouched.ending || vouched.restored.size === 0, "a restore is gone").toBe(true)
      return
    }
    expect(checkpoints.map((metadata) => toHex(metadata.encodedHash()))).toContain(
      toHex(current.value.encodedHash())
    )
    for (const { root, chunks } of checkpoints) {
      const done = yield* database.multipart.done(root)
      const { restored = new Set(), begun = new Set() } = {
        restored: vouched.restored.get(root.type),
        begun: vouched.begun.get(root.type)
      }
      expect(done, `chunks of ${root}`).toEqual(expect.arrayContaining([...restored]))
      expect([...begun], `chunks of ${root}`).toEqual(expect.arrayContaining([...done]))
      if (!current.value.root.equals(root)) continue
      const missing = yield* restorer.missingChunks
      expect([...missing, ...done].sort((a, b) => a - b)).toEqual(chunks.map((_, index) => index))
    }
  })

/** Restores what is missing of all roots, and makes them final. */
export const finishRestore = (
  database: NodeDatabase.Service,
  restorer: Restorer.Service,
  provider: ChunkProvider.Service,
  checkpoints: ReadonlyArray<Metadata>,
  changes: NonNullable<Parameters<NodeDatabase.Service["finalize"]>[1]>
) =>
  Effect.gen(function* () {
    for (const metadata of checkpoints) {
      const running = Option.getOrUndefined(yield* restorer.currentCheckpoint)?.root.type
      if (running !== undefined && running > metadata.root.type) continue
      if (running !== metadata.root.type) yield* restorer.startRestore(metadata)
      for (const index of yield* restorer.missingChunks) {
        yield* restorer.restoreChunk(index, yield* chunkBytes(provider, metadata, index))
      }
    }
    yield* database.finalize(
      checkpoints.map(({ root }) => root),
      changes
    )
  })

export const chunkBytes = (provider: ChunkProvider.Service, metadata: Metadata, index: number) =>
  Effect.gen(function* () {
    const chunk = Either.getOrThrow(metadata.getChunkMetadata(index))
    const pieces = yield* Stream.runCollect(provider.getChunk(chunk))
    return concat(...Chunk.toReadonlyArray(pieces))
  })
