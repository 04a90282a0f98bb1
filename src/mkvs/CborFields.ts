import type { CborValue } from "./Cbor.ts"
import { MalformedCbor } from "./MkvsError.ts"

/** Reads a decoded map as a record with known fields. Whatever does not fit throws `MalformedCbor`. */
export class CborFields {
  private readonly what: string
  private readonly map: ReadonlyMap<string, CborValue>

  /** All of `required` must be there, and nothing beyond them and `optional`. */
  constructor(
    what: string,
    value: CborValue,
    required: ReadonlyArray<string>,
    optional: ReadonlyArray<string> = []
  ) {
    this.what = what
    if (!(value instanceof Map)) this.refuse("not a map")
    this.map = value
    for (const name of required) if (!this.map.has(name)) this.refuse(`field ${name} is missing`)
    for (const name of this.map.keys()) {
      if (!required.includes(name) && !optional.includes(name))
        this.refuse(`unknown field ${JSON.stringify(name)}`)
    }
  }

  has(name: string): boolean {
    return this.map.has(name)
  }

  /** The value as it was decoded; `undefined` where the field is absent. */
  value(name: string): CborValue | undefined {
    return this.map.get(name)
  }

  bytes(name: string, length?: number): Uint8Array {
    const value = this.map.get(name)
    if (!(value instanceof Uint8Array)) return this.refuse(`field ${name} is no byte string`)
    if (length !== undefined && value.length !== length) {
      return this.refuse(`field ${name} has ${value.length} bytes, not ${length}`)
    }
    return value
  }

  /** From 0 to 2^64 - 1. */
  uint(name: string): bigint {
    const value = this.map.get(name)
    if ((typeof value !== "number" && typeof value !== "bigint") || value < 0) {
      return this.refuse(`field ${name} is no unsigned integer`)
    }
    return BigInt(value)
  }

  text(name: string): string {
    const value = this.map.get(name)
    return typeof value === "string" ? value : this.refuse(`field ${name} is no text`)
  }

  array(name: string): ReadonlyArray<CborValue> {
    const value = this.map.get(name)
    return isArray(value) ? value : this.refuse(`field ${name} is no array`)
  }

  refuse(reason: string): never {
    throw new MalformedCbor({ what: this.what, reason })
  }
}

// Array.isArray narrows to a mutable array, which leaves read-only ones out.
const isArray = (value: CborValue | undefined): value is ReadonlyArray<CborValue> => Array.isArray(value)
