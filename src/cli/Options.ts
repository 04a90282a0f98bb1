import * as Args from "@effect/cli/Args"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as CliOptions from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import { Duration, Either } from "effect"
import * as Bytes from "../mkvs/Bytes.ts"
import { hashBytes } from "../mkvs/Hasher.ts"
import { namespaceBytes } from "../mkvs/Root.ts"
import { encodings } from "./Encoding.ts"

/** The options and arguments that several commands share, and the forms of values. */

/** Names of the options that take no value; `Arguments.arrange` must tell them apart. */
export const flags = new Set<string>()

export const flag = (name: string, description: string): CliOptions.Options<boolean> => {
  flags.add(name)
  return CliOptions.boolean(name).pipe(CliOptions.withDescription(description))
}

export const text = (name: string, form: string, description: string): CliOptions.Options<string> =>
  CliOptions.text(name).pipe(CliOptions.withPseudoName(form), CliOptions.withDescription(description))

/** A text of which `read` makes a value, or says what is expected. */
const parsed = <A>(
  name: string,
  form: string,
  description: string,
  read: (text: string) => A | undefined,
  expected: string
): CliOptions.Options<A> =>
  text(name, form, description).pipe(
    CliOptions.mapEffect((given) => {
      const value = read(given)
      return value === undefined
        ? Either.left(invalid(`--${name} ${JSON.stringify(given)}: ${expected} is expected`))
        : Either.right(value)
    })
  )

const invalid = (reason: string) => ValidationError.invalidValue(HelpDoc.p(reason))

export const path = (name: string, form: string, description: string): CliOptions.Options<string> =>
  parsed(name, form, description, (given) => (given === "" ? undefined : given), "a path")

/** A whole number of 64 bits, such as a version. */
export const natural = (name: string, form: string, description: string): CliOptions.Options<bigint> =>
  parsed(name, form, description, readNatural, "a whole number from 0 to 2^64 - 1")

const readNatural = (given: string): bigint | undefined => {
  if (!/^[0-9]{1,20}$/.test(given)) return undefined
  const value = BigInt(given)
  return value < 2n ** 64n ? value : undefined
}

export const integer = (
  name: string,
  form: string,
  description: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER
): CliOptions.Options<number> => {
  const read = (given: string) => {
    const value = readNatural(given)
    return value === undefined || value < least || value > most ? undefined : Number(value)
  }
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`
  return parsed(name, form, description, read, `a whole number, ${range},`)
}

const hex = (name: string, description: string, bytes: number): CliOptions.Options<Uint8Array> => {
  const read = (given: string) => {
    const value = Bytes.fromHex(given)
    return value?.length === bytes ? value : undefined
  }
  return parsed(name, "HEX", description, read, `${2 * bytes} hex digits`)
}

/** Such as `500ms`, `2s`, `1m`. */
export const duration = (name: string, description: string): CliOptions.Options<Duration.Duration> =>
  parsed(name, "TIME", description, readDuration, "a time such as 500ms, 2s or 1m")

const readDuration = (given: string): Duration.Duration | undefined => {
  const [, digits, unit] = /^([0-9]{1,9})(ms|s|m)$/.exec(given) ?? []
  if (digits === undefined || digits === "0") return undefined
  return unit === "ms"
    ? Duration.millis(Number(digits))
    : unit === "s"
      ? Duration.seconds(Number(digits))
      : Duration.minutes(Number(digits))
}

export const dataDir = path("data-dir", "DIR", "Directory of the database.")

export const json = flag("json", "Results as JSON lines.")

/** `None`: the latest. */
export const at = CliOptions.optional(
  natural("at", "VERSION", "Version of the state; by default the latest finalised one.")
)

export const encoding = CliOptions.choice("encoding", encodings).pipe(
  CliOptions.withDescription(
    "How keys and values are written, on the command line, in input and in results."
  ),
  CliOptions.withDefault("utf8" as const)
)

export const key = text("key", "KEY", "The key, which may be empty.")

export const namespace = CliOptions.optional(
  hex("namespace", "Namespace of a new database; one that exists must have it.", namespaceBytes)
)

export const rootHash = (description: string): CliOptions.Options<Uint8Array> =>
  hex("root", description, hashBytes)

/** An argument. `form` is its name in the help. */
export const argument = (form: string, description: string): Args.Args<string> =>
  Args.text({ name: form }).pipe(
    Args.withDescription(description),
    Args.mapEffect((given) =>
      given === "" ? Either.left(HelpDoc.p(`${form} is empty: a path is expected`)) : Either.right(given)
    )
  )
