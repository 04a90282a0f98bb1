import { closeSync, existsSync, fsyncSync, mkdirSync, opendirSync, openSync } from "node:fs"
import { dirname, resolve } from "node:path"

/** Creates the directory and its missing parents, each with mode 0700; their names are durable when it returns. */
export const makeDirectory = (directory: string): void => {
  const missing: Array<string> = []
  let at = resolve(directory)
  for (; !existsSync(at) && dirname(at) !== at; at = dirname(at)) missing.push(at)
  for (const path of missing.reverse()) {
    makeOne(path)
    syncFile(dirname(path))
  }
  // Throws where something else has the name.
  opendirSync(directory).closeSync()
}

const makeOne = (path: string): void => {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Somebody else was faster.
    if (!existsSync(path)) throw error
  }
}

/** Makes a file's content, or a directory's names, durable. */
export const syncFile = (path: string): void => {
  const descriptor = openSync(path, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
