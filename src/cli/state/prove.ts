import { Effect } from "effect"
import * as Bytes from "../../mkvs/Bytes.ts"
import { encodeProof, type ProofVersion } from "../../mkvs/proof/Proof.ts"
import { proveGet } from "../../mkvs/proof/Prover.ts"
import { NodeDatabase } from "../../storage/NodeDatabase.ts"
import * as DataDirectory from "../DataDirectory.ts"
import * as Encoding from "../Encoding.ts"
import * as Output from "../Output.ts"
import { copyOf, encodedKey, type KeyPlace } from "./read.ts"

export interface ProveOptions extends KeyPlace {
  readonly proofVersion: ProofVersion
  readonly siblings: boolean
}

/** Prints a proof of the key's value, or of its absence. */
export const prove = ({ dataDir, at, json, encoding, key, proofVersion, siblings }: ProveOptions) =>
  Effect.gen(function* () {
    const bytes = yield* Encoding.decode(encoding, "--key", key)
    const database = yield* NodeDatabase
    const root = yield* DataDirectory.stateRoot(database, at)
    const { proof, value } = yield* database.read(root, (state) => ({
      value: copyOf(state.get(bytes)),
      proof: encodeProof(proveGet(state.top, bytes, { version: proofVersion, siblings }))
    }))
    const shownKey = encodedKey(encoding, bytes)
    const shownValue = value === undefined ? null : yield* Encoding.encode(encoding, "value", value)
    const hash = Bytes.toHex(root.hash)
    yield* Output.result(json, {
      json: () => ({
        version: root.version,
        root: hash,
        key: shownKey,
        value: shownValue,
        proof: Bytes.toHex(proof)
      }),
      human: () =>
        [
          `version  ${root.version}`,
          `root     ${hash}`,
          `key      ${Encoding.harmless(shownKey)}`,
          `value    ${shownValue === null ? "(absent)" : Encoding.harmless(shownValue)}`,
          `proof    ${Bytes.toHex(proof)}`
        ].join("\n")
    })
  }).pipe(Effect.provide(DataDirectory.reading(dataDir)))
