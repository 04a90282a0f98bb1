import * as CliConfig from "@effect/cli/CliConfig"
import * as CommandDescriptor from "@effect/cli/CommandDescriptor"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Usage from "@effect/cli/Usage"
import type { Commands } from "./Arguments.ts"

/** How `@effect/cli` reads a command line here: exactly. */
export const config: CliConfig.CliConfig = {
  ...CliConfig.defaultConfig,
  isCaseSensitive: true,
  showBuiltIns: false
}

/** A command, or a group of them, and what its help says. */
export class CommandTree implements Commands {
  readonly #descriptor: CommandDescriptor.Command<unknown>
  readonly #children: ReadonlyMap<string, CommandTree>

  /** `@effect/cli` does not tell what is below a group, so it is given here. */
  constructor({ descriptor }: Described, children: ReadonlyArray<CommandTree> = []) {
    this.#descriptor = descriptor
    this.#children = new Map(children.map((child) => [child.name, child]))
  }

  get name(): string {
    return [...CommandDescriptor.getNames(this.#descriptor)][0] ?? ""
  }

  child(name: string): CommandTree | undefined {
    return this.#children.get(name)
  }

  get names(): ReadonlyArray<string> {
    return [...this.#children.keys()]
  }

  get description(): string {
    return /^DESCRIPTION\n\n(.*)$/m.exec(this.#help)?.[1] ?? ""
  }

  /** Help under the full name. */
  render(path: ReadonlyArray<string>): string {
    const name = ["cairn", ...path].join(" ")
    if (this.#children.size === 0) {
      return `${name}${this.#usage.slice(this.name.length)}\n\n${tidy(this.#help)}`
    }
    const width = Math.max(...this.names.map((name) => name.length))
    const lines = Array.from(
      this.#children,
      ([name, { description }]) => `  ${name.padEnd(width)}  ${description}`
    )
    return [
      `${name} COMMAND …`,
      "",
      this.description,
      "",
      ...lines,
      "",
      `${name} COMMAND --help tells more.`
    ].join("\n")
  }

  get options(): ReadonlyArray<string> {
    return Array.from(this.#usage.matchAll(/--([a-z-]+)/g), ([, name]) => name!)
  }

  get #usage(): string {
    return textOf(Usage.getHelp(CommandDescriptor.getUsage(this.#descriptor))).trim()
  }

  get #help(): string {
    return textOf(CommandDescriptor.getHelp(this.#descriptor, config))
  }
}

interface Described {
  readonly descriptor: CommandDescriptor.Command<unknown>
}

/** As text without colours. */
export const textOf = (doc: HelpDoc.HelpDoc): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is control sequences that this removes
  HelpDoc.toAnsiText(doc).replace(/\u001b\[[0-9;]*m/g, "")

/** Without what the usage line says already, and each option together with its description. */
const tidy = (help: string): string =>
  help
    .trim()
    .replace(/^DESCRIPTION\n\n/, "")
    .split("\n\n")
    .filter((paragraph) => !saysNothing.has(paragraph.trim()))
    .join("\n\n")
    .replace(/\n\n {2}/g, "\n    ")

const saysNothing: ReadonlySet<string> = new Set([
  "A user-defined piece of text.",
  "A true or false value.",
  "One of the following: utf8, hex",
  "One of the following: 0, 1",
  "This setting is optional."
])
