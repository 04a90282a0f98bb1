/** Sums the JSON reports of Vitest in a folder: prints `N passed, N failed`, alone on a line. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const [folder] = process.argv.slice(2)
const reports = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")))
const passed = reports.reduce((sum, report) => sum + report.numPassedTests, 0)
// A file that breaks before its first test runs has failed, though it holds no failed test.
const broken = reports.flatMap((report) =>
  report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0)
)
const failed = reports.reduce((sum, report) => sum + report.numFailedTests, 0) + broken.length
console.log(`${passed} passed, ${failed} failed`)
