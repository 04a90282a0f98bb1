import type { Hasher } from "../Hasher.ts"
import { portableHasher } from "./PortableHasher.ts"
import { makeWasmHasher } from "./WasmHasher.ts"

export { portableHasher } from "./PortableHasher.ts"
export { makeWasmHasher } from "./WasmHasher.ts"

let chosen: Hasher | undefined

/**
 * The hasher for where no other is given, one for the process: wasm, or portable where WebAssembly is unavailable or
 * refuses; its `name` says which. Made at the first call.
 */
export const defaultHasher = (): Hasher => {
  chosen ??= choose()
  return chosen
}

const choose = (): Hasher => {
  try {
    return makeWasmHasher()
  } catch {
    // no WebAssembly, no vectors, or a policy that forbids it: slower, but the same results
    return portableHasher
  }
}
