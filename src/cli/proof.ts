import * as Command from "@effect/cli/Command"
import * as CliOptions from "@effect/cli/Options"
import { Effect } from "effect"
import * as Options from "./Options.ts"

/** `cairn proof`: proofs checked without a database. */

const verify = Command.make(
  "verify",
  {
    root: Options.rootHash("The root hash you trust."),
    key: CliOptions.optional(
      Options.text(
        "key",
        "KEY",
        "The key; by default the one in the file. Needed where that is a proof alone."
      )
    ),
    encoding: Options.encoding,
    json: Options.json,
    file: Options.argument(
      "FILE",
      "What cairn state prove --json printed, or the proof's CBOR, plain or in hex; - is stdin."
    )
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./proof/verify.ts")),
      ({ verify }) => verify(options)
    )
).pipe(
  Command.withDescription("Tells what a proof proves about a key; fails unless it is present or absent.")
)

export const commands = [verify] as const

export const proof = Command.make("proof").pipe(
  Command.withDescription("Proofs."),
  Command.withSubcommands(commands)
)
