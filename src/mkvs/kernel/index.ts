import type { Hasher } from "../Hasher.ts"
import { portableHasher } from "../hasher/PortableHasher.ts"
import type { Kernel } from "./Kernel.ts"
import { makePortableKernel } from "./PortableKernel.ts"
import { makeWasmKernel } from "./WasmKernel.ts"

export type { Kernel } from "./Kernel.ts"

/**
 * A new kernel with memory of its own. `auto`: wasm, or portable where WebAssembly is unavailable or refuses; the
 * kernel's `name` says which. `wasm` throws instead. `hasher` is what a portable kernel hashes with.
 */
export const makeKernel = (
  kind: "auto" | "wasm" | "portable" = "auto",
  hasher: Hasher = portableHasher
): Kernel => {
  if (kind === "portable") return makePortableKernel(hasher)
  if (kind === "wasm") return makeWasmKernel()
  try {
    return makeWasmKernel()
  } catch {
    // no WebAssembly, no vectors, or a policy that forbids it: slower, but the same results
    return makePortableKernel(hasher)
  }
}
