import { Effect, Option, Stream } from "effect"
import { keyBytesMax } from "../mkvs/Bits.ts"
import * as Bytes from "../mkvs/Bytes.ts"
import { KeyTooLong } from "../mkvs/MkvsError.ts"
import type { Entry, IterateOptions, Reader, Writer } from "../mkvs/Tree.ts"
import type { NodeDatabase } from "../storage/NodeDatabase.ts"
import { ReservedKey } from "./NodeError.ts"

/**
 * The state as a state machine sees it. Keys and values are byte strings of which the machine and the tree never share
 * a byte: buffers may be reused, results may be changed. Reads see the transaction's own writes.
 */
export interface ReadableState {
  /** `None` where the key is absent; an empty value is present. */
  readonly get: (key: Uint8Array) => Effect.Effect<Option.Option<Uint8Array>>
  readonly has: (key: Uint8Array) => Effect.Effect<boolean>
  /**
   * Entries in key order. The state may be changed meanwhile: each next entry is the next one of the state as it is
   * when it is asked for.
   */
  readonly iterate: (options?: IterateOptions) => Stream.Stream<Entry>
}

export interface State extends ReadableState {
  readonly set: (key: Uint8Array, value: Uint8Array) => Effect.Effect<void, StateRefused>
  /** Deleting an absent key is no error. */
  readonly delete: (key: Uint8Array) => Effect.Effect<void, StateRefused>
}

/** Why a write was refused. Nothing was changed; a machine may go on, or let its transaction fail with it. */
export type StateRefused = ReservedKey | KeyTooLong

/** Keys that begin so (a zero byte, then text) are the node's: machines read them and never write them. */
export const reservedPrefix = new TextEncoder().encode("\0cairn/")

export const reservedKey = (name: string): Uint8Array =>
  Bytes.concat(reservedPrefix, new TextEncoder().encode(name))

export const isReserved = (key: Uint8Array): boolean => Bytes.startsWith(key, reservedPrefix)

/** The state lent out for one piece of work. */
export interface Loan<S> {
  readonly state: S
  /** Ends the loan: using the state afterwards dies, because it would change some other transaction's work. */
  readonly end: () => void
  /**
   * What the tree below threw meanwhile, if anything. The machine saw it as a defect and may even have caught it, but
   * it is the medium's failure, not the machine's: whoever lent the state has to look here.
   */
  readonly thrown: () => Option.Option<unknown>
}

export const lendReadable = (reader: Reader): Loan<ReadableState> => {
  const access = new Access()
  return { state: readable(reader, access), end: () => access.end(), thrown: () => access.thrown }
}

export const lend = (writer: Writer): Loan<State> => {
  const access = new Access()
  const write = (key: Uint8Array, body: () => void) =>
    Effect.suspend(() => refusal(key) ?? Effect.succeed(access.write(body)))
  const state: State = {
    ...readable(writer, access),
    set: (key, value) => write(key, () => writer.insert(key, value)),
    delete: (key) => write(key, () => writer.remove(key))
  }
  return { state, end: () => access.end(), thrown: () => access.thrown }
}

/**
 * Ends the loan, and fails with what the tree below threw meanwhile. `attempt` knows the failures of the medium; what
 * else was thrown dies.
 */
export const settled = (
  loan: Loan<unknown>,
  attempt: NodeDatabase.Service["attempt"]
): Effect.Effect<void, NodeDatabase.ReadFailure> =>
  Effect.suspend(() => {
    loan.end()
    return Option.match(loan.thrown(), {
      onNone: () => Effect.void,
      onSome: (thrown) =>
        attempt((): void => {
          throw thrown
        })
    })
  }).pipe(
    // Keys are measured before they reach the tree.
    Effect.catchTag("KeyTooLong", Effect.die)
  )

class Access {
  thrown = Option.none<unknown>()
  /** Goes up with every write, so that iterations notice. */
  writes = 0
  private ended = false

  end(): void {
    this.ended = true
  }

  read<A>(body: () => A): A {
    if (this.ended) throw new Error("the state was used after its transaction had ended")
    try {
      return body()
    } catch (cause) {
      this.thrown = Option.some(cause)
      throw cause
    }
  }

  write(body: () => void): void {
    this.writes++
    this.read(body)
  }
}

const readable = (reader: Reader, access: Access): ReadableState => ({
  get: (key) =>
    Effect.sync(() => {
      const value = canExist(key) ? access.read(() => reader.get(key)) : undefined
      return value === undefined ? Option.none() : Option.some(Bytes.copy(value))
    }),
  has: (key) => Effect.sync(() => canExist(key) && access.read(() => reader.has(key))),
  iterate: (options = {}) =>
    Stream.suspend(() => {
      const next = entries(reader, access, options)
      return Stream.repeatEffectOption(
        Effect.suspend(() => {
          const entry = access.read(next)
          return entry === undefined ? Effect.fail(Option.none()) : Effect.succeed(entry)
        })
      )
    })
})

/** The tree throws when asked for a longer key, but the answer is known: it is not there. */
const canExist = (key: Uint8Array): boolean => key.length <= keyBytesMax

/** Yields the next entry at each call. After a write it looks anew, because the tree's iterations do not outlive one. */
const entries = (reader: Reader, access: Access, options: IterateOptions): (() => Entry | undefined) => {
  let iterator: Iterator<Entry> | undefined
  let writes = access.writes
  let last: Uint8Array | undefined
  return () => {
    if (iterator === undefined || writes !== access.writes) {
      iterator = reader.iterate(last === undefined ? options : { ...options, from: last })
      writes = access.writes
    }
    let next = iterator.next()
    if (next.done !== true && last !== undefined && Bytes.equal(next.value[0], last)) next = iterator.next()
    if (next.done === true) return undefined
    last = Bytes.copy(next.value[0])
    return [Bytes.copy(last), Bytes.copy(next.value[1])]
  }
}

const refusal = (key: Uint8Array): Effect.Effect<never, StateRefused> | undefined => {
  if (!canExist(key)) return Effect.fail(new KeyTooLong({ bytes: key.length }))
  if (isReserved(key)) return Effect.fail(new ReservedKey({ key: Bytes.copy(key) }))
  return undefined
}
