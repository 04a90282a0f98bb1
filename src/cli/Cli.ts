import * as Command from "@effect/cli/Command"
import { CommandTree } from "./CommandTree.ts"
import * as Checkpoint from "./checkpoint.ts"
import { exitCode } from "./Failure.ts"
import * as Proof from "./proof.ts"
import { start } from "./start.ts"
import * as State from "./state.ts"
import * as Tree from "./tree.ts"
import { version } from "./version.ts"

/** The whole command line. Groups say what there is; what a command does is loaded when it runs. */
const cairn = Command.make("cairn").pipe(
  Command.withDescription("Ordered state machines over an authenticated, versioned state tree."),
  Command.withSubcommands([start, Tree.tree, State.state, Proof.proof, Checkpoint.checkpoint])
)

const notes = [
  "Results go to stdout, with --json as one JSON value a line; progress, logs and errors go to stderr.",
  "--log-level LEVEL, anywhere: all, trace, debug, info (default), warning, error, fatal or none; debug adds stack traces to errors.",
  `Exit codes: ${exitCode.done} done; ${exitCode.failed} an expected failure, told in one line; ${exitCode.usage} a command line that makes no sense; ${exitCode.defect} a defect of this program; ${exitCode.interrupted} and ${exitCode.terminated} ended by SIGINT and SIGTERM, of which start makes ${exitCode.done}.`
]

/** Below every help. */
export const footer = notes.map((note) => `${note}\n`).join("")

export const run = Command.run(cairn, { name: "Cairn", version, executable: "cairn" })

export const commands = new CommandTree(cairn, [
  new CommandTree(start),
  new CommandTree(
    Tree.tree,
    Tree.commands.map((command) => new CommandTree(command))
  ),
  new CommandTree(
    State.state,
    State.commands.map((command) => new CommandTree(command))
  ),
  new CommandTree(
    Proof.proof,
    Proof.commands.map((command) => new CommandTree(command))
  ),
  new CommandTree(
    Checkpoint.checkpoint,
    Checkpoint.commands.map((command) => new CommandTree(command))
  )
])
