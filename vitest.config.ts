import { defineConfig } from "vitest/config"

const patient = { testTimeout: 1_200_000, hookTimeout: 120_000, pool: "forks" } as const

export default defineConfig({
  test: {
    poolOptions: { forks: { maxForks: 2 } },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/long/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          pool: "forks"
        }
      },
      {
        // Minutes, not seconds: crashes at each write, durability.
        test: {
          name: "long",
          include: ["test/long/durability/**/*.test.ts", "test/long/kill/Crash.test.ts"],
          ...patient
        }
      },
      {
        // Many minutes: kills at random moments, long histories, thousands of damages.
        test: {
          name: "kill",
          include: ["test/long/**/*.test.ts"],
          exclude: ["test/long/durability/**", "test/long/kill/Crash.test.ts"],
          ...patient
        }
      }
    ]
  }
})
