/** Simulated and faulty surroundings, for our tests and for those of users. */

export * as FaultyPageStore from "./FaultyPageStore.ts"
