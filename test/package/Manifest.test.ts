import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "@effect/vitest"

/** What `package.json` and the lockfile promise. What the packed tarball holds is the business of `smoke.mjs`. */

interface Manifest {
  readonly version: string
  readonly scripts: Record<string, string>
  readonly exports: Record<string, string | { readonly types: string; readonly default: string }>
  readonly dependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
}

const root = path.resolve(import.meta.dirname, "../..")
const read = (name: string): string => fs.readFileSync(path.join(root, name), "utf8")
const manifest: Manifest = JSON.parse(read("package.json"))
const lock: { readonly packages: Record<string, { readonly version: string; readonly resolved?: string }> } =
  JSON.parse(read("package-lock.json"))

describe("package.json", () => {
  it("pins every dependency to one exact version, the one in the lockfile", () => {
    const pinned = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    expect(pinned.length).toBeGreaterThan(0)
    expect(pinned).toEqual(
      pinned.map(([name]) => [name, lock.packages[`node_modules/${name}`]?.version ?? "not in the lockfile"])
    )
  })

  it("pins every peer as a dev dependency, at the lowest version of its range", () => {
    for (const [name, range] of Object.entries(manifest.peerDependencies)) {
      expect(`${name} ${range}`).toBe(`${name} ^${manifest.devDependencies[name]}`)
    }
  })

  it("has no effect package among its dependencies that appears in a type of ours", () => {
    const edges = ["@effect/cli", "@effect/printer", "@effect/printer-ansi"]
    const names = Object.keys(manifest.dependencies).filter((name) => /^(effect$|@effect\/)/.test(name))
    expect(names.filter((name) => !edges.includes(name))).toEqual([])
  })

  it("exports one entry for each folder that is for users, with types and code of the same module", () => {
    const entries = Object.entries(manifest.exports).filter(([name]) => name !== "./package.json")
    for (const [name, target] of entries) {
      const folder = name === "." ? "" : `${name.slice(2)}/`
      expect([name, target]).toEqual([
        name,
        { types: `./dist/${folder}index.d.ts`, default: `./dist/${folder}index.js` }
      ])
      expect(fs.existsSync(path.join(root, `src/${folder}index.ts`)), `src/${folder}index.ts`).toBe(true)
    }
    const folders = fs.readdirSync(path.join(root, "src"), { withFileTypes: true })
    const published = folders.flatMap((entry) =>
      entry.isDirectory() && entry.name !== "cli" ? [entry.name] : []
    )
    expect(entries.map(([name]) => name).sort()).toEqual(
      [".", ...published.map((name) => `./${name}`)].sort()
    )
  })
})

describe("package-lock.json", () => {
  it("holds no download address", () => {
    expect(Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined)).toEqual([])
  })
})

describe("CHANGELOG.md", () => {
  it("has a section for this version", () => {
    expect(read("CHANGELOG.md")).toMatch(
      new RegExp(`^## \\[${manifest.version.replaceAll(".", "\\.")}\\]`, "m")
    )
  })
})

describe("CONTRIBUTING.md", () => {
  const text = read("CONTRIBUTING.md")

  it("names files of src that exist", () => {
    const rows = text
      .split("\n")
      .map((row) => [...row.matchAll(/`([\w./-]+)`/g)].map(([, name = ""]) => name))
    const named = rows.flatMap((names) => {
      const folder = path.dirname(names.find((name) => /^src\/.*\.ts$/.test(name)) ?? "")
      return names.flatMap((name) =>
        /^src\//.test(name) ? [name] : /^\w+\.ts$/.test(name) ? [`${folder}/${name}`] : []
      )
    })
    expect(named.length).toBeGreaterThan(30)
    expect(named.filter((name) => !fs.existsSync(path.join(root, name)))).toEqual([])
  })

  it("names scripts that package.json has", () => {
    const named = [...text.matchAll(/npm (?:run )?(start|test|(?<=run )[\w:]+)/g)].map(
      ([, name = ""]) => name
    )
    expect(named.length).toBeGreaterThan(8)
    expect(named.filter((name) => !(name in manifest.scripts))).toEqual([])
  })
})
