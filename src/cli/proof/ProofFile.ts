import { Either, Option, Schema } from "effect"
import * as Bytes from "../../mkvs/Bytes.ts"
import { excerpt } from "../Encoding.ts"

/** The file holds no proof: neither what `cairn state prove --json` prints, nor CBOR. */
export class NoProofFile extends Schema.TaggedError<NoProofFile>()("NoProofFile", {
  file: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.file} holds no proof: ${this.reason}; what cairn state prove --json prints is expected, or a proof's CBOR`
  }
}

/** What a file says beside the proof. None of it is to be believed. */
const Claims = Schema.Struct({
  root: Schema.String,
  key: Schema.String,
  value: Schema.NullOr(Schema.String),
  proof: Schema.String
})
export type Claims = typeof Claims.Type

export interface ProofFile {
  /** CBOR, as yet unchecked. */
  readonly proof: Uint8Array
  /** `None` for a proof alone. */
  readonly claims: Option.Option<Claims>
}

/** A proof of 16 MiB in hex, its value in hex, and then some. */
export const fileBytesMax = 80 * 1024 * 1024

/** Tells the three forms apart by their first byte: JSON begins with `{`, hex with a digit, CBOR with neither. */
export const parse = (file: string, bytes: Uint8Array): Either.Either<ProofFile, NoProofFile> => {
  const refuse = (reason: string) => Either.left(new NoProofFile({ file, reason }))
  const first = bytes.find((byte) => !isBlank(byte))
  if (first === undefined) return refuse("it is empty")
  if (first >= 0x80) return Either.right({ proof: bytes, claims: Option.none() })
  const text = decodeAscii(bytes)
  if (first !== openBrace) {
    const proof = Bytes.fromHex(text.trim())
    return proof === undefined
      ? refuse(`it begins with ${excerpt(text)}`)
      : Either.right({ proof, claims: Option.none() })
  }
  const claims = parseClaims(bytes)
  if (Either.isLeft(claims)) return refuse(claims.left)
  const proof = Bytes.fromHex(claims.right.proof)
  if (proof === undefined) return refuse(`its field proof is not hex: ${excerpt(claims.right.proof)}`)
  return Either.right({ proof, claims: Option.some(claims.right) })
}

const parseClaims = (bytes: Uint8Array): Either.Either<Claims, string> => {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
    return Either.mapLeft(
      decodeClaims(value),
      () => "one of root, key, value and proof is missing or is no text"
    )
  } catch (error) {
    return Either.left(error instanceof Error ? error.message : String(error))
  }
}

const decodeClaims = Schema.decodeUnknownEither(Claims)

const openBrace = 0x7b

const isBlank = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)

/** Bytes beyond ASCII become something that is no hex digit. */
const decodeAscii = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes)
