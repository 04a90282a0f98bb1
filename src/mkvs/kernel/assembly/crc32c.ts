/** CRC-32C (Castagnoli, reflected polynomial 82f63b78), sixteen bytes a step through sixteen tables. */

const polynomial: u32 = 0x82f63b78
const tableBytes: usize = 1024
const tables = memory.data(16 * 1024, 64)

export function crc32c(at: usize, length: u32): u32 {
  if (<u64>at + length > <u64>memory.size() << 16) unreachable()
  let crc: u32 = ~0
  const end = at + length
  for (; at + 16 <= end; at += 16) {
    const first = load<u64>(at) ^ crc
    const second = load<u64>(at, 8)
    crc = eight(first, 15) ^ eight(second, 7)
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ entry(0, (crc ^ load<u8>(at)) & 255)
  return ~crc
}

/** What eight bytes contribute, the first through table `top`, the next through the one before, and so on. */
// @ts-ignore: decorator
@inline
function eight(bytes: u64, top: usize): u32 {
  return (
    entry(top, <u32>bytes & 255) ^
    entry(top - 1, <u32>(bytes >> 8) & 255) ^
    entry(top - 2, <u32>(bytes >> 16) & 255) ^
    entry(top - 3, <u32>(bytes >> 24) & 255) ^
    entry(top - 4, <u32>(bytes >> 32) & 255) ^
    entry(top - 5, <u32>(bytes >> 40) & 255) ^
    entry(top - 6, <u32>(bytes >> 48) & 255) ^
    entry(top - 7, <u32>(bytes >> 56))
  )
}

// @ts-ignore: decorator
@inline
function entry(table: usize, byte: u32): u32 {
  return load<u32>(tables + table * tableBytes + (<usize>byte << 2))
}

/** Table n: what a byte contributes when n more bytes follow it. */
export function fillTables(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (polynomial & -(crc & 1))
    store<u32>(tables + (<usize>byte << 2), crc)
  }
  for (let at: usize = tables; at < tables + 15 * tableBytes; at += 4) {
    const crc = load<u32>(at)
    store<u32>(at + tableBytes, (crc >>> 8) ^ entry(0, crc & 255))
  }
}
