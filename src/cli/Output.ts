import { Effect, Schema } from "effect"
import { type Json, stringify } from "./Json.ts"
import * as Stderr from "./Stderr.ts"

/** Whoever read stdout has gone, as `head` does when it has enough. No failure to speak of. */
export class OutputClosed extends Schema.TaggedError<OutputClosed>()("OutputClosed", {}) {
  override get message() {
    return "stdout was closed by its reader"
  }
}

/** A result could not be written to stdout: a full disk behind it, mostly. */
export class OutputFailed extends Schema.TaggedError<OutputFailed>()("OutputFailed", {
  cause: Schema.Defect
}) {
  override get message() {
    return `results could not be written to stdout: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

export type OutputError = OutputClosed | OutputFailed

/** A result in its two forms, of which `--json` chooses. */
export interface Result {
  readonly json: () => Json
  /** Lines without the last line's end. */
  readonly human: () => string
}

/** Writes results to stdout; done when the system has taken them, so a slow reader slows the work. */
export const write = (text: string): Effect.Effect<void, OutputError> =>
  text === ""
    ? Effect.void
    : Effect.async((resume) => {
        listenForErrors()
        // on a terminal both are seen at one place
        Stderr.setStatus("")
        process.stdout.write(text, (error) => resume(error ? outputError(error) : Effect.void))
      })

/** Writes one result. */
export const result = (asJson: boolean, result: Result): Effect.Effect<void, OutputError> =>
  Effect.suspend(() => write(`${asJson ? stringify(result.json()) : result.human()}\n`))

/** Writes many results at once. */
export const results = (asJson: boolean, results: ReadonlyArray<Result>): Effect.Effect<void, OutputError> =>
  Effect.suspend(() =>
    write(results.map(({ json, human }) => `${asJson ? stringify(json()) : human()}\n`).join(""))
  )

let listening = false

/** A failed write is told to its callback; as an event that nobody listens to it would end the process. */
const listenForErrors = (): void => {
  if (listening) return
  listening = true
  process.stdout.on("error", () => {})
}

const outputError = (error: NodeJS.ErrnoException): OutputError =>
  error.code === "EPIPE" ? new OutputClosed() : new OutputFailed({ cause: error })
