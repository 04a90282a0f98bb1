import { crc32c, fillTables } from "./crc32c"
import { hash, hashInternal, hashLeaf, streamBegin, streamEnd, streamUpdate } from "./hash"

export { crc32c, hash, hashInternal, hashLeaf, streamBegin, streamEnd, streamUpdate }

/** Where the empty hash lies. */
export const emptyHash: usize = memory.data(32, 16)

/** First byte that callers may use. */
export const base: usize = (__heap_base + 63) & ~63

fillTables()
hash(0, 0, emptyHash)
