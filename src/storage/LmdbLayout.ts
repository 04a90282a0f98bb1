import { readSync } from "node:fs"

/**
 * LMDB's data file, as far as we look at it ourselves. Source: lmdb 3.5.6,
 * `dependencies/lmdb/libraries/liblmdb/mdb.c`, data version 2, little-endian.
 *
 * A page begins with `u64 number ‖ u64 transaction ‖ u16 pad ‖ u16 flags ‖ u16 lower ‖ u16 upper`; pages 0 and 1 hold
 * one meta record each: `u32 magic ‖ u32 version ‖ u64 address ‖ u64 map size ‖ free tree ‖ main tree ‖ u64 last page ‖
 * u64 transaction`. A tree is `u32 pad ‖ u16 flags ‖ u16 depth ‖ u64 branch pages ‖ u64 leaf pages ‖ u64 overflow pages
 * ‖ u64 entries ‖ u64 root`; the free tree's pad is the page size. Transaction n writes page n mod 2.
 *
 * In a branch or leaf, `lower / 2` offsets of nodes follow the header; offsets, `lower` and `upper` count from its end.
 * A node is `u32 value length or page number ‖ u16 flags ‖ u16 key length ‖ key ‖ value`.
 */

export const pageHeaderBytes = 24
export const treeBytes = 48
/** The root of a tree without keys: all bits set, as a number. */
export const noPage = 2 ** 64

/** LMDB's map, in bytes of address space, not of memory: so large that it never has to move while it is read. */
export const mapBytes = 2 ** 40

/** Marks a tree whose keys are numbers: the list of free pages. */
export const integerKeyFlag = 0x08
/** What pages are in files made here, whatever the machine's own are; a file made elsewhere keeps its size. */
const newPageBytes = 4096

/** LMDB's own limit. */
const depthMax = 32

const metaFlag = 0x08
const metaBytes = 136
const magic = 0xbeefc0de
const dataVersion = 2

export interface LmdbTree {
  readonly flags: number
  /** Levels; the lowest holds the leaves. */
  readonly depth: number
  readonly branches: number
  readonly leaves: number
  readonly overflows: number
  readonly entries: number
  readonly root: number
}

export interface LmdbMeta {
  readonly pageBytes: number
  readonly free: LmdbTree
  readonly main: LmdbTree
  readonly lastPage: number
  readonly transaction: number
}

/**
 * Meta record 0 or 1; `undefined` where there is none, or one that we would not have written: LMDB takes flags and sizes
 * from here as they are, and some of them end the process. The second record lies where the first one's page size says.
 */
export const readMeta = (
  descriptor: number,
  number: 0 | 1,
  pageBytes: number | undefined
): LmdbMeta | undefined => {
  const page = readAt(descriptor, number * (pageBytes ?? 0), pageHeaderBytes + metaBytes)
  if (page.length < pageHeaderBytes + metaBytes || readU64(page, 0) !== number) return undefined
  const meta = page.subarray(pageHeaderBytes)
  if (page.readUInt16LE(18) !== metaFlag || meta.readUInt32LE(0) !== magic) return undefined
  if (meta.readUInt32LE(4) !== dataVersion) return undefined
  const size = meta.readUInt32LE(24)
  if (size < 512 || size > 65_536 || (size & (size - 1)) !== 0 || size !== (pageBytes ?? size))
    return undefined
  const found = {
    pageBytes: size,
    free: treeAt(meta, 24),
    main: treeAt(meta, 72),
    lastPage: readU64(meta, 120),
    transaction: readU64(meta, 128)
  }
  return isOurs(found) ? found : undefined
}

const isOurs = ({ free, lastPage, main, pageBytes }: LmdbMeta): boolean =>
  free.flags === integerKeyFlag &&
  main.flags === 0 &&
  free.depth <= depthMax &&
  main.depth <= depthMax &&
  (lastPage + 1) * pageBytes <= mapBytes

/** A data file without tables, as LMDB begins one. */
export const newDataFile = (): Uint8Array => {
  const file = Buffer.alloc(2 * newPageBytes)
  for (const number of [0, 1]) {
    const page = file.subarray(number * newPageBytes)
    page.writeBigUInt64LE(BigInt(number), 0)
    page.writeUInt16LE(metaFlag, 18)
    const meta = page.subarray(pageHeaderBytes)
    meta.writeUInt32LE(magic, 0)
    meta.writeUInt32LE(dataVersion, 4)
    meta.writeBigUInt64LE(BigInt(mapBytes), 16)
    meta.writeUInt32LE(newPageBytes, 24)
    meta.writeUInt16LE(integerKeyFlag, 28)
    // Both trees are empty: all bits of their roots are set.
    meta.fill(0xff, 64, 72)
    meta.fill(0xff, 112, 120)
    meta.writeBigUInt64LE(1n, 120)
  }
  return file
}

/** Shorter where the file ends. */
export const readAt = (descriptor: number, from: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes)
  return buffer.subarray(0, readSync(descriptor, buffer, 0, bytes, from))
}

export const readU64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at))

export const treeAt = (bytes: Buffer, at: number): LmdbTree => ({
  flags: bytes.readUInt16LE(at + 4),
  depth: bytes.readUInt16LE(at + 6),
  branches: readU64(bytes, at + 8),
  leaves: readU64(bytes, at + 16),
  overflows: readU64(bytes, at + 24),
  entries: readU64(bytes, at + 32),
  root: readU64(bytes, at + 40)
})
