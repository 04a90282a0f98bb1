/**
 * Hashing and checksums of nodes in place: the paged engine builds pages in `memory`, and the kernel works on offsets
 * into it, so that a node is never copied to be hashed. Not thread-safe and not re-entrant; one instance serves one
 * builder.
 *
 * Offsets and lengths are bytes. The kernel owns the bytes below `base` (tables, scratch, the empty hash).
 */
export interface Kernel {
  readonly name: "wasm" | "portable"
  /** Replaced whenever `reserve` grows it: read it again after every call of `reserve`. */
  readonly memory: Uint8Array
  /** First byte a caller may use. */
  readonly base: number
  /** Where the 32 bytes of the empty hash, H(""), lie. */
  readonly emptyHash: number
  /** Makes `memory` at least `bytes` long; content is kept. Never shrinks. */
  reserve(bytes: number): void
  /** H(memory[at, at + length)) to memory[out, out + 32). */
  hash(at: number, length: number, out: number): void
  /**
   * Hash of the leaf whose storage form (`00 ‖ u16le keyLen ‖ key ‖ u32le valueLen ‖ value`) begins at `at`:
   * H(00 ‖ u32le keyLen ‖ key ‖ u32le valueLen ‖ value).
   */
  hashLeaf(at: number, out: number): void
  /** Hash of an internal node: H(memory[head, head + headLength) ‖ 32 bytes at leaf ‖ at left ‖ at right). */
  hashInternal(head: number, headLength: number, leaf: number, left: number, right: number, out: number): void
  /** CRC-32C (Castagnoli) of memory[at, at + length), as an unsigned 32-bit number. */
  crc32c(at: number, length: number): number
}
