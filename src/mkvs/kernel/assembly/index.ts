/**
 * The kernel (`../Kernel.ts`) in AssemblyScript: what the module exports. It allocates nothing: all it needs
 * lies in static memory below `base`. An input that leaves memory traps before anything is written.
 */
import { crc32c, fillTables } from "./crc32c"
import { hash, hashInternal, hashLeaf, streamBegin, streamEnd, streamUpdate } from "./hash"

export { crc32c, hash, hashInternal, hashLeaf, streamBegin, streamEnd, streamUpdate }

/** Where the hash of nothing lies. */
export const emptyHash: usize = memory.data(32, 16)

/** First byte that callers may use. */
export const base: usize = (__heap_base + 63) & ~63

fillTables()
hash(0, 0, emptyHash)
