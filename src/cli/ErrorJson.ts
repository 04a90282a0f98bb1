import { Option } from "effect"
import { toHex } from "../mkvs/Bytes.ts"
import { describe } from "./Failure.ts"
import type { Json } from "./Json.ts"

/** An error as a part of a result: its tag, its fields (bytes in hex), and its message. */
export const of = (error: { readonly _tag: string; readonly message: string }): Json => {
  const fields = Object.entries(error).filter(([name]) => name !== "_tag" && !ofEveryError.has(name))
  return {
    _tag: error._tag,
    ...Object.fromEntries(fields.map(([name, value]) => [name, toJson(value)])),
    message: describe(error)
  }
}

/** What errors of the language carry. */
const ofEveryError: ReadonlySet<string> = new Set(["name", "message", "stack"])

const toJson = (value: unknown): Json => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value
  if (typeof value === "number" || typeof value === "bigint") return value
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(toJson)
  if (Option.isOption(value)) return Option.isSome(value) ? toJson(value.value) : null
  return describe(value)
}
