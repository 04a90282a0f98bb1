// The benchmark's data: `shared` entries of data set `hash`, seed `bench`, and the hashes every run must reach.
import { makeWasmHasher } from "../dist/mkvs/hasher/index.js"

const hasher = makeWasmHasher()
const encoder = new TextEncoder()

export const hash = (text) => hasher.hash(encoder.encode(text))

const twice = (bytes) => {
  const doubled = new Uint8Array(2 * bytes.length)
  doubled.set(bytes)
  doubled.set(bytes, bytes.length)
  return doubled
}

export const keyOf = (i) => hash(`bench/key/${i}`)

export const valueOf = (i) => twice(hash(`bench/value/${i}`))

const indexOf = (digest, keys) => new DataView(digest.buffer, digest.byteOffset).getUint32(0, true) % keys

/** The updates of one block: keys and values. */
export const blockOf = (version, keys) =>
  Array.from({ length: updatesPerBlock }, (_, j) => {
    const digest = hash(`op/${version}/${j}`)
    return [keyOf(indexOf(digest, keys)), twice(digest)]
  })

export const getKeys = (keys) =>
  Array.from({ length: getCount }, (_, j) => keyOf(indexOf(hash(`get/${j}`), keys)))

export const updatesPerBlock = 1000
export const blockCount = 20
export const getCount = 20_000
export const chunkSize = 8_388_608

/** By number of keys: roots of versions 1 and 21, and the checkpoint's encoded hash with 0 and 2 threads. */
export const expected = {
  10000: {
    root1: "7ed35d853b4fcf49f45b24ac92c5ed4e3debb631b114495f6934c15e4f3d5c02",
    root21: "3ae723ebb45a482b4c04a35d61e0177dded29319caaf670944df72f7b45d44a2",
    encodedHash: "68e68c93df2ac115807dd0f251affb06be5e962479fbed3d31b7d7bb88d67bf3"
  },
  100000: {
    root1: "46cea01be994eb2882cf668ce35a25ed2f7c586d95aa93cb303925911fa5f7b6",
    root21: "20ed50447642784289b305f09e8dbab5627cf33a2b1f3d839dd43fe9e1bc5984",
    encodedHash: "6601066d9fecc9f7a1c4d8a6128ae600ef603798b339aa2fa3ec0ca420e94070",
    encodedHash2: "19535d80c0549f4393b91a89491f2663d75b4dd6888737c3e1442cdd3766601e"
  },
  1000000: {
    root1: "bb098c1ce27c9221a8f49d797200d6d3913f14539db4bce61fa6e879b91005dc",
    root21: "9ffdaf2ad92fba82298e851f9cd09c9721956343f9f6594ceeb451fa8194902b",
    encodedHash: "17205d876019e217410396c76f18b6b9ac046592ef7359c54621595a7fba1454",
    encodedHash2: "7f0f19a569bbdc8eac1f2c74f13f91055a95e32dec702c96094c90a6a2125f0b"
  }
}

/** The reference's figures (`bench.md`): seconds, blocks and gets per second, MiB. */
export const reference = {
  10000: { build: 0.17, blocks: 20 / 1.4, gets: 51_000, checkpoint: 0.13, restore: 0.13, rssMiB: 217 },
  100000: {
    build: 2.5,
    blocks: 20 / 3.4,
    gets: 9600,
    checkpoint: 3.0,
    checkpoint2: 1.8,
    restore: 1.4,
    rssMiB: 557
  },
  1000000: {
    build: 45,
    blocks: 20 / 5.7,
    gets: 6400,
    checkpoint: 35,
    checkpoint2: 26.5,
    restore: 17,
    rssMiB: 3055
  }
}
