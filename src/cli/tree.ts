import * as Command from "@effect/cli/Command"
import { Effect } from "effect"
import * as Options from "./Options.ts"

/** `cairn tree`: bare trees, without a node. */

const apply = Command.make(
  "apply",
  {
    dataDir: Options.dataDir,
    namespace: Options.namespace,
    encoding: Options.encoding,
    json: Options.json,
    file: Options.argument(
      "FILE",
      'Lines {"set":"<key>","value":"<value>"}, {"delete":"<key>"} and {"commit":true}; - is stdin.'
    )
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./tree/apply.ts")),
      ({ apply }) => apply(options)
    )
).pipe(
  Command.withDescription(
    "Makes versions of a bare tree from JSON lines; the directory is created where absent."
  )
)

export const commands = [apply] as const

export const tree = Command.make("tree").pipe(
  Command.withDescription("Bare trees."),
  Command.withSubcommands(commands)
)
