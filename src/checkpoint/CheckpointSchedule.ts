/** Which versions are to have checkpoints (`spec/checkpoint.md`, Checkpointer). Plain arithmetic on versions. */

export interface Schedule {
  /** Versions between two checkpoints; 0: none but forced ones. */
  readonly interval: bigint
  /** At least 1. */
  readonly numKept: number
  readonly initialVersion: bigint
}

/**
 * The newest `numKept` versions initial + k·interval that are at most `version` and at least `earliest`, newest first.
 */
export const dueVersions = (schedule: Schedule, version: bigint, earliest: bigint): ReadonlyArray<bigint> => {
  const { interval, numKept, initialVersion } = schedule
  if (interval === 0n || version < initialVersion) return []
  const first = earliest > initialVersion ? earliest : initialVersion
  const due: Array<bigint> = []
  const newest = version - ((version - initialVersion) % interval)
  for (let at = newest; at >= first && due.length < numKept; at -= interval) due.push(at)
  return due
}

/**
 * Those of the `due` versions to make a checkpoint of, in their order: not the `complete` ones, nor those that would be
 * removed again at once because `numKept` newer ones are due or `present` (forced ones, say).
 */
export const versionsToMake = (
  schedule: Schedule,
  due: ReadonlyArray<bigint>,
  present: ReadonlySet<bigint>,
  complete: ReadonlySet<bigint>
): ReadonlyArray<bigint> => {
  const removedAtOnce = new Set(versionsToRemove(schedule, new Set([...due, ...present])))
  return due.filter((version) => !complete.has(version) && !removedAtOnce.has(version))
}

/** The oldest of the versions that have checkpoints beyond `numKept`, oldest first; never the initial version. */
export const versionsToRemove = (schedule: Schedule, present: ReadonlySet<bigint>): ReadonlyArray<bigint> => {
  const removable = [...present]
    .filter((version) => version !== schedule.initialVersion)
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return removable.slice(0, Math.max(0, removable.length - schedule.numKept))
}
