/** A system call that has returned without an error. */
export interface Call {
  readonly name: string
  /** Where its descriptor or path leads. */
  readonly path: string
  readonly text: string
}

/** What happened before something was reported as done, since the report before. */
export interface Section {
  readonly done: string
  readonly calls: ReadonlyArray<Call>
}

/**
 * Reads what `strace -f -y` wrote. A call counts from the moment it returned; a report (`write` of `DONE …` to stdout)
 * from the moment it began.
 */
export const sections = (trace: string): ReadonlyArray<Section> => {
  const found: Array<Section> = []
  const unfinished = new Map<string, string>()
  let calls: Array<Call> = []
  for (const line of trace.split("\n")) {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (thread === undefined || rest === undefined) continue
    const report = /^write\(1<[^>]*>, "DONE (\w+)/.exec(rest)
    if (report !== null) {
      found.push({ done: report[1]!, calls })
      calls = []
      continue
    }
    const begun = /^(.*) <unfinished \.\.\.>$/.exec(rest)
    if (begun !== null) {
      unfinished.set(thread, begun[1]!)
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)
    const text = resumed === null ? rest : `${unfinished.get(thread) ?? ""}${resumed[1]}`
    const call = toCall(text)
    if (call !== undefined) calls.push(call)
  }
  return found
}

const toCall = (text: string): Call | undefined => {
  const [, name] = /^(\w+)\(.*\) = (?!-1)/.exec(text) ?? []
  if (name === undefined) return undefined
  if (name === "openat" || name === "open") {
    // The result is the descriptor with its path.
    const [, path] = /= \d+<([^>]*)>/.exec(text) ?? []
    return { name, path: path ?? "", text }
  }
  if (name.startsWith("rename")) {
    const [, path] = /"([^"]*)"(?:, \d+)?\) = 0/.exec(text) ?? []
    return { name, path: path ?? "", text }
  }
  const [, path] = /^\w+\(\d+<([^>]*)>/.exec(text) ?? []
  return { name, path: path ?? "", text }
}

export const isSync = ({ name }: Call): boolean =>
  name === "fdatasync" || name === "fsync" || name === "msync"

export const isWrite = ({ name }: Call): boolean => /^p?writev?(64)?2?$/.test(name)
