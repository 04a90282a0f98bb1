import type { Change, PageStore, RangeOptions } from "../../src/storage/PageStore.ts"

/** Records as text, one byte per character, so that tests can be read. */

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"))

export const text = (found: Uint8Array | undefined): string | undefined =>
  found === undefined ? undefined : Buffer.from(found).toString("latin1")

export const copied = (found: Uint8Array | undefined): Uint8Array | undefined => found?.slice()

type Bytes = Uint8Array | string

const toBytes = (value: Bytes): Uint8Array => (typeof value === "string" ? bytes(value) : value)

export const put = (table: string, key: Bytes, value: Bytes): Change => ({
  table,
  key: toBytes(key),
  value: toBytes(value)
})

export const remove = (table: string, key: Bytes): Change => ({ table, key: toBytes(key), value: undefined })

/** A range as `key=value` texts. */
export const listed = (store: PageStore, table: string, options?: RangeOptions): ReadonlyArray<string> =>
  [...store.range(table, options)].map(([key, value]) => `${text(key)}=${text(value)}`)

/** A number as a key of 6 bytes, so that keys sort like numbers. */
export const numberKey = (value: number): Uint8Array => {
  const key = Buffer.alloc(6)
  key.writeUIntBE(value, 0, 6)
  return new Uint8Array(key)
}
