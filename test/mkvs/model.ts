import { FastCheck } from "effect"
import * as Bytes from "../../src/mkvs/Bytes.ts"
import type { Entry, IterateOptions, Reader, Writer } from "../../src/mkvs/Tree.ts"

/** What every tree and overlay is compared with: a plain Map, sorted when it is iterated. */
export class Model implements Writer {
  readonly entries: Map<string, Entry>

  constructor(entries: Iterable<readonly [string, Entry]> = []) {
    this.entries = new Map(entries)
  }

  copy(): Model {
    return new Model(this.entries)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.entries.get(Bytes.toHex(key))?.[1]
  }

  has(key: Uint8Array): boolean {
    return this.entries.has(Bytes.toHex(key))
  }

  insert(key: Uint8Array, value: Uint8Array): void {
    this.entries.set(Bytes.toHex(key), [Bytes.copy(key), Bytes.copy(value)])
  }

  remove(key: Uint8Array): void {
    this.entries.delete(Bytes.toHex(key))
  }

  iterate({ from, prefix, reverse = false }: IterateOptions = {}): IterableIterator<Entry> {
    const sign = reverse ? -1 : 1
    return [...this.entries.values()]
      .filter(([key]) => prefix === undefined || Bytes.startsWith(key, prefix))
      .filter(([key]) => from === undefined || sign * Bytes.compare(key, from) >= 0)
      .sort(([a], [b]) => sign * Bytes.compare(a, b))
      .values()
  }
}

/** Entries as text, so that a difference can be read and bytes compare whatever class they are. */
export const listing = (reader: Reader, options?: IterateOptions): ReadonlyArray<string> =>
  [...reader.iterate(options)].map(([key, value]) => `${Bytes.toHex(key)}=${Bytes.toHex(value)}`)

/** Keys that collide: short, prefixes of each other, parting at the first and at the last bit of a byte. */
export const collidingKey = FastCheck.oneof(
  FastCheck.array(FastCheck.constantFrom(0x00, 0x01, 0x80, 0x81, 0xff), { maxLength: 3 }),
  FastCheck.array(FastCheck.constantFrom(0x61, 0x62), { minLength: 8, maxLength: 10 })
).map((bytes) => Uint8Array.from(bytes))

export const smallValue = FastCheck.uint8Array({ maxLength: 3 })

/** A change of one key: `undefined` removes it. */
export type Change = readonly [key: Uint8Array, value: Uint8Array | undefined]

export const change: FastCheck.Arbitrary<Change> = FastCheck.tuple(
  collidingKey,
  FastCheck.option(smallValue, { nil: undefined, freq: 3 })
)

export const changes = (maxLength = 30): FastCheck.Arbitrary<ReadonlyArray<Change>> =>
  FastCheck.array(change, { maxLength })

export const apply = (writer: Writer, list: Iterable<Change>): void => {
  for (const [key, value] of list) {
    if (value === undefined) writer.remove(key)
    else writer.insert(key, value)
  }
}

export const iterateOptions: FastCheck.Arbitrary<IterateOptions> = FastCheck.record(
  {
    from: collidingKey,
    prefix: FastCheck.oneof(
      collidingKey,
      collidingKey.map((key) => key.slice(0, 1))
    ),
    reverse: FastCheck.boolean()
  },
  { requiredKeys: [] }
)
