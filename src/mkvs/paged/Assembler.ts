import { toHex } from "../Bytes.ts"
import { ProofVerificationFailed } from "../MkvsError.ts"
import type { NodeBuilder } from "./NodeBuilder.ts"
import type { SpineNode } from "./PartImporter.ts"

/** What is known of a subtree by its hash. */
export type Known =
  | { readonly kind: "complete"; readonly page: number; readonly keys: number }
  | { readonly kind: "spine"; readonly node: SpineNode }
  | undefined

/**
 * Puts a tree together from the complete subtrees and spine nodes that its parts left behind. Iterative, resumable.
 * The result lies at the builder's start; it is only of use when nothing is `missing`.
 *
 * No node stands twice in a real tree, because leaves carry their whole keys. A made-up root can say otherwise (and a
 * few nodes could then unfold into a tree without end), so a second meeting is `ProofVerificationFailed`.
 */
export class Assembler {
  keys = 0
  /** Page of the whole tree, where one part held all of it; else 0, and the builder holds the top. */
  page = 0
  /** How many subtrees are unknown, and the hashes of the first few. */
  missingCount = 0
  readonly missing: Array<Uint8Array> = []

  private readonly stack: Array<Work> = []
  private readonly seen = new Set<string>()

  constructor(
    private readonly builder: NodeBuilder,
    private readonly lookUp: (hash: Uint8Array) => Known,
    root: Uint8Array
  ) {
    builder.reset()
    const known = lookUp(root)
    if (known?.kind === "complete") this.page = known.page
    this.stack.push({ hash: root, frame: undefined, step: stepNode })
  }

  /** Works through at most `steps` places; true when none is left. */
  run(steps: number): boolean {
    for (let left = steps; left > 0; left--) {
      const work = this.stack.pop()
      if (work === undefined) return true
      this.work(work)
    }
    return this.stack.length === 0
  }

  private work({ hash, frame, step }: Work): void {
    const { builder } = this
    if (step === stepMiddle) frame!.right = builder.end
    else if (step === stepEnd) builder.finishInternal(frame!.start, frame!.slot, frame!.left, frame!.right)
    else if (hash === undefined) builder.empty()
    else this.node(hash)
  }

  private node(hash: Uint8Array): void {
    const { builder, seen } = this
    const name = toHex(hash)
    if (seen.has(name)) throw new ProofVerificationFailed({ reason: `node ${name} stands in two places` })
    seen.add(name)
    const known = this.lookUp(hash)
    if (known === undefined) {
      this.missingCount++
      if (this.missing.length < missingShown) this.missing.push(hash)
      builder.reference(0, hash, 0)
    } else if (known.kind === "complete") {
      this.keys += known.keys
      builder.reference(known.page, hash, 0)
    } else this.open(known.node)
  }

  private open(node: SpineNode): void {
    const { builder } = this
    const start = builder.end
    const labelBytes = ((node.bytes[1]! | (node.bytes[2]! << 8)) + 7) >>> 3
    builder.copy(node.bytes, 0, node.bytes.length)
    builder.gap()
    const frame: Frame = { start, slot: start + 3 + labelBytes, left: builder.end, right: 0 }
    if (node.bytes.length > 4 + labelBytes) this.keys++
    this.stack.push(
      { hash: undefined, frame, step: stepEnd },
      { hash: node.right, frame: undefined, step: stepNode },
      { hash: undefined, frame, step: stepMiddle },
      { hash: node.left, frame: undefined, step: stepNode }
    )
  }
}

const stepNode = 0
const stepMiddle = 1
const stepEnd = 2
const missingShown = 16

interface Frame {
  readonly start: number
  readonly slot: number
  readonly left: number
  right: number
}

interface Work {
  readonly hash: Uint8Array | undefined
  readonly frame: Frame | undefined
  readonly step: number
}
