import { decode as cborgDecode, encode as cborgEncode, type Token, Tokenizer } from "cborg"
import { copy, equal } from "./Bytes.ts"
import { MalformedCbor } from "./MkvsError.ts"

/**
 * Canonical CBOR (RFC 7049 §3.9: shortest forms; map keys by length, then bytewise) of a small vocabulary: null,
 * booleans, integers from -2^64 to 2^64 - 1, byte strings, text, arrays, maps with text keys. No floats, no tags.
 */
export type CborValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | ReadonlyArray<CborValue>
  | ReadonlyMap<string, CborValue>

export interface CborLimits {
  /** Longer input is refused before it is looked at. */
  readonly bytesMax?: number | undefined
  /** Arrays and maps within one another. */
  readonly depthMax?: number | undefined
}

export const defaultCborLimits = { bytesMax: 16 * 1024 * 1024, depthMax: 32 } as const

/** Dies with a `RangeError` for what the vocabulary leaves out: fractions, integers out of range, lone surrogates. */
export const encode = (value: CborValue): Uint8Array => {
  assertEncodable(value)
  // On Node, cborg gives a Buffer for all but short results; `slice` of a Buffer would not copy.
  return copy(cborgEncode(value))
}

/**
 * The one value that `encode` turns into these bytes. Integers are `number` where that is exact, else `bigint`; maps
 * keep the order of the bytes. Byte strings are copies. `what` names the thing in errors.
 *
 * Throws `MalformedCbor` for bytes that are no such encoding.
 */
export const decode = (what: string, bytes: Uint8Array, limits: CborLimits = {}): CborValue => {
  const reason = refusal(bytes, limits)
  if (reason !== undefined) throw new MalformedCbor({ what, reason })
  let value: CborValue
  try {
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    const tokenizer = new TextTokenizer(plain, decodeOptions)
    // `refusal` has admitted no other types than those of CborValue.
    value = cborgDecode(bytes, { ...decodeOptions, tokenizer }) as CborValue
  } catch (cause) {
    throw new MalformedCbor({ what, reason: cause instanceof Error ? cause.message : String(cause) })
  }
  // cborg accepts unsorted map keys; they do not survive encoding.
  if (!equal(cborgEncode(value), bytes)) {
    throw new MalformedCbor({ what, reason: "map keys are not in canonical order" })
  }
  return value
}

/** cborg replaces what is no UTF-8, and drops a byte order mark: here the first is refused, the second is text. */
class TextTokenizer extends Tokenizer {
  override next(): Token {
    const token = super.next()
    if (typeof token.value === "string" && token.byteValue !== undefined) {
      token.value = utf8.decode(token.byteValue)
    }
    return token
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const decodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  allowBigInt: true,
  rejectDuplicateMapKeys: true,
  useMaps: true,
  retainStringBytes: true
}

/** Why the items in `bytes` are refused. Iterative, and allocates by what is there, not by what is declared. */
const refusal = (bytes: Uint8Array, limits: CborLimits): string | undefined => {
  const bytesMax = limits.bytesMax ?? defaultCborLimits.bytesMax
  if (bytes.length > bytesMax) return `${bytes.length} bytes: at most ${bytesMax} are allowed`
  const depthMax = limits.depthMax ?? defaultCborLimits.depthMax
  const open: Array<{ items: number; readonly isMap: boolean }> = []
  const header = { at: 0, major: 0, argument: 0 }
  do {
    const at = header.at
    const reason = readHeader(bytes, header)
    if (reason !== undefined) return `${reason} at byte ${at}`
    const top = open.at(-1)
    if (top !== undefined) {
      if (top.isMap && top.items % 2 === 0 && header.major !== 3)
        return `map key that is no text at byte ${at}`
      top.items--
    }
    if (header.major === 4 || header.major === 5) {
      if (open.length === depthMax)
        return `more than ${depthMax} arrays and maps within one another at byte ${at}`
      open.push({ items: header.argument * (header.major - 3), isMap: header.major === 5 })
    } else if (header.major === 2 || header.major === 3) {
      header.at += header.argument
    }
    while (open.at(-1)?.items === 0) open.pop()
  } while (open.length > 0)
  return header.at === bytes.length ? undefined : `bytes left over from byte ${header.at} on`
}

/** Reads a header at `header.at` and moves behind it. Everything it announces fits into the rest of the input. */
const readHeader = (
  bytes: Uint8Array,
  header: { at: number; major: number; argument: number }
): string | undefined => {
  if (header.at >= bytes.length) return "input ends where an item is expected"
  const first = bytes[header.at++]!
  header.major = first >>> 5
  header.argument = first & 31
  if (header.major === 6) return "tag"
  if (header.major === 7) {
    return first >= 0xf4 && first <= 0xf6
      ? undefined
      : "neither null, true nor false: floats have no place here"
  }
  if (header.argument >= 28) return "indefinite or reserved length"
  if (header.argument >= 24) {
    const width = 1 << (header.argument - 24)
    if (width > bytes.length - header.at) return "input ends within a number"
    header.argument = 0
    for (let i = 0; i < width; i++) header.argument = header.argument * 256 + bytes[header.at++]!
  }
  if (header.major < 2) return undefined
  const least = header.major === 5 ? 2 * header.argument : header.argument
  return least > bytes.length - header.at ? "more is announced than is there" : undefined
}

const assertEncodable = (value: CborValue): void => {
  const pending: Array<CborValue> = [value]
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    if (typeof item === "number") {
      if (!Number.isSafeInteger(item)) throw new RangeError(`${item} is no safe integer: use a bigint`)
    } else if (typeof item === "bigint") {
      if (item < -(2n ** 64n) || item >= 2n ** 64n) throw new RangeError(`${item} does not fit into 64 bits`)
    } else if (typeof item === "string") {
      if (/\p{Surrogate}/u.test(item)) throw new RangeError("text with a lone surrogate has no UTF-8")
    } else if (item instanceof Map) {
      for (const [key, child] of item) pending.push(key, child)
    } else if (Array.isArray(item)) {
      for (const child of item) pending.push(child)
    }
  }
}
