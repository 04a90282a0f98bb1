import { type Hasher, hashBytes } from "../Hasher.ts"
import { instantiate } from "../kernel/WasmKernel.ts"

/**
 * A hasher on a small WebAssembly instance of its own: bytes are copied in, long ones in pieces, so that its memory
 * stays as it is. Throws where WebAssembly is unavailable, forbidden, or knows no 128-bit vectors.
 */
export const makeWasmHasher = (): Hasher => {
  const wasm = instantiate()
  const out = wasm.base.value
  const room = out + hashBytes
  wasm.memory.grow(roomPages)
  const memory = new Uint8Array(wasm.memory.buffer)
  const pieceBytes = memory.length - room
  return {
    name: "wasm",
    hash: (bytes) => {
      if (bytes.length <= pieceBytes) {
        memory.set(bytes, room)
        wasm.hash(room, bytes.length, out)
        return memory.slice(out, room)
      }
      wasm.streamBegin()
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        const piece = bytes.subarray(at, at + pieceBytes)
        memory.set(piece, room)
        wasm.streamUpdate(room, piece.length)
      }
      wasm.streamEnd(out)
      return memory.slice(out, room)
    }
  }
}

/** Of 64 KiB, beyond what an instance begins with: about 100 KB a piece. Longer pieces measured no faster. */
const roomPages = 1
