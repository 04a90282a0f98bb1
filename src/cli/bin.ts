#!/usr/bin/env node
import { version } from "./version.ts"

// Asked by scripts and installers, so answered before anything else is loaded.
if (process.argv.length === 3 && process.argv[2] === "--version") {
  process.stdout.write(`${version}\n`)
} else {
  const { main } = await import("./main.ts")
  main(process.argv.slice(2))
}
