import { Effect } from "effect"
import * as Cbor from "../mkvs/Cbor.ts"
import { CborFields } from "../mkvs/CborFields.ts"
import { MalformedCbor } from "../mkvs/MkvsError.ts"
import { DatabaseDamaged } from "../storage/NodeDatabaseError.ts"
import { UnknownBlockFormat } from "./NodeError.ts"

/**
 * The node's own records (block, header, machine): canonical CBOR maps whose field `v` is their format version, which
 * is looked at before anything else.
 */
export interface RecordCodec<A> {
  readonly encode: (record: A) => Uint8Array
  readonly decode: (bytes: Uint8Array) => Effect.Effect<A, RecordUnreadable>
}

export type RecordUnreadable = UnknownBlockFormat | DatabaseDamaged

/** One format of a record. `read` throws `MalformedCbor`, by way of `fields.refuse`, for what it does not understand. */
export interface Format<A> {
  readonly fields: ReadonlyArray<string>
  readonly write: (record: A) => Iterable<readonly [field: string, value: Cbor.CborValue]>
  readonly read: (fields: CborFields) => A
}

/** `formats` from version 1 on; the last one is written, all are read. `what` names the record in errors. */
export const make = <A>(
  what: string,
  formats: readonly [...Array<Format<A>>, Format<A>]
): RecordCodec<A> => ({
  encode: (record) =>
    Cbor.encode(new Map<string, Cbor.CborValue>([["v", formats.length], ...latest(formats).write(record)])),
  decode: (bytes) =>
    Effect.suspend((): Effect.Effect<A, RecordUnreadable> => {
      try {
        // A record of ours is as long as it is: its length is bounded by what a block may hold, not by CBOR's default.
        const value = Cbor.decode(what, bytes, { bytesMax: bytes.length })
        const version = value instanceof Map ? value.get("v") : undefined
        if (typeof version === "number" && version > formats.length) {
          return Effect.fail(new UnknownBlockFormat({ what, found: version, supported: formats.length }))
        }
        const format = typeof version === "number" ? formats[version - 1] : undefined
        if (format === undefined) return Effect.fail(damaged(what, "no format version"))
        return Effect.succeed(format.read(new CborFields(what, value, ["v", ...format.fields])))
      } catch (error) {
        if (!(error instanceof MalformedCbor)) throw error
        return Effect.fail(damaged(what, error.reason))
      }
    })
})

/** For counts and times, which are numbers. */
export const safeInteger = (fields: CborFields, name: string): number => {
  const value = Number(fields.uint(name))
  return Number.isSafeInteger(value) ? value : fields.refuse(`field ${name} is too large`)
}

const latest = <A>(formats: readonly [...Array<Format<A>>, Format<A>]): Format<A> =>
  formats[formats.length - 1] as Format<A> // the tuple has at least one element

const damaged = (record: string, reason: string) => new DatabaseDamaged({ record, reason })
