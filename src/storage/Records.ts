import { crc32c } from "@node-rs/crc32"
import { toHex } from "../mkvs/Bytes.ts"
import { DatabaseDamaged } from "./NodeDatabaseError.ts"
import type { Change, PageStore, RangeOptions } from "./PageStore.ts"

/**
 * Records with a checksum: `value ‖ u32le crc32c(u8 length of the table's name ‖ name ‖ key ‖ value)`. Table and key are
 * covered because a flipped bit in the medium's own index can bring up the wrong record as easily as it can change one.
 */

/** A change that stores `value` sealed. */
export const put = (table: string, key: Uint8Array, value: Uint8Array): Change => ({
  table,
  key,
  value: seal(table, key, value)
})

export const remove = (table: string, key: Uint8Array): Change => ({ table, key, value: undefined })

/** A copy of the value, or `undefined`. Throws `DatabaseDamaged`. */
export const get = (store: PageStore, table: string, key: Uint8Array): Uint8Array | undefined => {
  const record = store.get(table, key)
  return record === undefined ? undefined : open(table, key, record).slice()
}

/** Records of a range; throws `DatabaseDamaged` at the first bad one. */
export function* range(
  store: PageStore,
  table: string,
  options?: RangeOptions
): IterableIterator<readonly [key: Uint8Array, value: Uint8Array]> {
  for (const [key, record] of store.range(table, options)) yield [key, open(table, key, record)]
}

export const seal = (table: string, key: Uint8Array, value: Uint8Array): Uint8Array => {
  const record = new Uint8Array(value.length + 4)
  record.set(value)
  new DataView(record.buffer).setUint32(value.length, checksum(table, key, value), true)
  return record
}

/** The value in a sealed record, which shares its memory. Throws `DatabaseDamaged`. */
export const open = (table: string, key: Uint8Array, record: Uint8Array): Uint8Array => {
  const length = record.length - 4
  if (length >= 0) {
    const value = record.subarray(0, length)
    const stored = new DataView(record.buffer, record.byteOffset + length, 4).getUint32(0, true)
    if (stored === checksum(table, key, value)) return value
  }
  throw new DatabaseDamaged({ record: `${table} ${toHex(key)}`, reason: "its checksum is wrong" })
}

const encoder = new TextEncoder()
const prefixes = new Map<string, Uint8Array>()

const checksum = (table: string, key: Uint8Array, value: Uint8Array): number => {
  let prefix = prefixes.get(table)
  if (prefix === undefined) {
    const name = encoder.encode(table)
    prefix = Uint8Array.of(name.length, ...name)
    prefixes.set(table, prefix)
  }
  return crc32c(value, crc32c(key, crc32c(prefix)))
}

/** A u64 as 8 bytes, so that keys sort like numbers. */
export const u64Key = (value: bigint): Uint8Array => {
  const key = new Uint8Array(8)
  new DataView(key.buffer).setBigUint64(0, value)
  return key
}

/** Writes a record's fields one after the other, little-endian. */
export class FieldWriter {
  private bytes = new Uint8Array(64)
  private view = new DataView(this.bytes.buffer)
  private end = 0

  u8(value: number): this {
    this.view.setUint8(this.room(1), value)
    return this
  }

  u32(value: number): this {
    this.view.setUint32(this.room(4), value, true)
    return this
  }

  u64(value: bigint | number): this {
    this.view.setBigUint64(this.room(8), BigInt(value), true)
    return this
  }

  /** `u32 length ‖ bytes`. */
  blob(value: Uint8Array): this {
    this.u32(value.length)
    return this.raw(value)
  }

  raw(value: Uint8Array): this {
    const at = this.room(value.length)
    this.bytes.set(value, at)
    return this
  }

  done(): Uint8Array {
    return this.bytes.slice(0, this.end)
  }

  private room(bytes: number): number {
    const at = this.end
    this.end += bytes
    if (this.end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.end))
      grown.set(this.bytes)
      this.bytes = grown
      this.view = new DataView(grown.buffer)
    }
    return at
  }
}

/** Reads what `FieldWriter` wrote. Running off the end throws `DatabaseDamaged`: the record is of another shape. */
export class FieldReader {
  private readonly view: DataView
  private at = 0

  constructor(
    private readonly bytes: Uint8Array,
    private readonly record: string
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  u8(): number {
    return this.view.getUint8(this.take(1))
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true)
  }

  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true)
  }

  /** A u64 that is known to fit: page ids and counts. */
  number(): number {
    return Number(this.u64())
  }

  blob(): Uint8Array {
    return this.raw(this.u32())
  }

  raw(length: number): Uint8Array {
    const at = this.take(length)
    return this.bytes.slice(at, at + length)
  }

  get done(): boolean {
    return this.at === this.bytes.length
  }

  private take(bytes: number): number {
    const at = this.at
    this.at += bytes
    if (this.at > this.bytes.length) {
      throw new DatabaseDamaged({ record: this.record, reason: "it ends within a field" })
    }
    return at
  }
}
