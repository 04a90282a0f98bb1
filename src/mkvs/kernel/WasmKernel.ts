import { binary } from "./binary.generated.ts"
import type { Kernel } from "./Kernel.ts"
import { assertMemoryBytes, grownBytes, wasmPageBytes } from "./memory.ts"

/** What the compiled module exports (`assembly/index.ts`). All numbers are i32: offsets, lengths, checksums. */
export interface WasmExports {
  readonly memory: WasmMemory
  readonly base: { readonly value: number }
  readonly emptyHash: { readonly value: number }
  readonly hash: Kernel["hash"]
  readonly hashLeaf: Kernel["hashLeaf"]
  readonly hashInternal: Kernel["hashInternal"]
  /** Signed, as wasm hands out every i32. */
  readonly crc32c: Kernel["crc32c"]
  /** One message at a time: begin, any number of updates, end (writes 32 bytes). */
  readonly streamBegin: () => void
  readonly streamUpdate: (at: number, length: number) => void
  readonly streamEnd: (out: number) => void
}

interface WasmMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

/** The part of the interface used here: neither the ES2023 library nor the types of Node 20 declare it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

/**
 * The kernel in WebAssembly: `memory` is the module's own. A range outside it throws `WebAssembly.RuntimeError`.
 * Throws where WebAssembly is unavailable, forbidden, or knows no 128-bit vectors.
 */
export const makeWasmKernel = (): Kernel => new WasmKernel(instantiate())

let compiled: object | undefined

/** A fresh instance with memory of its own; the module is compiled once in a process. */
export const instantiate = (): WasmExports => {
  compiled ??= new WebAssembly.Module(binary())
  // The shape is that of assembly/index.ts, built together with this file; no type can see through the binary.
  return new WebAssembly.Instance(compiled).exports as WasmExports
}

class WasmKernel implements Kernel {
  readonly name = "wasm"
  memory: Uint8Array
  readonly base: number
  readonly emptyHash: number
  // The exports themselves, not methods around them: callers then step straight into wasm.
  readonly hash: Kernel["hash"]
  readonly hashLeaf: Kernel["hashLeaf"]
  readonly hashInternal: Kernel["hashInternal"]
  readonly #exports: WasmExports

  constructor(exports: WasmExports) {
    this.#exports = exports
    this.memory = new Uint8Array(exports.memory.buffer)
    this.base = exports.base.value
    this.emptyHash = exports.emptyHash.value
    this.hash = exports.hash
    this.hashLeaf = exports.hashLeaf
    this.hashInternal = exports.hashInternal
  }

  reserve(bytes: number): void {
    assertMemoryBytes(bytes)
    const have = this.memory.length
    if (bytes <= have) return
    this.#exports.memory.grow((grownBytes(have, bytes) - have) / wasmPageBytes)
    this.memory = new Uint8Array(this.#exports.memory.buffer)
  }

  crc32c(at: number, length: number): number {
    return this.#exports.crc32c(at, length) >>> 0
  }
}
