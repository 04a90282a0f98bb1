import { type Chunk, Effect, Either, Option, Schema, Stream } from "effect"
import * as Bytes from "../../mkvs/Bytes.ts"
import type { Entry } from "../../mkvs/Tree.ts"
import * as State from "../../node/State.ts"
import * as StateStorage from "../../node/StateStorage.ts"
import { NodeDatabase } from "../../storage/NodeDatabase.ts"
import * as DataDirectory from "../DataDirectory.ts"
import * as Encoding from "../Encoding.ts"
import * as Output from "../Output.ts"

export interface Place {
  readonly dataDir: string
  readonly at: Option.Option<bigint>
  readonly json: boolean
}

export interface KeyPlace extends Place {
  readonly encoding: Encoding.Encoding
  readonly key: string
}

/** The state has no such key. */
export class KeyAbsent extends Schema.TaggedError<KeyAbsent>()("KeyAbsent", {
  /** As given on the command line. */
  key: Schema.String,
  version: Schema.BigIntFromSelf
}) {
  override get message() {
    return `key ${Encoding.excerpt(this.key)} is not in the state of version ${this.version}`
  }
}

export const root = ({ dataDir, at, json }: Place) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const root = yield* DataDirectory.stateRoot(database, at)
    const keys = yield* database.read(root, (state) => state.keys)
    const hash = Bytes.toHex(root.hash)
    yield* Output.result(json, {
      json: () => ({ version: root.version, root: hash, keys }),
      human: () => hash
    })
  }).pipe(Effect.provide(DataDirectory.reading(dataDir)))

/** The key as bytes, its value (`undefined`: absent), and the root they are read from. */
export const get = ({ dataDir, at, json, encoding, key }: KeyPlace) =>
  Effect.gen(function* () {
    const bytes = yield* Encoding.decode(encoding, "--key", key)
    const database = yield* NodeDatabase
    const root = yield* DataDirectory.stateRoot(database, at)
    const { version } = root
    const found = yield* database.read(root, (state) => copyOf(state.get(bytes)))
    const value = found === undefined ? null : yield* Encoding.encode(encoding, "value", found)
    if (value !== null || json) {
      yield* Output.result(json, {
        json: () => ({ version, root: Bytes.toHex(root.hash), key: encodedKey(encoding, bytes), value }),
        human: () => (process.stdout.isTTY === true ? Encoding.harmless(value ?? "") : (value ?? ""))
      })
    }
    if (value === null) return yield* new KeyAbsent({ key, version })
  }).pipe(Effect.provide(DataDirectory.reading(dataDir)))

/** A key that was given as text in this encoding; hex comes out in lower case. */
export const encodedKey = (encoding: Encoding.Encoding, key: Uint8Array): string =>
  Either.getOrThrow(Encoding.encode(encoding, "key", key))

export const copyOf = (bytes: Uint8Array | undefined): Uint8Array | undefined => bytes && Bytes.copy(bytes)

export interface ListOptions extends Place {
  readonly encoding: Encoding.Encoding
  readonly prefix: Option.Option<string>
  readonly from: Option.Option<string>
  readonly limit: Option.Option<number>
  readonly reverse: boolean
}

export const list = (options: ListOptions) =>
  Effect.gen(function* () {
    const { encoding, json, reverse } = options
    const prefix = yield* decodeOption(encoding, "--prefix", options.prefix)
    const from = yield* decodeOption(encoding, "--from", options.from)
    const database = yield* NodeDatabase
    const root = yield* DataDirectory.pinnedRoot(database, options.at)
    const entries = StateStorage.make(database).entries({ prefix, from, reverse }, root.version)
    // A node's own records are no text: they are shown to who asks for them, by prefix or as hex.
    const shown =
      encoding === "utf8" && prefix === undefined
        ? Stream.filter(entries, ([key]) => !State.isReserved(key))
        : entries
    const wanted = Option.match(options.limit, {
      onNone: () => shown,
      onSome: (limit) => Stream.take(shown, limit)
    })
    yield* Stream.runForEachChunk(wanted, (chunk) => writeEntries(encoding, json, chunk))
  }).pipe(Effect.scoped, Effect.provide(DataDirectory.reading(options.dataDir)))

const decodeOption = (encoding: Encoding.Encoding, what: string, text: Option.Option<string>) =>
  Option.match(text, {
    onNone: () => Either.right(undefined),
    onSome: (given) => Encoding.decode(encoding, what, given)
  })

/** Up to an entry that cannot be shown, all are. */
const writeEntries = (encoding: Encoding.Encoding, json: boolean, entries: Chunk.Chunk<Entry>) =>
  Effect.gen(function* () {
    const results: Array<Output.Result> = []
    for (const [keyBytes, valueBytes] of entries) {
      const key = Encoding.encode(encoding, "key", keyBytes)
      const value = Either.flatMap(key, (key) =>
        Encoding.encode(encoding, `value of ${Encoding.excerpt(key)}`, valueBytes)
      )
      if (Either.isLeft(key) || Either.isLeft(value)) {
        yield* Output.results(json, results)
        return yield* Either.all([key, value])
      }
      results.push({
        json: () => ({ key: key.right, value: value.right }),
        human: () => `${Encoding.harmless(key.right)}\t${Encoding.harmless(value.right)}`
      })
    }
    yield* Output.results(json, results)
  })
