import type { Edge } from "./Mark.ts"
import type { Random } from "./Random.ts"
import type { Death, Shot } from "./Victim.ts"

/** A step, and the edges of it that a kill can meet. */
export interface Step {
  readonly step: string
  readonly edges: ReadonlyArray<Edge>
  /** How often it comes in the life of a program, about; at most the so-manieth one is aimed at. Default 2. */
  readonly times?: number
}

interface Phase {
  readonly step: string
  readonly edge: Edge
  readonly times: number
}

/** Edges of a write to a page store. */
export const writeEdges: ReadonlyArray<Edge> = ["before", "filling", "during", "after"]

/** One shot in so many is at a random moment of the program's life. */
const blindShots = 5

/** Chooses where to kill next, so that all phases have their turn, and counts where the kills came. */
export class KillTally {
  readonly #kills = new Map<string, number>()
  readonly #shots = new Map<string, number>()
  #total = 0

  constructor(
    readonly steps: ReadonlyArray<Step>,
    readonly random: Random,
    /** A random moment is within so much of the program's start. */
    readonly lifeMillis: number
  ) {}

  /** At the phase that has met the fewest kills, a little later; or anywhere. */
  next(): Shot {
    if (this.random.between(1, blindShots) === 1) return { delayMillis: this.random.next() * this.lifeMillis }
    const { step, edge, times } = this.random
      .shuffled(this.phases())
      .reduce((least, phase) => (this.#need(phase) < this.#need(least) ? phase : least))
    count(this.#shots, nameOf(step, edge))
    return {
      aim: { step, edge, occurrence: this.random.between(1, times) },
      // What is passed quickly is hit at once or not at all.
      delayMillis: this.random.next() * (edge === "during" ? this.random.pick([0, 1, 5]) : 5)
    }
  }

  record({ met }: Death): void {
    this.#total++
    count(this.#kills, met === undefined ? starting : nameOf(...met))
  }

  /** Phases in which nothing was killed. */
  get missed(): ReadonlyArray<string> {
    return this.phases()
      .map(({ step, edge }) => nameOf(step, edge))
      .filter((name) => !this.#kills.has(name))
  }

  /** Kills per phase, a line for each step. */
  get table(): string {
    const edges: ReadonlyArray<Edge> = ["before", "filling", "during", "after"]
    const names = [...this.#kills.keys()].map((name) => name.split(separator)[0]!)
    const steps = new Set([...this.steps.map(({ step }) => step), ...names])
    const rows = [...steps].map((step) => {
      const known = this.steps.find((known) => known.step === step)?.edges ?? []
      return [
        step,
        ...edges.map((edge) => {
          const kills = this.#kills.get(nameOf(step, edge))
          return kills === undefined ? (known.includes(edge) ? "NONE" : "") : String(kills)
        })
      ]
    })
    const started = [starting, "", "", "", String(this.#kills.get(starting) ?? 0)]
    const lines = [["kills", ...edges], ...rows.filter(([step]) => step !== starting), started]
    return `${lines.map(row).join("\n")}\n${row(["in all", "", "", "", String(this.#total)])}`
  }

  private phases(): ReadonlyArray<Phase> {
    return this.steps.flatMap(({ step, edges, times = 2 }) => edges.map((edge) => ({ step, edge, times })))
  }

  #need({ step, edge }: Phase): number {
    const name = nameOf(step, edge)
    return (this.#kills.get(name) ?? 0) + (this.#shots.get(name) ?? 0) / 4
  }
}

const starting = "before the first step"
const separator = ": "

const nameOf = (step: string, edge: string): string => `${step}${separator}${edge}`

const count = (counts: Map<string, number>, name: string): void =>
  void counts.set(name, (counts.get(name) ?? 0) + 1)

const row = ([first = "", ...cells]: ReadonlyArray<string>): string =>
  first.padEnd(28) + cells.map((cell) => cell.padStart(9)).join("")
