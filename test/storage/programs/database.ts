import { createInterface } from "node:readline"
import { Effect, Exit, Option, Scope, Stream } from "effect"
import { emptyRoot, type Root, rootType } from "../../../src/mkvs/Root.ts"
import { NodeDatabase } from "../../../src/storage/NodeDatabase.ts"

/**
 * A process that has a database open: `database.mjs DIRECTORY [read-only]`. Does what lines of JSON on stdin ask for,
 * and answers each with one line. An expected failure is an answer; anything else ends the process.
 */

export type Command =
  /** Commits and finalises the next version; `bytes`: with so many more bytes of it. */
  | { readonly do: "advance"; readonly writes: Readonly<Record<string, string>>; readonly bytes?: number }
  /** The latest version and its entries but the large ones; hashes of the latter are checked. */
  | { readonly do: "look" }
  | { readonly do: "pin" | "prune"; readonly version: number }
  | { readonly do: "unpin" }
  | { readonly do: "records"; readonly bytes: number }

const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

const latestRoot = (database: NodeDatabase.Service) =>
  Effect.flatMap(database.latestVersion, (version) =>
    Option.isNone(version)
      ? Effect.succeed(emptyRoot(database.namespace, 0n, rootType.state))
      : Effect.map(database.rootsForVersion(version.value), (roots): Root => roots[0]!)
  )

const advance = (database: NodeDatabase.Service, command: Command & { readonly do: "advance" }) =>
  Effect.gen(function* () {
    const old = yield* latestRoot(database)
    const batch = yield* database.newBatch(old, old.version + 1n)
    for (const [key, value] of Object.entries(command.writes)) batch.insert(text(key), text(value))
    for (let i = 0; i < (command.bytes ?? 0); i += 1000) {
      batch.insert(text(`large/${old.version}/${i}`), new Uint8Array(1000).fill(i % 251))
    }
    const { root } = yield* batch.commit
    yield* database.finalize([root])
    return { version: Number(root.version) }
  }).pipe(Effect.scoped)

const look = (database: NodeDatabase.Service) =>
  Effect.gen(function* () {
    const root = yield* latestRoot(database)
    if (root.version === 0n) return { version: 0, content: {} }
    const { keys } = yield* database.verify(root)
    const content = yield* database.read(root, (snapshot) =>
      Object.fromEntries(
        Array.from(snapshot.iterate(), ([key, value]) => [
          Buffer.from(key).toString(),
          Buffer.from(value).toString()
        ]).filter(([key]) => !key?.startsWith("large/"))
      )
    )
    return { version: Number(root.version), keys, content }
  })

const obey = (database: NodeDatabase.Service) => {
  let pins = Effect.runSync(Scope.make())
  return (command: Command): Effect.Effect<object, { readonly _tag: string; readonly message: string }> => {
    switch (command.do) {
      case "advance":
        return advance(database, command)
      case "look":
        return look(database)
      case "pin":
        return Effect.as(Scope.extend(database.pin(BigInt(command.version)), pins), {
          pinned: command.version
        })
      case "unpin":
        return Effect.gen(function* () {
          yield* Scope.close(pins, Exit.void)
          pins = yield* Scope.make()
          return { pinned: null }
        })
      case "prune":
        return Effect.as(database.prune(BigInt(command.version)), { pruned: command.version })
      case "records": {
        const value = new Uint8Array(command.bytes).fill(1)
        return Effect.as(database.records.write([{ table: "large", key: text("k"), value }]), {
          written: command.bytes
        })
      }
    }
  }
}

const [directory = "", access] = process.argv.slice(2)

const failed = (error: unknown) => {
  const { _tag, message } =
    typeof error === "object" && error !== null && "_tag" in error && "message" in error
      ? error
      : { _tag: "unknown", message: String(error) }
  return Effect.sync(() => say({ error: _tag, message }))
}

const serve = Effect.gen(function* () {
  const answer = obey(yield* NodeDatabase)
  say({ open: true })
  const lines = Stream.fromAsyncIterable(createInterface({ input: process.stdin }), (error) => error)
  yield* Stream.runForEach(lines, (line) =>
    // The test that started this process wrote the line as a `Command`.
    Effect.matchEffect(answer(JSON.parse(line) as Command), {
      onFailure: failed,
      onSuccess: (result) => Effect.sync(() => say(result))
    })
  )
})

Effect.runPromise(
  serve.pipe(
    Effect.provide(NodeDatabase.layerLmdb({ directory, readOnly: access === "read-only" })),
    Effect.catchAll(failed)
  )
)
