import { concat } from "../../src/mkvs/Bytes.ts"
import type { Entry } from "../../src/mkvs/Tree.ts"
import { hashText } from "./hasher.ts"

/** The data sets of `test/vectors/README.md`. */
export const profiles = ["decimal", "short", "hash", "prefix"] as const
export type Profile = (typeof profiles)[number]

/** The first `count` entries, in order of index. Keys repeat under `short`: the later entry wins. */
export const dataSet = (profile: Profile, seed: string, count: number): ReadonlyArray<Entry> =>
  Array.from({ length: count }, (_, index) => dataEntry(profile, seed, index))

export const dataEntry = (profile: Profile, seed: string, index: number): Entry => {
  if (profile === "decimal") return [text(String(index)), text(String(index))]
  const k = hashText(`${seed}/key/${index}`)
  const e = hashText(`${seed}/value/${index}`)
  switch (profile) {
    case "short":
      return [k.slice(1, 1 + (k[0]! % 4)), e.slice(1, 2 + (e[0]! % 30))]
    case "hash":
      return [k, concat(e, e)]
    case "prefix":
      return [
        concat(text(`accounts/${k[0]! % 7}/`), k.subarray(1, 9)),
        concat(...Array.from({ length: 1 + (e[0]! % 8) }, () => e))
      ]
  }
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
