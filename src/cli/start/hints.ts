import { Effect, Either, Option, Stream } from "effect"
import { toHex } from "../../mkvs/Bytes.ts"
import { isReserved } from "../../node/State.ts"
import type { StateStorage } from "../../node/StateStorage.ts"
import * as Encoding from "../Encoding.ts"

export const withoutFeed =
  "this machine has no feed, so no blocks will come by themselves; Ctrl-C stops the node\n"

/** What can be tried next, as commands that work as they stand. */
export const afterFeed = (states: StateStorage.Service, dataDir: string) =>
  Effect.gen(function* () {
    const root = yield* states.root()
    const key = yield* firstKey(states)
    const dir = quoted(dataDir)
    const aboutKey = Option.match(key, {
      onNone: () => [],
      onSome: (key) => [
        `cairn state get --data-dir ${dir} --key ${quoted(key)}`,
        `cairn state prove --data-dir ${dir} --key ${quoted(key)} --json > proof.json`,
        `cairn proof verify proof.json --root ${toHex(root.hash)}`
      ]
    })
    const commands = [
      ...aboutKey,
      `cairn checkpoint create --data-dir ${dir} --out backup`,
      "cairn checkpoint restore backup --data-dir restored",
      "cairn state root --data-dir restored"
    ]
    const lines = commands.map((command) => `  npx ${command}\n`)
    return `The node stays up; Ctrl-C stops it. In another terminal, try:\n${lines.join("")}`
  })

/** The first key of the machine's own that is text. */
const firstKey = (states: StateStorage.Service) =>
  states.entries().pipe(
    Stream.filterMap(([key]) =>
      isReserved(key) ? Option.none() : Either.getRight(Encoding.encode("utf8", "key", key))
    ),
    Stream.filter((key) => Encoding.harmless(key) === key),
    Stream.runHead
  )

/** As one word for a shell. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
