import { Effect } from "effect"

/** Effects under the same key run one after the other; those under different keys do not wait for one another. */
export type KeyedLock = (key: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const makeKeyedLock = (): KeyedLock => {
  const locks = new Map<string, { readonly semaphore: Effect.Semaphore; users: number }>()
  const acquire = (key: string) =>
    Effect.sync(() => {
      const lock = locks.get(key) ?? { semaphore: Effect.unsafeMakeSemaphore(1), users: 0 }
      lock.users++
      locks.set(key, lock)
      return lock
    })
  const release = (key: string) =>
    Effect.sync(() => {
      const lock = locks.get(key)
      if (lock !== undefined && --lock.users === 0) locks.delete(key)
    })
  return (key) => (effect) =>
    Effect.acquireUseRelease(
      acquire(key),
      (lock) => lock.semaphore.withPermits(1)(effect),
      () => release(key)
    )
}
