import { Effect, Option, Schema, Stream } from "effect"
import type { ReadableState, State, StateRefused } from "./State.ts"

/**
 * A part of the state with typed values: keys are text behind a common prefix, so that machines deal in names and
 * records, not in bytes. Two collections are apart when neither prefix begins with the other.
 */
export interface Collection<A> {
  /** The key in the tree: prefix and name in UTF-8. */
  readonly key: (name: string) => Uint8Array
  readonly get: (state: ReadableState, name: string) => Effect.Effect<Option.Option<A>>
  readonly has: (state: ReadableState, name: string) => Effect.Effect<boolean>
  readonly set: (state: State, name: string, value: A) => Effect.Effect<void, StateRefused>
  /** Deleting an absent name is no error. */
  readonly delete: (state: State, name: string) => Effect.Effect<void, StateRefused>
  /** Sets what `change` makes of the old value. */
  readonly update: (
    state: State,
    name: string,
    change: (old: Option.Option<A>) => A
  ) => Effect.Effect<void, StateRefused>
  /** In the order of the names' UTF-8. */
  readonly entries: (state: ReadableState) => Stream.Stream<readonly [name: string, value: A]>
}

/** Values as JSON of the Schema's encoded side. A stored value that does not decode is a defect: the machine wrote it. */
export const json = <A, I>(prefix: string, schema: Schema.Schema<A, I>): Collection<A> => {
  const parsed = Schema.parseJson(schema)
  const encode = Schema.encode(parsed)
  const decode = Schema.decode(parsed)
  return make(prefix, {
    encode: (value) => Effect.orDie(Effect.map(encode(value), toUtf8)),
    decode: (bytes) => Effect.orDie(Effect.flatMap(fromUtf8(bytes), (text) => decode(text)))
  })
}

/** Values as UTF-8. */
export const text = (prefix: string): Collection<string> =>
  make(prefix, { encode: (value) => Effect.sync(() => toUtf8(value)), decode: fromUtf8 })

/** Values as they are. */
export const bytes = (prefix: string): Collection<Uint8Array> =>
  make(prefix, { encode: Effect.succeed, decode: Effect.succeed })

interface ValueCodec<A> {
  readonly encode: (value: A) => Effect.Effect<Uint8Array>
  readonly decode: (bytes: Uint8Array) => Effect.Effect<A>
}

const make = <A>(prefix: string, codec: ValueCodec<A>): Collection<A> => {
  const key = (name: string) => toUtf8(prefix + name)
  const prefixBytes = toUtf8(prefix)
  const get: Collection<A>["get"] = (state, name) =>
    Effect.flatMap(
      state.get(key(name)),
      Option.match({
        onNone: () => Effect.succeedNone,
        onSome: (value) => Effect.asSome(codec.decode(value))
      })
    )
  const set: Collection<A>["set"] = (state, name, value) =>
    Effect.flatMap(codec.encode(value), (encoded) => state.set(key(name), encoded))
  return {
    key,
    get,
    has: (state, name) => state.has(key(name)),
    set,
    delete: (state, name) => state.delete(key(name)),
    update: (state, name, change) =>
      Effect.flatMap(get(state, name), (old) => Effect.suspend(() => set(state, name, change(old)))),
    entries: (state) =>
      state
        .iterate({ prefix: prefixBytes })
        .pipe(
          Stream.mapEffect(([key, value]) =>
            Effect.zip(fromUtf8(key.subarray(prefixBytes.length)), codec.decode(value))
          )
        )
  }
}

const utf8 = {
  encoder: new TextEncoder(),
  decoder: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
}

/** Dies for a lone surrogate: two different texts would become the same bytes. */
const toUtf8 = (text: string): Uint8Array => {
  if (/\p{Surrogate}/u.test(text))
    throw new TypeError(`no UTF-8 for a lone surrogate in ${JSON.stringify(text)}`)
  return utf8.encoder.encode(text)
}

const fromUtf8 = (bytes: Uint8Array): Effect.Effect<string> => Effect.sync(() => utf8.decoder.decode(bytes))
