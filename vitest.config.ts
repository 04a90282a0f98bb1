import { defineConfig } from "vitest/config"

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
        // Kill suites and long random histories: minutes, not seconds.
        test: {
          name: "long",
          include: ["test/long/**/*.test.ts"],
          testTimeout: 1_200_000,
          hookTimeout: 120_000,
          pool: "forks"
        }
      }
    ]
  }
})
