import * as Command from "@effect/cli/Command"
import * as CliOptions from "@effect/cli/Options"
import { Effect } from "effect"
import * as Options from "./Options.ts"

/** `cairn start`: a node in the foreground. */

export const start = Command.make(
  "start",
  {
    machine: CliOptions.optional(
      Options.path(
        "machine",
        "MODULE",
        "Module that default-exports a StateMachine, as a path (./machine.js) or a package; by default KeyValue."
      )
    ),
    dataDir: Options.path("data-dir", "DIR", "Directory of the database; created where absent.").pipe(
      CliOptions.withDefault("data")
    ),
    namespace: Options.namespace,
    blockTransactions: Options.integer(
      "block-transactions",
      "N",
      "Transactions in a block, at most.",
      1
    ).pipe(CliOptions.withDefault(1000)),
    blockInterval: CliOptions.optional(
      Options.duration("block-interval", "The longest that a transaction waits for its block to fill up.")
    ),
    checkpointInterval: Options.natural(
      "checkpoint-interval",
      "N",
      "Versions between two checkpoints, which go to DATA-DIR/checkpoints; 0 makes none."
    ).pipe(CliOptions.withDefault(50n)),
    checkpointKeep: Options.integer("checkpoint-keep", "N", "Checkpoints kept.", 1).pipe(
      CliOptions.withDefault(3)
    ),
    retainVersions: CliOptions.optional(
      Options.integer("retain-versions", "N", "Versions of the state that are kept; by default all.", 1)
    ),
    json: Options.json
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./start/run.ts")),
      ({ run }) => run(options)
    )
).pipe(
  Command.withDescription("Runs a node until SIGINT or SIGTERM. Started again, it goes on where it was.")
)
