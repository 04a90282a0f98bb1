import { crc32c } from "@node-rs/crc32"
import type { Kernel } from "../mkvs/kernel/Kernel.ts"
import { readU32, writeU32 } from "../mkvs/paged/Page.ts"
import type { PageBuffer, PageSink, PageSource } from "../mkvs/paged/PageSource.ts"
import { isInner } from "../mkvs/paged/PageWalk.ts"
import { DatabaseDamaged } from "./NodeDatabaseError.ts"
import type { Change, PageStore } from "./PageStore.ts"

export const pagesTable = "pages"

/** Pages of a commit whose inner ones are cached when they are stored. */
const cachedCommitMax = 16_384

/** Inner pages kept in memory, in bytes, unless told otherwise. */
export const cacheBytesDefault = 32 * 1_048_576

/**
 * Pages on a medium. A record is `content ‖ u32le checksum`, its key the id as a big-endian u64; the checksum covers
 * content and id, and is compared whenever a record is read.
 */
export class StoredPages implements PageSource {
  /** Pages that are not on the medium yet, by id, as records. */
  readonly pending = new Map<number, Uint8Array>()

  private readonly cache: PageCache
  private readonly key = new Uint8Array(8)

  constructor(
    readonly store: PageStore,
    cacheBytes = cacheBytesDefault
  ) {
    this.cache = new PageCache(cacheBytes)
  }

  view(id: number): Uint8Array {
    return this.held(id) ?? this.read(id)
  }

  page(id: number): Uint8Array {
    return this.held(id) ?? this.read(id).slice()
  }

  lend(id: number, buffer: PageBuffer): Uint8Array {
    return this.held(id) ?? buffer.copyOf(this.read(id))
  }

  keep(id: number, content: Uint8Array): void {
    if (!this.cache.has(id) && !this.pending.has(id)) this.cache.set(id, content.slice())
  }

  /** A copy of the page as it is on the medium now (or awaits writing), past the cache. */
  fresh(id: number): Uint8Array {
    return this.pending.has(id) ? this.view(id) : this.read(id).slice()
  }

  private read(id: number): Uint8Array {
    const record = this.store.get(pagesTable, writeKey(this.key, id))
    if (record === undefined) throw new DatabaseDamaged({ record: `page ${id}`, reason: "it is missing" })
    const length = record.length - 4
    const content = record.subarray(0, Math.max(0, length))
    if (length < 1 || readU32(record, length) !== pageChecksum(crc32c(content), id)) {
      throw new DatabaseDamaged({ record: `page ${id}`, reason: "its checksum is wrong" })
    }
    return content
  }

  /** The page where it is in memory anyway. */
  private held(id: number): Uint8Array | undefined {
    const cached = this.cache.get(id)
    if (cached !== undefined) return cached
    const pending = this.pending.get(id)
    return pending?.subarray(0, pending.length - 4)
  }

  /**
   * The pending pages are on the medium now. Those that refer to others are kept in memory: the next commit and most
   * look-ups come through them. A large commit would only push others out.
   */
  stored(): void {
    if (this.pending.size <= cachedCommitMax) {
      for (const [id, record] of this.pending) {
        const content = record.subarray(0, record.length - 4)
        // A copy, because the record is part of something larger.
        if (isInner(content)) this.cache.set(id, content.slice())
      }
    }
    this.pending.clear()
  }

  /** Forgets a page that has been deleted or was never stored. */
  drop(id: number): void {
    this.pending.delete(id)
    this.cache.delete(id)
  }
}

/** Two generations: when the young one is full it becomes the old one, and the old one goes. */
class PageCache {
  private young = new Map<number, Uint8Array>()
  private old = new Map<number, Uint8Array>()
  private youngBytes = 0

  constructor(private readonly bytesMax: number) {}

  has(id: number): boolean {
    return this.young.has(id) || this.old.has(id)
  }

  get(id: number): Uint8Array | undefined {
    const young = this.young.get(id)
    if (young !== undefined) return young
    const old = this.old.get(id)
    if (old !== undefined) {
      this.old.delete(id)
      this.set(id, old)
    }
    return old
  }

  set(id: number, page: Uint8Array): void {
    if (this.youngBytes + page.length > this.bytesMax / 2) {
      this.old = this.young
      this.young = new Map()
      this.youngBytes = 0
    }
    this.young.set(id, page)
    this.youngBytes += page.length
  }

  delete(id: number): void {
    const page = this.young.get(id)
    if (page !== undefined) this.youngBytes -= page.length
    this.young.delete(id)
    this.old.delete(id)
  }
}

/** Takes new pages, numbers them from `next` on, and notes which pages they replace. */
export class PageCollector implements PageSink {
  /** Ids of pages, old or new, that the new tree no longer uses. */
  readonly gone: Array<number> = []
  /** Bytes of records that await writing. */
  bytes = 0
  /** The first id given out, and the next one. */
  readonly first: number
  next: number
  private slab = new Uint8Array(0)
  private slabAt = 0

  constructor(
    private readonly pages: StoredPages,
    private readonly kernel: Kernel,
    first: number
  ) {
    this.first = first
    this.next = first
  }

  write(memory: Uint8Array, at: number, end: number): number {
    const id = this.next++
    const length = end - at
    const record = this.allocate(length + 4)
    record.set(memory.subarray(at, end))
    writeU32(record, length, pageChecksum(this.kernel.crc32c(at, length), id))
    this.pages.pending.set(id, record)
    this.bytes += record.length
    return id
  }

  replaced(id: number): void {
    this.gone.push(id)
  }

  /** Records are cut from larger pieces: a buffer for each would cost more than its hash. */
  private allocate(bytes: number): Uint8Array {
    if (bytes > slabBytes / 4) return new Uint8Array(bytes)
    if (this.slabAt + bytes > this.slab.length) {
      this.slab = new Uint8Array(slabBytes)
      this.slabAt = 0
    }
    this.slabAt += bytes
    return this.slab.subarray(this.slabAt - bytes, this.slabAt)
  }
}

const slabBytes = 262_144

export const pageKey = (id: number): Uint8Array => writeKey(new Uint8Array(8), id)

export const pageId = (key: Uint8Array): number =>
  Number(new DataView(key.buffer, key.byteOffset, 8).getBigUint64(0))

export const putPage = (id: number, record: Uint8Array): Change => ({
  table: pagesTable,
  key: pageKey(id),
  value: record
})

export const removePage = (id: number): Change => ({ table: pagesTable, key: pageKey(id), value: undefined })

const writeKey = (key: Uint8Array, id: number): Uint8Array => {
  const high = Math.floor(id / 0x1_0000_0000)
  key[2] = high >>> 8
  key[3] = high
  key[4] = id >>> 24
  key[5] = id >>> 16
  key[6] = id >>> 8
  key[7] = id
  return key
}

/** Mixes the id into the content's checksum: a page that turns up under another id is damage too. */
const pageChecksum = (checksum: number, id: number): number =>
  (checksum ^
    Math.imul((id >>> 0) + 1, 0x9e3779b1) ^
    Math.imul(Math.floor(id / 0x1_0000_0000), 0x85ebca6b)) >>>
  0
