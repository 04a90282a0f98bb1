import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck, LogLevel } from "effect"
import { arrange } from "../../src/cli/Arguments.ts"
import { commands } from "../../src/cli/Cli.ts"
import { flags } from "../../src/cli/Options.ts"

const read = (...argv: ReadonlyArray<string>) => arrange(argv, commands, flags)
const arranged = (...argv: ReadonlyArray<string>) => Either.getOrThrow(read(...argv))
const reasonOf = (...argv: ReadonlyArray<string>) => Either.getOrThrow(Either.flip(read(...argv))).message

describe("Arguments", () => {
  it("puts options before arguments, wherever they were", () => {
    const expected = { path: ["proof", "verify"], args: ["--root", "aa", "--json", "--", "-"] }
    expect(arranged("proof", "verify", "-", "--root", "aa", "--json")).toMatchObject(expected)
    expect(arranged("proof", "verify", "--root=aa", "-", "--json")).toMatchObject(expected)
    expect(arranged("proof", "verify", "--root", "aa", "--json", "--", "-")).toMatchObject(expected)
  })

  it("takes any text as the value of an option, also the empty one", () => {
    expect(arranged("state", "get", "--key=", "--data-dir", "d").args).toEqual([
      "--key",
      "",
      "--data-dir",
      "d"
    ])
    expect(arranged("state", "get", "--key", "--json").args).toEqual(["--key", "--json"])
    expect(arranged("state", "get", "--key=a=b").args).toEqual(["--key", "a=b"])
  })

  it("of an option that is there twice the last one counts", () => {
    const { args, dataDir } = arranged("state", "root", "--data-dir", "a", "--json", "--data-dir=b", "--json")
    expect(args).toEqual(["--data-dir", "b", "--json"])
    expect(dataDir).toBe("b")
  })

  it("finds --log-level, --help and --data-dir anywhere", () => {
    expect(arranged("state", "root", "--log-level", "debug").logLevel).toBe(LogLevel.Debug)
    expect(arranged("--log-level=none", "state", "root").logLevel).toBe(LogLevel.None)
    expect(arranged("state", "get", "--key", "k", "-h").instead).toBe("help")
    expect(arranged("state", "--help")).toMatchObject({ path: ["state"], instead: "help" })
    expect(arranged("state", "root", "--version").instead).toBe("version")
    expect(arranged("state", "root", "--data-dir", "d").dataDir).toBe("d")
    expect(arranged().instead).toBe("help")
  })

  it.each([
    [["frob"], 'no command "frob": one of start, tree, state, proof, checkpoint'],
    [["constructor"], 'no command "constructor"'],
    [["state", "frob"], "one of root, get, list, prove, verify (see cairn state --help)"],
    [["state"], "a command is missing"],
    [["state", "get", "-k"], "unknown option -k"],
    [["state", "get", "--key"], "--key takes a value"],
    [
      ["state", "get", "--from", "a", "--key", "b"],
      "no option --from here: one of --data-dir, --at, --json, --encoding, --key"
    ],
    [["state", "get", "--bad"], "no option --bad here"],
    [["--bad"], "no option --bad here"],
    [["state", "get", "--json=yes"], "--json takes no value"],
    [["state", "get", "--log-level", "loud"], "one of all, trace, debug"]
  ])("%j is refused", (argv, reason) => {
    expect(reasonOf(...argv)).toContain(reason)
  })

  it.prop("any words are arranged or refused", [FastCheck.array(FastCheck.string())], ([words]) => {
    const result = read("proof", "verify", ...words)
    if (Either.isRight(result)) expect(result.right.path).toEqual(["proof", "verify"])
    else expect(result.left.message).toContain("see cairn proof verify --help")
  })
})
