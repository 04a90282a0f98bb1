import { FastCheck as fc } from "effect"
import { afterEach, describe, expect, it, vi } from "vitest"
import { toHex } from "../../../src/mkvs/Bytes.ts"
import { nodeHasher } from "../../../src/mkvs/hasher/NodeHasher.ts"
import { portableHasher } from "../../../src/mkvs/hasher/PortableHasher.ts"
import { type Kernel, makeKernel } from "../../../src/mkvs/kernel/index.ts"
import { kernelSuite } from "./KernelSuite.ts"

kernelSuite("wasm", () => makeKernel("wasm"))
kernelSuite("portable", () => makeKernel("portable", nodeHasher))

describe("makeKernel", () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.resetModules()
  })

  it("chooses wasm here, gives each caller memory of its own, and can be told otherwise", () => {
    const kernel = makeKernel()
    expect(kernel.name).toBe("wasm")
    expect(makeKernel().memory.buffer).not.toBe(kernel.memory.buffer)
    expect(makeKernel("portable").name).toBe("portable")
  })

  it.each(["undefined", "forbidden"])(
    "falls back where WebAssembly is %s, unless wasm is demanded",
    async (how) => {
      vi.resetModules()
      vi.stubGlobal(
        "WebAssembly",
        how === "undefined" ? undefined : { Module: forbidden, Instance: forbidden }
      )
      const fresh = await import("../../../src/mkvs/kernel/index.ts")
      expect(fresh.makeKernel().name).toBe("portable")
      expect(() => fresh.makeKernel("wasm")).toThrow()
    }
  )
})

describe("wasm and portable", () => {
  it("agree on whatever lies in memory, also in what they refuse", () => {
    const kernels = [makeKernel("wasm"), makeKernel("portable", portableHasher)] as const
    const seen = new Set<string>()
    for (const [bytes, from, length] of fc.sample(fc.tuple(content, fc.nat(100), fc.nat(500)), 500)) {
      const [wasm, portable] = kernels.map((kernel) => outcomes(kernel, Uint8Array.from(bytes), from, length))
      expect(wasm).toEqual(portable)
      for (const [name, outcome] of Object.entries(wasm ?? {})) seen.add(`${name} ${outcome === "throws"}`)
    }
    // each of the four both answered and refused
    expect(seen.size).toBe(8)
  })
})

/** What each member makes of bytes at the end of memory, where declared lengths easily lead outside. */
const outcomes = (kernel: Kernel, bytes: Uint8Array, from: number, length: number) => {
  const at = kernel.memory.length - bytes.length
  const out = kernel.base
  const outcome = (act: () => unknown) => {
    kernel.memory.fill(0, out, out + 32)
    kernel.memory.set(bytes, at)
    try {
      return `${act()} ${toHex(kernel.memory.subarray(out, out + 32))}`
    } catch {
      return "throws"
    }
  }
  return {
    hash: outcome(() => kernel.hash(at + from, length, out)),
    hashLeaf: outcome(() => kernel.hashLeaf(at + from, out)),
    hashInternal: outcome(() => kernel.hashInternal(at + from, length, at, at + 30, at + 70, out)),
    crc32c: outcome(() => kernel.crc32c(at + from, length))
  }
}

/** Mostly zeros, so that lengths read from it are sometimes short enough. */
const content = fc.array(
  fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(255) }),
  { minLength: 110, maxLength: 700 }
)

class forbidden {
  constructor() {
    throw new Error("refused by the content security policy")
  }
}
