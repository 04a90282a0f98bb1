import { mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Effect, type Scope } from "effect"
import { build } from "vite"

const project = resolve(import.meta.dirname, "../../..")

/** Packages with native code: they stay where they are. */
const native = ["lmdb", "snappy", "@node-rs/crc32", "fs-native-extensions"]

/**
 * Makes programs for Node out of TypeScript, given by their paths from the project's root, in a directory that goes with
 * the scope. Few files, so that they start fast.
 */
export const bundle = <Name extends string>(
  programs: Readonly<Record<Name, string>>
): Effect.Effect<Readonly<Record<Name, string>>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "cairn-programs-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    )
    symlinkSync(join(project, "node_modules"), join(directory, "node_modules"))
    yield* Effect.promise(() => buildAll(programs, directory))
    const files = Object.keys(programs).map((name) => [name, join(directory, `${name}.js`)])
    // The names are those of `programs`.
    return Object.fromEntries(files) as Record<Name, string>
  })

const buildAll = (programs: Readonly<Record<string, string>>, directory: string) =>
  build({
    root: project,
    configFile: false,
    logLevel: "error",
    ssr: { noExternal: true, external: native },
    build: {
      ssr: true,
      target: "node20",
      outDir: directory,
      emptyOutDir: false,
      copyPublicDir: false,
      rollupOptions: { input: { ...programs }, output: { entryFileNames: "[name].js" } }
    }
  })
