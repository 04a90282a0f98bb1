/**
 * Bytes in pieces that never move, named by 32-bit addresses that count units of 4 bytes. A piece is a buffer of its
 * own; it takes a whole number of segments (64 KiB) of the address space, so that a table finds it again. The first
 * piece is small and each next one larger, so a few writes cost little and millions cost few buffers.
 */

const unitBytes = 4
const segmentBits = 14 // in units: 64 KiB
const segmentsMax = 2 ** (32 - segmentBits)
const pieceBytesMin = 512
const bytesKeptMax = 64 * 1024
const pieceBytesMax = 4 * 1024 * 1024

export class Slabs {
  readonly #bytes: Array<Uint8Array<ArrayBuffer>> = []
  readonly #words: Array<Uint32Array> = []
  /** First address of each piece. */
  readonly #bases: Array<number> = []
  /** Piece of each segment. */
  readonly #pieceOf: Array<number> = []
  /** Bytes of all pieces together. */
  #allocated = 0
  /** Piece that is being filled, −1 for none, and the next free byte in it. */
  #open = -1
  #free = 0

  /** Bytes held in memory. */
  get allocatedBytes(): number {
    return this.#allocated
  }

  /** An address of `bytes` bytes that lie together. Their content is undefined. */
  allocate(bytes: number): number {
    const size = Math.ceil(bytes / unitBytes) * unitBytes
    const room = this.#open < 0 ? 0 : this.#bytes[this.#open]!.length - this.#free
    if (size > room) {
      // What is large beside a piece gets one of its own, and the rest of the open piece stays in use.
      if (size > pieceBytesMax / 4) return this.#bases[this.#addPiece(new ArrayBuffer(size))]!
      const next = Math.min(Math.max(pieceBytesMin, 2 * size, this.#allocated), pieceBytesMax)
      this.#open = this.#addPiece(new ArrayBuffer(next))
      this.#free = 0
    }
    const address = this.#bases[this.#open]! + this.#free / unitBytes
    this.#free += size
    return address
  }

  /** The piece that holds the address. */
  bytes(address: number): Uint8Array {
    return this.#bytes[this.#pieceOf[address >>> segmentBits]!]!
  }

  /** The same piece as words: the address's word is number `offset / 4`. */
  words(address: number): Uint32Array {
    return this.#words[this.#pieceOf[address >>> segmentBits]!]!
  }

  /** Where in its piece the address is, in bytes. */
  offset(address: number): number {
    return (address - this.#bases[this.#pieceOf[address >>> segmentBits]!]!) * unitBytes
  }

  /** Forgets everything; where that was little, the same memory in one piece is kept for what comes next. */
  clear(): void {
    const bytes = this.#allocated
    const first = this.#bytes[0]?.buffer
    this.#bytes.length = this.#words.length = this.#bases.length = this.#pieceOf.length = 0
    this.#allocated = 0
    this.#free = 0
    this.#open = -1
    if (bytes > 0 && bytes <= bytesKeptMax) {
      this.#open = this.#addPiece(first?.byteLength === bytes ? first : new ArrayBuffer(bytes))
    }
  }

  #addPiece(buffer: ArrayBuffer): number {
    const piece = this.#bytes.length
    const segment = this.#pieceOf.length
    const segments = Math.ceil(buffer.byteLength / unitBytes / 2 ** segmentBits)
    if (segment + segments > segmentsMax)
      throw new RangeError("more than 16 GiB of pending writes: commit more often")
    this.#bytes.push(new Uint8Array(buffer))
    this.#words.push(new Uint32Array(buffer))
    this.#bases.push(segment * 2 ** segmentBits)
    for (let i = 0; i < segments; i++) this.#pieceOf.push(piece)
    this.#allocated += buffer.byteLength
    return piece
  }
}
