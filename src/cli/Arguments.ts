import { Either, LogLevel, Schema } from "effect"

/** The command line cannot be understood. Nothing was done. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", {
  reason: Schema.String,
  /** Words of the command whose help explains more. */
  path: Schema.Array(Schema.String)
}) {
  override get message() {
    return `${this.reason} (see ${["cairn", ...this.path].join(" ")} --help)`
  }
}

/** The commands there are. */
export interface Commands {
  /** `undefined` where there is no such command. */
  readonly child: (name: string) => Commands | undefined
  /** None for a command that can be run; a group's are its commands. */
  readonly names: ReadonlyArray<string>
  /** Names of the options of a command that can be run. */
  readonly options: ReadonlyArray<string>
}

export interface Arranged {
  /** Words that name the command. */
  readonly path: ReadonlyArray<string>
  /** Everything else, in the one order that `@effect/cli` reads: options, then `--`, then arguments. */
  readonly args: ReadonlyArray<string>
  /** The value of `--data-dir`, for messages. */
  readonly dataDir: string | undefined
  readonly logLevel: LogLevel.LogLevel
  /** What is wanted instead of the command. */
  readonly instead: "help" | "version" | undefined
}

/**
 * Puts a command line into the order that `@effect/cli` reads. By itself that takes an argument `-` for an option,
 * finds no options behind arguments, knows `--log-level` and `--help` in the first place only, and takes `--key=` for
 * an option without a value. Of an option that is there twice the last one counts, so that scripts can be overridden.
 *
 * `flags`: names of options that take no value.
 */
export const arrange = (
  argv: ReadonlyArray<string>,
  commands: Commands,
  flags: ReadonlySet<string>
): Either.Either<Arranged, UsageError> => {
  const reading = new Reading(commands, flags)
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === "--") {
      reading.args.push(...argv.slice(i + 1))
      break
    }
    const taken = reading.take(word, argv[i + 1])
    if (Either.isLeft(taken)) return Either.left(taken.left)
    if (taken.right) i++
  }
  return reading.finish()
}

class Reading {
  readonly args: Array<string> = []
  readonly #path: Array<string> = []
  readonly #options = new Map<string, ReadonlyArray<string>>()
  readonly #flags: ReadonlySet<string>
  #commands: Commands
  #dataDir: string | undefined
  #logLevel: LogLevel.LogLevel = LogLevel.Info
  #instead: Arranged["instead"]

  constructor(commands: Commands, flags: ReadonlySet<string>) {
    this.#commands = commands
    this.#flags = flags
  }

  /** Takes one word; `true` where the next one belongs to it. */
  take(word: string, next: string | undefined): Either.Either<boolean, UsageError> {
    if (word === "-h") return this.#option("help", undefined, undefined)
    if (word.startsWith("--")) {
      const [name, ...value] = word.slice(2).split("=")
      return this.#option(name!, value.length > 0 ? value.join("=") : undefined, next)
    }
    if (word.startsWith("-") && word !== "-") {
      return this.#refuse(`unknown option ${word}; put -- before names that begin with -`)
    }
    if (this.#commands.names.length === 0) {
      this.args.push(word)
      return Either.right(false)
    }
    const command = this.#commands.child(word)
    if (command === undefined) {
      return this.#refuse(`there is no command ${JSON.stringify(word)}: ${this.#choice()}`)
    }
    this.#path.push(word)
    this.#commands = command
    return Either.right(false)
  }

  finish(): Either.Either<Arranged, UsageError> {
    const isGroup = this.#commands.names.length > 0
    if (isGroup && this.#path.length > 0 && this.#instead === undefined) {
      return this.#refuse(`a command is missing: ${this.#choice()}`)
    }
    const unknown = [...this.#options.keys()].find((name) => !this.#commands.options.includes(name))
    if (unknown !== undefined && this.#instead === undefined) return this.#refuseOption(unknown)
    return Either.right({
      path: this.#path,
      args: [...[...this.#options.values()].flat(), ...(this.args.length === 0 ? [] : ["--", ...this.args])],
      dataDir: this.#dataDir,
      logLevel: this.#logLevel,
      instead: this.#instead ?? (isGroup ? "help" : undefined)
    })
  }

  #option(
    name: string,
    given: string | undefined,
    next: string | undefined
  ): Either.Either<boolean, UsageError> {
    const isInstead = name === "help" || name === "version"
    if (isInstead || this.#flags.has(name)) {
      if (given !== undefined) return this.#refuse(`--${name} takes no value`)
      if (isInstead) this.#instead ??= name
      else this.#options.set(name, [`--${name}`])
      return Either.right(false)
    }
    const value = given ?? next
    if (value === undefined) {
      const isKnown = name === "log-level" || this.#commands.options.includes(name)
      return isKnown ? this.#refuse(`--${name} takes a value`) : this.#refuseOption(name)
    }
    if (name === "log-level") return Either.map(this.#setLogLevel(value), () => given === undefined)
    if (name === "data-dir") this.#dataDir = value
    this.#options.set(name, [`--${name}`, value])
    return Either.right(given === undefined)
  }

  #setLogLevel(value: string): Either.Either<void, UsageError> {
    const level = logLevels.get(value)
    if (level === undefined) {
      return this.#refuse(`--log-level ${JSON.stringify(value)}: one of ${[...logLevels.keys()].join(", ")}`)
    }
    this.#logLevel = level
    return Either.right(undefined)
  }

  #choice(): string {
    return `one of ${this.#commands.names.join(", ")}`
  }

  #refuseOption(name: string): Either.Either<never, UsageError> {
    const known = this.#commands.options.map((option) => `--${option}`).join(", ")
    return this.#refuse(`there is no option --${name} here${known === "" ? "" : `: one of ${known}`}`)
  }

  #refuse(reason: string): Either.Either<never, UsageError> {
    return Either.left(new UsageError({ reason, path: this.#path }))
  }
}

const logLevels = new Map<string, LogLevel.LogLevel>([
  ["all", LogLevel.All],
  ["trace", LogLevel.Trace],
  ["debug", LogLevel.Debug],
  ["info", LogLevel.Info],
  ["warning", LogLevel.Warning],
  ["error", LogLevel.Error],
  ["fatal", LogLevel.Fatal],
  ["none", LogLevel.None]
])
