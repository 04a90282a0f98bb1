import * as Command from "@effect/cli/Command"
import * as CliOptions from "@effect/cli/Options"
import { Effect } from "effect"
import * as Options from "./Options.ts"

/** `cairn checkpoint`: portable, proved copies of one version. */

const create = Command.make(
  "create",
  {
    dataDir: Options.dataDir,
    at: Options.at,
    chunkSize: Options.integer("chunk-size", "N", "Bytes in a chunk, about.", 0).pipe(
      CliOptions.withDefault(8 * 1024 * 1024)
    ),
    threads: Options.integer(
      "threads",
      "N",
      "Parts of the tree that are chunked at the same time.",
      0,
      0xffff
    ).pipe(CliOptions.withDefault(0)),
    out: Options.path("out", "DIR", "Where it goes, as VERSION/ROOT; created where absent."),
    json: Options.json
  },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./checkpoint/create.ts")),
      ({ create }) => create(options)
    )
).pipe(Command.withDescription("Makes a checkpoint of the state, also beside a running node."))

const directory = Options.argument(
  "DIR",
  "A directory of checkpoints, as given to create --out, or that of one checkpoint."
)

const load = Effect.promise(() => import("./checkpoint/directory.ts"))

const list = Command.make("list", { json: Options.json, directory }, (options) =>
  Effect.flatMap(load, ({ list }) => list(options))
).pipe(Command.withDescription("Lists the finished checkpoints."))

const show = Command.make("show", { json: Options.json, directory }, (options) =>
  Effect.flatMap(load, ({ show }) => show(options))
).pipe(Command.withDescription("Shows all that checkpoints say about themselves, unchecked."))

const remove = Command.make("delete", { json: Options.json, directory }, (options) =>
  Effect.flatMap(load, ({ remove }) => remove(options))
).pipe(Command.withDescription("Deletes one checkpoint, also a damaged one."))

const rootHash = CliOptions.optional(Options.rootHash("Refuse checkpoints of any other root."))

const verify = Command.make("verify", { root: rootHash, json: Options.json, directory }, (options) =>
  Effect.flatMap(
    Effect.promise(() => import("./checkpoint/verify.ts")),
    ({ verify }) => verify(options)
  )
).pipe(
  Command.withDescription("Checks every digest, every hash, and that nothing is missing; needs no database.")
)

const restore = Command.make(
  "restore",
  { dataDir: Options.dataDir, root: rootHash, json: Options.json, directory },
  (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./checkpoint/restore.ts")),
      ({ restore }) => restore(options)
    )
).pipe(
  Command.withDescription(
    "Restores one checkpoint into a new data directory; run again after an interruption it goes on."
  )
)

export const commands = [create, list, show, verify, remove, restore] as const

export const checkpoint = Command.make("checkpoint").pipe(
  Command.withDescription("Checkpoints: portable, proved copies of one version."),
  Command.withSubcommands(commands)
)
