import { Either, Schema } from "effect"
import * as Bytes from "../mkvs/Bytes.ts"

/** How keys and values are written on the command line, in JSON, and in what is shown. */
export type Encoding = "utf8" | "hex"

export const encodings = ["utf8", "hex"] as const

/** Text that stands for no bytes in the given encoding. */
export class BadText extends Schema.TaggedError<BadText>()("BadText", {
  /** What the text was given as: `--key`, `value`, … */
  what: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.what} ${this.reason}`
  }
}

/** Bytes that cannot be shown as UTF-8. */
export class NotUtf8 extends Schema.TaggedError<NotUtf8>()("NotUtf8", {
  what: Schema.String,
  /** The first of the bytes, hex. */
  excerpt: Schema.String
}) {
  override get message() {
    return `the ${this.what} (${this.excerpt}) is no UTF-8 text: use --encoding hex`
  }
}

/** The bytes that `text` stands for; it was given as `what`. */
export const decode = (
  encoding: Encoding,
  what: string,
  text: string
): Either.Either<Uint8Array, BadText> => {
  if (encoding === "hex") {
    const bytes = Bytes.fromHex(text)
    if (bytes !== undefined) return Either.right(bytes)
    const reason = `is not hex: ${excerpt(text)}; an even number of the digits 0-9 and a-f is expected`
    return Either.left(new BadText({ what, reason }))
  }
  // An encoder would put another character in its place.
  if (/\p{Surrogate}/u.test(text)) {
    const reason = "holds half a surrogate pair, which no UTF-8 can express: use --encoding hex"
    return Either.left(new BadText({ what, reason }))
  }
  return Either.right(encoder.encode(text))
}

/** The text that stands for the bytes; they are the `what`. */
export const encode = (
  encoding: Encoding,
  what: string,
  bytes: Uint8Array
): Either.Either<string, NotUtf8> => {
  if (encoding === "hex") return Either.right(Bytes.toHex(bytes))
  try {
    return Either.right(decoder.decode(bytes))
  } catch {
    const shown = Bytes.toHex(bytes.subarray(0, excerptLength / 2))
    const rest = bytes.length > excerptLength / 2 ? "…" : ""
    return Either.left(new NotUtf8({ what, excerpt: `${shown}${rest}, ${bytes.length} bytes` }))
  }
}

/**
 * Text from a database or file as it may go to a terminal: control characters, which could move its cursor or change
 * its colours, and those that change the direction of writing are written as `\u{…}`.
 */
export const harmless = (text: string): string =>
  text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    character === "\n" ? "\\n" : `\\u{${character.codePointAt(0)!.toString(16)}}`
  )

/** At most the beginning of a long text, in quotes. */
export const excerpt = (text: string): string =>
  JSON.stringify(text.length > excerptLength ? `${text.slice(0, excerptLength)}…` : text)

const excerptLength = 40

const encoder = new TextEncoder()
// A byte order mark is text like any other here: a value that begins with one is shown with it.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
