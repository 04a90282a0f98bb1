import { Either, Schema } from "effect"
import { keyBytesMax } from "../mkvs/Bits.ts"
import { isReserved } from "../node/State.ts"
import * as Encoding from "./Encoding.ts"

/** What one line of `tree apply` asks for. */
export type TreeOperation =
  | { readonly _tag: "Set"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly _tag: "Delete"; readonly key: Uint8Array }
  | { readonly _tag: "Commit" }

const Line = Schema.Union(
  Schema.Struct({ set: Schema.String, value: Schema.String }),
  Schema.Struct({ delete: Schema.String }),
  Schema.Struct({ commit: Schema.Literal(true) })
)

const decodeLine = Schema.decodeUnknownEither(Line, { onExcessProperty: "error" })

/** The operation of a line, or why there is none. `undefined`: the line is blank. */
export const parse = (
  bytes: Uint8Array,
  encoding: Encoding.Encoding
): Either.Either<TreeOperation | undefined, string> => {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    return Either.left("it is no UTF-8 text: write such keys and values as hex, and use --encoding hex")
  }
  if (/^[ \t]*$/.test(text)) return Either.right(undefined)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return Either.left(`it is no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  const line = decodeLine(value)
  if (Either.isLeft(line)) return Either.left(whyRefused(value))
  if (quotedTexts(text) !== quotedTextsOf(line.right)) return Either.left("a field is there twice")
  return toOperation(line.right, encoding)
}

const toOperation = (
  line: typeof Line.Type,
  encoding: Encoding.Encoding
): Either.Either<TreeOperation, string> => {
  if ("commit" in line) return Either.right({ _tag: "Commit" })
  const key = Either.flatMap(
    Either.mapLeft(
      Encoding.decode(encoding, "the key", "set" in line ? line.set : line.delete),
      ({ message }) => message
    ),
    checkKey
  )
  if ("delete" in line) return Either.map(key, (key) => ({ _tag: "Delete", key }))
  const value = Either.mapLeft(Encoding.decode(encoding, "the value", line.value), ({ message }) => message)
  return Either.flatMap(key, (key) => Either.map(value, (value) => ({ _tag: "Set", key, value })))
}

const checkKey = (key: Uint8Array): Either.Either<Uint8Array, string> => {
  if (key.length > keyBytesMax) {
    return Either.left(`the key has ${key.length} bytes: at most ${keyBytesMax} are allowed`)
  }
  // With one of these the directory would pass for a node's, and be refused from then on.
  return isReserved(key)
    ? Either.left("the key begins with a zero byte and cairn/: such keys are a node's own")
    : Either.right(key)
}

const forms = '{"set":"<key>","value":"<value>"}, {"delete":"<key>"} or {"commit":true} is expected'
const operations = ["set", "delete", "commit"]

/** In a user's words; the Schema knows only that no form fits. */
const whyRefused = (value: unknown): string => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return `it is no object: ${forms}`
  const names = Object.keys(value)
  const found = operations.filter((name) => names.includes(name))
  if (found.length > 1) return `${found.join(" and ")} in one line: one operation a line`
  if (found.length === 0) return `it says neither set, delete nor commit: ${forms}`
  const known = found[0] === "set" ? ["set", "value"] : found
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) return `field ${Encoding.excerpt(unknown)} has no meaning here: ${forms}`
  const missing = known.find((name) => !names.includes(name))
  if (missing !== undefined) return `field ${missing} is missing: ${forms}`
  return found[0] === "commit" ? "commit can only be true" : `${known.join(" and ")} must be text: ${forms}`
}

/** `JSON.parse` keeps the last of several fields of one name without a word; the number of texts gives them away. */
const quotedTexts = (text: string): number => {
  let count = 0
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) {
    count++
    at = endOfText(text, at)
  }
  return count
}

/** Where the text that begins at `at` has its closing quote. The whole is known to be JSON. */
const endOfText = (text: string, at: number): number => {
  for (let end = text.indexOf('"', at + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text[end - 1 - backslashes] === "\\") backslashes++
    if (backslashes % 2 === 0) return end
  }
}

const quotedTextsOf = (line: typeof Line.Type): number => ("set" in line ? 4 : "delete" in line ? 2 : 1)

// A mark at the start of the input is dropped by whoever reads it; elsewhere it is no JSON.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
