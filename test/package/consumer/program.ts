import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { Effect, type Layer } from "effect"
import { Bytes, Hashers, Kernel, ProofVerifier, Prover, Root } from "effect-cairn/mkvs"
import { NodeDatabase } from "effect-cairn/storage"

/**
 * What a user may write on the first day: a thousand keys, a version of them, a proof, and its verification by
 * somebody who knows nothing but the root. Prints one line of JSON for `smoke.mjs` to judge.
 */

const text = (value: string) => new TextEncoder().encode(value)

const write = Effect.gen(function* () {
  const database = yield* NodeDatabase
  const batch = yield* database.newBatch(Root.emptyRoot(database.namespace, 0n, Root.rootType.state), 1n)
  for (let i = 0; i < 1000; i++) batch.insert(text(`${i}`), text(`${i}`))
  const { root } = yield* batch.commit
  yield* database.finalize([root])
}).pipe(Effect.scoped)

const prove = (key: Uint8Array) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    const [root] = yield* database.rootsForVersion(1n)
    if (root === undefined) return yield* Effect.dieMessage("version 1 has no root")
    const proof = yield* database.read(root, ({ top }) => Prover.proveGet(top, key))
    const answer = ProofVerifier.verifyProof(proof, root.hash, Hashers.defaultHasher()).get(key)
    return { root: Bytes.toHex(root.hash), answer }
  })

const read = Effect.gen(function* () {
  const { answer, root } = yield* prove(text("999"))
  const present = answer.status === "present" ? new TextDecoder().decode(answer.value) : answer.status
  const absent = (yield* prove(text("1000"))).answer.status
  return { root, present, absent }
})

const on = <E>(layer: Layer.Layer<NodeDatabase, E>) => ({
  writeAndRead: write.pipe(Effect.andThen(read), Effect.provide(layer)),
  read: read.pipe(Effect.provide(layer))
})

const directory = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "cairn-program-")), "data")
const namespace = new Uint8Array(32)
const memory = on(NodeDatabase.layerMemory({ namespace }))
const lmdb = on(NodeDatabase.layerLmdb({ directory, namespace }))

const program = Effect.gen(function* () {
  return {
    kernel: Kernel.makeKernel().name,
    hasher: Hashers.defaultHasher().name,
    memory: yield* memory.writeAndRead,
    lmdb: yield* lmdb.writeAndRead,
    reopened: yield* lmdb.read
  }
}).pipe(Effect.ensuring(Effect.sync(() => fs.rmSync(path.dirname(directory), { recursive: true }))))

console.log(JSON.stringify(await Effect.runPromise(program)))
