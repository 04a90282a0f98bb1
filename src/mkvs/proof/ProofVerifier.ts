import { copy, equal, toHex } from "../Bytes.ts"
import { framedSize, frameEntries } from "../CborEntries.ts"
import { type Hasher, hashBytes } from "../Hasher.ts"
import { ProofVerificationFailed } from "../MkvsError.ts"
import { emptyHash } from "../Node.ts"
import { EntryHasher } from "./EntryHasher.ts"
import { defaultProofLimits, type Proof, type ProofLimits } from "./Proof.ts"
import { ProofScanner, type ProofVisitor } from "./ProofScanner.ts"
import { LeftOut, type ProvedChild, ProvedInternal, ProvedLeaf } from "./ProvedNode.ts"
import { type Position, ProvedTree } from "./ProvedTree.ts"

export interface VerifyOptions extends ProofLimits {
  /** Where the proof starts, if not at the top of the tree: then `trustedRoot` is the hash of that node. */
  readonly position?: Position | undefined
}

/**
 * The part of the tree `trustedRoot` that the proof shows. It shares no memory with the proof.
 *
 * Proved is: the nodes shown are nodes of the tree with that hash. Where the root is that of a tree made by the rules,
 * the answers of the result are those of that tree. A root of made-up nodes (labels that contradict keys, say) is not
 * told apart: it is for the caller to trust the right one.
 *
 * Throws `ProofVerificationFailed` for anything else: another root, entries missing or left over, malformed ones, more
 * than the limits allow. Iterative; time and memory are bounded by the size of the proof.
 */
export const verifyProof = (
  proof: Proof,
  trustedRoot: Uint8Array,
  hasher: Hasher,
  options: VerifyOptions = {}
): ProvedTree => {
  const verification = new ProofVerification(proof, trustedRoot, hasher, options)
  verification.step(Number.POSITIVE_INFINITY)
  return verification.result()
}

/** `verifyProof` in slices, for callers that must not block for long on a large proof. Throws what it throws. */
export class ProofVerification {
  private readonly trustedRoot: Uint8Array
  private readonly position: Position | undefined
  private readonly scanner: ProofScanner
  private readonly builder: SubtreeBuilder
  private proved: ProvedTree | undefined

  constructor(proof: Proof, trustedRoot: Uint8Array, hasher: Hasher, options: VerifyOptions = {}) {
    checkHead(proof, trustedRoot, options)
    // A copy: what is verified must not change afterwards, whoever else holds the entries.
    const bytes = frameEntries(proof.entries)
    this.trustedRoot = copy(trustedRoot)
    const { position } = options
    this.position = position && { path: copy(position.path), bits: position.bits }
    this.builder = new SubtreeBuilder(bytes, proof.version, hasher)
    this.scanner = new ProofScanner(bytes, proof.version, this.builder)
  }

  /** Takes at most `entriesMax` further entries; `true` once all are verified. */
  step(entriesMax: number): boolean {
    if (this.proved === undefined && this.scanner.step(entriesMax)) {
      const top = this.builder.top()
      const hash = top?.hash ?? emptyHash
      if (!equal(hash, this.trustedRoot)) {
        refuse(`its hashes end in ${toHex(hash)}, not in the trusted root ${toHex(this.trustedRoot)}`)
      }
      this.proved = new ProvedTree(top, hash, this.position)
    }
    return this.proved !== undefined
  }

  /** The proved tree, once `step` has returned `true`; dies before. */
  result(): ProvedTree {
    if (this.proved === undefined) throw new Error("verification is not finished: call step until it is")
    return this.proved
  }
}

/** Builds the subtree from a scan. A node's hash is there as soon as the node is. */
class SubtreeBuilder implements ProofVisitor {
  private readonly bytes: Uint8Array
  private readonly version: Proof["version"]
  private readonly hasher: EntryHasher
  /** Filled places whose parent has not ended. Each open node has one for its leaf (in V0 at once), left and right. */
  private readonly places: Array<ProvedChild> = []
  /** Start and end of the head of each open node. */
  private readonly heads: Array<number> = []
  /** Hashes of nodes, one after the other; a new array each time one is full. */
  private hashes = new Uint8Array(16 * hashBytes)
  private hashesEnd = 0

  constructor(bytes: Uint8Array, version: Proof["version"], hasher: Hasher) {
    this.bytes = bytes
    this.version = version
    this.hasher = new EntryHasher(hasher)
  }

  top(): ProvedChild {
    return this.places[0]
  }

  internal(head: number, headEnd: number, _labelBits: number, leaf: number, leafEnd: number): void {
    this.heads.push(head, headEnd)
    if (leaf >= 0) this.leaf(leaf, leafEnd)
    else if (this.version === 0) this.empty()
  }

  leaf(at: number, end: number): void {
    const hashAt = this.keep(this.hasher.leaf(this.bytes, at, end))
    this.places.push(new ProvedLeaf(this.bytes, at, end, this.hashes, hashAt))
  }

  hash(at: number): void {
    this.places.push(new LeftOut(this.bytes, at))
  }

  empty(): void {
    this.places.push(undefined)
  }

  endInternal(): void {
    const { bytes, heads, places } = this
    const right = places.pop()
    const left = places.pop()
    const leaf = places.pop()
    if (leaf instanceof ProvedInternal)
      throw new Error("the scanner lets no internal node into a leaf's place")
    const headEnd = heads.pop()!
    const head = heads.pop()!
    const hash = this.hasher.internal(bytes, head, headEnd, leaf?.hash, left?.hash, right?.hash)
    const hashAt = this.keep(hash)
    places.push(new ProvedInternal(bytes, head, headEnd, this.hashes, hashAt, { leaf, left, right }))
  }

  /** Puts a hash into `hashes` and returns its place there. Nodes keep the array that held it, so it is not moved. */
  private keep(hash: Uint8Array): number {
    if (this.hashesEnd === this.hashes.length) {
      this.hashes = new Uint8Array(Math.min(2 * this.hashes.length, hashesBytesMax))
      this.hashesEnd = 0
    }
    const at = this.hashesEnd
    this.hashes.set(hash, at)
    this.hashesEnd += hashBytes
    return at
  }
}

const hashesBytesMax = 2048 * hashBytes

/** What can be refused before any memory is taken. */
const checkHead = (proof: Proof, trustedRoot: Uint8Array, limits: ProofLimits): void => {
  const { bytesMax = defaultProofLimits.bytesMax, entriesMax = defaultProofLimits.entriesMax } = limits
  const { version, untrustedRoot, entries } = proof
  // The type promises this much; bytes from elsewhere may have been cast to it.
  if (version !== 0 && version !== 1) refuse(`unknown version ${version}`)
  if (!equal(untrustedRoot, trustedRoot)) {
    refuse(`it is about ${toHex(untrustedRoot)}, not about the trusted root ${toHex(trustedRoot)}`)
  }
  if (entries.length > entriesMax) refuse(`${entries.length} entries: at most ${entriesMax} are allowed`)
  let bytes = 0
  for (const entry of entries) bytes += entry === null ? 1 : framedSize(entry.length)
  if (bytes > bytesMax) refuse(`${bytes} bytes: at most ${bytesMax} are allowed`)
}

const refuse = (reason: string): never => {
  throw new ProofVerificationFailed({ reason })
}
