import { Effect, Either, Option, Schema } from "effect"
import * as Bytes from "../../mkvs/Bytes.ts"
import { defaultHasher } from "../../mkvs/hasher/index.ts"
import { MalformedCbor, ProofVerificationFailed } from "../../mkvs/MkvsError.ts"
import { decodeProof } from "../../mkvs/proof/Proof.ts"
import { verifyProof } from "../../mkvs/proof/ProofVerifier.ts"
import type { ProvedAnswer } from "../../mkvs/proof/ProvedTree.ts"
import { UsageError } from "../Arguments.ts"
import * as Encoding from "../Encoding.ts"
import * as ErrorJson from "../ErrorJson.ts"
import * as Input from "../Input.ts"
import * as Output from "../Output.ts"
import { type Claims, fileBytesMax, parse } from "./ProofFile.ts"

export interface VerifyOptions {
  readonly root: Uint8Array
  readonly key: Option.Option<string>
  readonly encoding: Encoding.Encoding
  readonly json: boolean
  readonly file: string
}

/** The proof is sound, but leaves out the part of the tree where the key would be. */
export class KeyNotCovered extends Schema.TaggedError<KeyNotCovered>()("KeyNotCovered", {
  key: Schema.String
}) {
  override get message() {
    return `the proof says nothing about key ${Encoding.excerpt(this.key)}: ask for a proof of that key`
  }
}

/** The proof is sound, but the file beside it says something else. */
export class ClaimRefuted extends Schema.TaggedError<ClaimRefuted>()("ClaimRefuted", {
  field: Schema.Literal("root", "value"),
  claimed: Schema.NullOr(Schema.String),
  proved: Schema.NullOr(Schema.String)
}) {
  override get message() {
    return `the file says that the ${this.field} is ${shown(this.claimed)}, the proof shows ${shown(this.proved)}: do not trust the file, unless it was made with another --encoding than the one given here`
  }
}

const shown = (text: string | null): string => (text === null ? "absent" : Encoding.excerpt(text))

/** Prints what is proved; fails unless the key is proved present or absent, and nothing in the file contradicts that. */
export const verify = (options: VerifyOptions) =>
  Effect.gen(function* () {
    const { encoding, file, root } = options
    const { claims, proof } = yield* parse(Input.nameOf(file), yield* Input.readAll(file, fileBytesMax))
    const given = Option.orElse(options.key, () => Option.map(claims, ({ key }) => key))
    if (Option.isNone(given)) {
      const reason = "a proof alone does not say which key it is about: give --key"
      return yield* new UsageError({ reason, path: ["proof", "verify"] })
    }
    const key = yield* Encoding.decode(
      encoding,
      Option.isSome(options.key) ? "--key" : "the file's key",
      given.value
    )
    const outcome = yield* Effect.either(prove(proof, root, key))
    const proved = Either.getOrElse(outcome, (): ProvedAnswer => ({ status: "notCovered" }))
    const value = proved.status === "present" ? yield* Encoding.encode(encoding, "value", proved.value) : null
    const answer = { status: proved.status, value }
    const failure = Option.orElse(Either.getLeft(outcome), () =>
      whyNotOk(answer, given.value, options, claims)
    )
    yield* print(options, given.value, answer, failure)
    if (Option.isSome(failure)) return yield* failure.value
  })

interface Answer {
  readonly status: ProvedAnswer["status"]
  readonly value: string | null
}

const prove = (
  proof: Uint8Array,
  root: Uint8Array,
  key: Uint8Array
): Effect.Effect<ProvedAnswer, ProofVerificationFailed | MalformedCbor> =>
  Effect.try({
    try: () => verifyProof(decodeProof(proof), root, defaultHasher()).get(key),
    catch: (error) => {
      if (error instanceof ProofVerificationFailed || error instanceof MalformedCbor) return error
      throw error
    }
  })

const whyNotOk = (
  answer: Answer,
  key: string,
  options: VerifyOptions,
  claims: Option.Option<Claims>
): Option.Option<KeyNotCovered | ClaimRefuted> => {
  if (answer.status === "notCovered") return Option.some(new KeyNotCovered({ key }))
  if (Option.isNone(claims)) return Option.none()
  const root = Bytes.toHex(options.root)
  if (claims.value.root.toLowerCase() !== root) {
    return Option.some(new ClaimRefuted({ field: "root", claimed: claims.value.root, proved: root }))
  }
  const claimed = claims.value.value
  // What the file says of another key than the one asked for is of no interest.
  if (claims.value.key !== key || isSameText(options.encoding, claimed, answer.value)) return Option.none()
  return Option.some(new ClaimRefuted({ field: "value", claimed, proved: answer.value }))
}

const isSameText = (encoding: Encoding.Encoding, a: string | null, b: string | null): boolean =>
  a === b || (encoding === "hex" && a?.toLowerCase() === b?.toLowerCase())

const print = (
  { json, root }: VerifyOptions,
  key: string,
  { status, value }: Answer,
  failure: Option.Option<{ readonly _tag: string; readonly message: string }>
) =>
  json || Option.isNone(failure)
    ? Output.result(json, {
        json: () => ({
          ok: Option.isNone(failure),
          root: Bytes.toHex(root),
          key,
          status,
          value,
          error: Option.getOrUndefined(Option.map(failure, ErrorJson.of))
        }),
        human: () => (value === null ? status : `${status}\t${Encoding.harmless(value)}`)
      })
    : Effect.void
