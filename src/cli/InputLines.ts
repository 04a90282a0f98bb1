import { Schema } from "effect"

/** A line of the input cannot be used. `tree apply` keeps nothing from the last commit on. */
export class LineRefused extends Schema.TaggedError<LineRefused>()("LineRefused", {
  /** The first is 1. */
  line: Schema.Number,
  reason: Schema.String
}) {
  override get message() {
    return `line ${this.line}: ${this.reason}`
  }
}

/** Bytes of one line; longer ones are refused before they are held. Keys and values are far shorter. */
export const lineBytesMax = 32 * 1024 * 1024

/**
 * Cuts bytes into lines as they come, holding at most one that is not finished. Lines end with LF or CRLF; the last
 * one may lack its end.
 */
export class LineSplitter {
  /** Number of the line that was given last; 0 before the first. */
  line = 0
  readonly #bytesMax: number
  #held: Array<Uint8Array> = []
  #heldBytes = 0

  constructor(bytesMax: number = lineBytesMax) {
    this.#bytesMax = bytesMax
  }

  /** The lines that end in `chunk`, without their ends. Throws `LineRefused` where one is too long. */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let start = 0
    for (let end = chunk.indexOf(lf); end >= 0; end = chunk.indexOf(lf, start)) {
      this.#hold(chunk.subarray(start, end))
      start = end + 1
      yield this.#release()
    }
    if (start === chunk.length) return
    // A copy: a reader may use its buffer again.
    this.#hold(chunk.slice(start))
  }

  /** The last line, where something came after the last end of a line. */
  *end(): Generator<Uint8Array> {
    if (this.#heldBytes > 0) yield this.#release()
  }

  #hold(part: Uint8Array): void {
    this.#heldBytes += part.length
    if (this.#heldBytes > this.#bytesMax) {
      const reason = `it is longer than ${this.#bytesMax} bytes`
      throw new LineRefused({ line: this.line + 1, reason })
    }
    this.#held.push(part)
  }

  #release(): Uint8Array {
    const whole = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    this.line++
    return whole.at(-1) === cr ? whole.subarray(0, -1) : whole
  }
}

const lf = 10
const cr = 13
