/** Numbers that follow from a seed, the same on every machine. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** At least 0, below 1. The generator is mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<A>(choices: ReadonlyArray<A>): A {
    const choice = choices[this.between(0, choices.length - 1)]
    if (choice === undefined) throw new Error("nothing to choose from")
    return choice
  }

  shuffled<A>(list: Iterable<A>): ReadonlyArray<A> {
    const all = [...list]
    for (let i = all.length - 1; i > 0; i--) {
      const j = this.between(0, i)
      ;[all[i], all[j]] = [all[j]!, all[i]!]
    }
    return all
  }
}

/** Mixes numbers into one seed, so that neighbours have nothing in common. */
export const seedOf = (...numbers: ReadonlyArray<number>): number =>
  numbers.reduce(
    (seed, number) => Math.imul(seed ^ number ^ (seed >>> 13), 0x9e3779b1) ^ (seed >>> 7),
    0x5bd1e995
  )

/** `CAIRN_KILL_SEED`, or another one each time. */
export const chosenSeed = (): number => Number(process.env["CAIRN_KILL_SEED"] ?? Date.now() % 1_000_000)
