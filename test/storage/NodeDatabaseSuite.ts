import { describe } from "vitest"
import { multipartCases } from "./database/multipartCases.ts"
import { pruningCases } from "./database/pruningCases.ts"
import { readingCases } from "./database/readingCases.ts"
import { checks, type Fresh } from "./database/support.ts"
import { versionCases } from "./database/versionCases.ts"

/** What every node database must do. `fresh` gives one without content, new at each call. */
export const nodeDatabaseSuite = (name: string, fresh: Fresh): void => {
  const check = checks(fresh)
  describe(`NodeDatabase / ${name}`, () => {
    describe("versions", () => versionCases(check))
    describe("reading", () => readingCases(check))
    describe("pruning", () => pruningCases(check))
    describe("multipart", () => multipartCases(check))
  })
}
