import * as CliConfig from "@effect/cli/CliConfig"
import type { Teardown } from "@effect/platform/Runtime"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import { Cause, Effect, Either, Exit, Layer, LogLevel } from "effect"
import { type Arranged, arrange } from "./Arguments.ts"
import * as Cli from "./Cli.ts"
import { type CommandTree, config } from "./CommandTree.ts"
import { exitCode, report } from "./Failure.ts"
import * as Logging from "./Logging.ts"
import { flags } from "./Options.ts"
import * as Output from "./Output.ts"
import { version } from "./version.ts"

/** Runs the command line (the words after the program's name), and ends the process with its exit code. */
export const main = (argv: ReadonlyArray<string>): void => {
  const arranged = arrange(argv, Cli.commands, flags)
  const { dataDir, logLevel, path } = Either.getOrElse(arranged, () => unarranged)
  const program = Effect.flatMap(arranged, run).pipe(
    report({ debug: LogLevel.lessThanEqual(logLevel, LogLevel.Debug), dataDir, path }),
    Effect.provide(Logging.layer(logLevel))
  )
  NodeRuntime.runMain(program, {
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: teardown(path[0] === "start")
  })
}

const unarranged = { dataDir: undefined, logLevel: LogLevel.Info, path: [] }

const run = ({ args, instead, path }: Arranged) => {
  if (instead === "version") return Output.write(`${version}\n`)
  if (instead === "help") return Output.write(help(path))
  return Cli.run(["node", "cairn", ...path, ...args]).pipe(quietly, Effect.provide(services))
}

const help = (path: ReadonlyArray<string>): string => {
  const command = path.reduce<CommandTree | undefined>((tree, name) => tree?.child(name), Cli.commands)
  return `${command?.render(path)}\n\n${Cli.footer}`
}

/** What `@effect/cli` prints are its errors, which it also gives back: here each is reported once. */
const quietly = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.console, (console) =>
    Effect.withConsole(effect, { ...console, error: () => Effect.void })
  )

const services = Layer.mergeAll(
  NodeFileSystem.layer,
  NodePath.layer,
  NodeTerminal.layer,
  CliConfig.layer(config)
)

/** A node is stopped by a signal and has then done what it was asked to; anything else was cut short. */
const teardown = (isNode: boolean): Teardown => {
  let signal: number = exitCode.interrupted
  process.once("SIGTERM", () => {
    signal = exitCode.terminated
  })
  return (exit, end) => {
    if (Exit.isSuccess(exit)) return end(Number(exit.value))
    if (!Cause.isInterruptedOnly(exit.cause)) return end(exitCode.defect)
    end(isNode ? exitCode.done : signal)
  }
}
