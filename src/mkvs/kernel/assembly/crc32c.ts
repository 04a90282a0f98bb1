/** CRC-32C (Castagnoli, reflected polynomial 82f63b78): sixteen bytes a step through sixteen tables. */

const polynomial: u32 = 0x82f63b78

/** Sixteen tables of 256 words. Table n: what a byte contributes when n more bytes follow it in a step. */
const tables = memory.data(16 * 1024, 64)

/**
 * Only four of the sixteen look-ups wait for the step before; the other twelve are summed first, beside it.
 * Offsets of tables stand in the load instructions, and a byte leaves its word already times four: each saves
 * an instruction a byte.
 */
export function crc32c(at: usize, length: u32): u32 {
  if (<u64>at + length > <u64>memory.size() << 16) unreachable()
  let crc: u32 = ~0
  const end = at + length
  for (; at + 16 <= end; at += 16) {
    const first = load<u64>(at)
    const second = load<u64>(at, 8)
    const others =
      load<u32>(offset(first >> 30), tables + 11 * 1024) ^
      load<u32>(offset(first >> 38), tables + 10 * 1024) ^
      (load<u32>(offset(first >> 46), tables + 9 * 1024) ^
        load<u32>(offset(first >> 54), tables + 8 * 1024)) ^
      (load<u32>(offset(second << 2), tables + 7 * 1024) ^
        load<u32>(offset(second >> 6), tables + 6 * 1024) ^
        (load<u32>(offset(second >> 14), tables + 5 * 1024) ^
          load<u32>(offset(second >> 22), tables + 4 * 1024))) ^
      (load<u32>(offset(second >> 30), tables + 3 * 1024) ^
        load<u32>(offset(second >> 38), tables + 2 * 1024) ^
        (load<u32>(offset(second >> 46), tables + 1024) ^ load<u32>(offset(second >> 54), tables)))
    const head = <u32>first ^ crc
    crc =
      others ^
      (load<u32>(offset(head << 2), tables + 15 * 1024) ^
        load<u32>(offset(head >> 6), tables + 14 * 1024) ^
        (load<u32>(offset(head >> 14), tables + 13 * 1024) ^
          load<u32>(offset(head >> 22), tables + 12 * 1024)))
  }
  for (; at + 4 <= end; at += 4) {
    const word = load<u32>(at) ^ crc
    crc =
      load<u32>(offset(word << 2), tables + 3 * 1024) ^
      load<u32>(offset(word >> 6), tables + 2 * 1024) ^
      (load<u32>(offset(word >> 14), tables + 1024) ^ load<u32>(offset(word >> 22), tables))
  }
  for (; at < end; at++) crc = (crc >> 8) ^ load<u32>(offset((crc ^ load<u8>(at)) << 2), tables)
  return ~crc
}

/** In a table: the byte that lies at bits 2 to 9 of `shifted`, times four. */
// @ts-ignore: decorator
@inline
function offset<T>(shifted: T): usize {
  return <usize>shifted & 1020
}

/** Runs once, before the first checksum. */
export function fillTables(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (polynomial & -(crc & 1))
    store<u32>(tables + 4 * byte, crc)
  }
  for (let at: usize = tables; at < tables + 15 * 1024; at += 4) {
    const crc = load<u32>(at)
    store<u32>(at + 1024, (crc >> 8) ^ load<u32>(offset(crc << 2), tables))
  }
}
