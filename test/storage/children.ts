import { mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "vite"

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, "../..")

export interface Programs {
  /** Where a program of `programs/` lies, ready for Node. */
  readonly path: (name: string) => string
  readonly remove: () => void
}

/** Builds the programs of `programs/` so that Node can run them as processes and threads of their own. */
export const buildPrograms = async (...names: ReadonlyArray<string>): Promise<Programs> => {
  const outDir = mkdtempSync(join(tmpdir(), "cairn-programs-"))
  // Packages are looked for beside the program.
  symlinkSync(join(root, "node_modules"), join(outDir, "node_modules"))
  await build({
    root,
    configFile: false,
    logLevel: "error",
    build: {
      ssr: true,
      outDir,
      emptyOutDir: false,
      minify: false,
      target: "node20",
      rollupOptions: {
        input: Object.fromEntries(names.map((name) => [name, join(here, "programs", `${name}.ts`)])),
        output: { entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" }
      }
    }
  })
  return {
    path: (name) => join(outDir, `${name}.mjs`),
    remove: () => rmSync(outDir, { recursive: true, force: true })
  }
}
