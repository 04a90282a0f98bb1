import { readFileSync } from "node:fs"

const read = (): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
  const found =
    typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : undefined
  if (typeof found !== "string") throw new Error("package.json names no version")
  return found
}

/** Of this package. Read from its manifest, so that there is one place to change. */
export const version: string = read()
