/** How the memory of a kernel grows; the same for every kernel. */

export const wasmPageBytes = 65_536

/** More than this no builder may ask for. Offsets stay positive 32-bit integers, which the engine relies on. */
export const memoryBytesMax = 2 ** 31

const stepBytesMax = 16 * 1_048_576

/** Throws `RangeError` for more than 2 GiB, or for what is no size. */
export const assertMemoryBytes = (bytes: number): void => {
  if (!Number.isSafeInteger(bytes) || bytes < 0)
    throw new RangeError(`kernel memory of ${bytes} bytes: no size`)
  if (bytes > memoryBytesMax) {
    throw new RangeError(
      `kernel memory of ${bytes} bytes: at most ${memoryBytesMax} are allowed; commit in smaller batches`
    )
  }
}

/**
 * The size to grow to from `have` so that `bytes` fit: twice as much, but at most 16 MiB more than now unless `bytes`
 * needs it. Doubling keeps the number of growths small, the step keeps the memory small. A multiple of 64 KiB.
 */
export const grownBytes = (have: number, bytes: number): number => {
  const target = Math.min(Math.max(bytes, have + Math.min(have, stepBytesMax)), memoryBytesMax)
  return Math.ceil(target / wasmPageBytes) * wasmPageBytes
}
