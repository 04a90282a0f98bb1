import * as Command from "@effect/cli/Command"
import * as CliOptions from "@effect/cli/Options"
import { Effect } from "effect"
import * as Options from "./Options.ts"

/** `cairn state`: what a database holds, also beside a running node. */

const place = { dataDir: Options.dataDir, at: Options.at, json: Options.json }

const load = Effect.promise(() => import("./state/read.ts"))

const root = Command.make("root", place, (options) => Effect.flatMap(load, ({ root }) => root(options))).pipe(
  Command.withDescription("Prints the state's root hash.")
)

const get = Command.make("get", { ...place, encoding: Options.encoding, key: Options.key }, (options) =>
  Effect.flatMap(load, ({ get }) => get(options))
).pipe(Command.withDescription("Prints the value of a key; fails where it is absent."))

const list = Command.make(
  "list",
  {
    ...place,
    encoding: Options.encoding,
    prefix: CliOptions.optional(Options.text("prefix", "KEY", "Only keys that begin so.")),
    from: CliOptions.optional(
      Options.text("from", "KEY", "First key; with --reverse the last. It need not be there.")
    ),
    limit: CliOptions.optional(Options.integer("limit", "N", "At most so many entries.", 0)),
    reverse: Options.flag("reverse", "From the last key to the first.")
  },
  (options) => Effect.flatMap(load, ({ list }) => list(options))
).pipe(Command.withDescription("Lists keys and values in key order."))

const prove = Command.make(
  "prove",
  {
    ...place,
    encoding: Options.encoding,
    key: Options.key,
    proofVersion: CliOptions.choiceWithValue("proof-version", [
      ["0", 0 as const],
      ["1", 1 as const]
    ]).pipe(
      CliOptions.withDescription("1: without the values of other keys that lie on the way."),
      CliOptions.withDefault(0 as const)
    ),
    siblings: Options.flag("siblings", "Show the top nodes beside the way, too.")
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./state/prove.ts")),
      ({ prove }) => prove(options)
    )
).pipe(Command.withDescription("Proves the value of a key, or its absence, for cairn proof verify."))

const verify = Command.make("verify", place, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./state/verify.ts")),
    ({ verify }) => verify(options)
  )
).pipe(Command.withDescription("Reads every page, recomputes every hash, and names damaged pages."))

export const commands = [root, get, list, prove, verify] as const

export const state = Command.make("state").pipe(
  Command.withDescription("The state of a version: roots, values, proofs."),
  Command.withSubcommands(commands)
)
