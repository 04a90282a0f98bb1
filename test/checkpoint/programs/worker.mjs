// A worker like the package's own, but for its database: what it is called decides what it does.
import { parentPort } from "node:worker_threads"
import { serveJobs } from "../../../dist/checkpoint/CreationThread.js"
import { nodeHasher } from "../../../dist/mkvs/hasher/NodeHasher.js"
import { ReferenceTree } from "../../../dist/mkvs/reference/ReferenceTree.js"
import { DatabaseDamaged, RootNotFound } from "../../../dist/storage/NodeDatabaseError.js"

const text = (value) => new TextEncoder().encode(value)

/** The tree that the test knows, too. */
const tree = new ReferenceTree(nodeHasher)
for (let i = 0; i < 200; i++) tree.insert(text(`key ${i}`), text(`value ${i}`))
tree.commit()

const opened = (changes = {}) => ({ top: tree.root, refresh: () => {}, close: () => {}, ...changes })

const databases = {
  whole: () => opened(),
  hangs: () => {
    let turns = 0
    const refresh = () => {
      // a synchronous walk that never comes back
      if (++turns === 3) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    }
    return opened({ refresh })
  },
  exits: () => opened({ refresh: () => process.exit(3) }),
  damaged: () =>
    opened({
      get top() {
        throw new DatabaseDamaged({ record: "page 7", reason: "its checksum is wrong" })
      }
    }),
  unknown: (root) => {
    throw new RootNotFound({ version: root.version, type: root.type, hash: root.hash })
  },
  mistaken: () => {
    throw new Error("a mistake")
  }
}

serveJobs(parentPort, async (name, root) => databases[name](root))
