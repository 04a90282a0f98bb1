import { Effect, Option } from "effect"
import * as Bytes from "../mkvs/Bytes.ts"
import { makeKernel } from "../mkvs/kernel/index.ts"
import type { Kernel } from "../mkvs/kernel/Kernel.ts"
import type { Root } from "../mkvs/Root.ts"
import { BadNamespace, DatabaseReadOnly, MultipartInProgress } from "./NodeDatabaseError.ts"
import type { Change, PageStore, WriteOptions } from "./PageStore.ts"
import * as Records from "./Records.ts"
import { cacheBytesDefault, pageId, pagesTable, removePage, StoredPages } from "./StoredPages.ts"
import { checkNamespace, type State, type StoredRoot, Versions } from "./Versions.ts"

/** A committed root that is not final: it lives in this process until its version is finalised. */
export interface Candidate {
  readonly root: Root
  /** Page of the top node, 0 for an empty tree. */
  readonly page: number
  readonly keys: number
  /** What it was made from: another candidate of the version, or a root of the version before, or nothing. */
  readonly parent: Candidate | undefined
  readonly derived: boolean
  /** Ids [from, to) are its own new pages; `gone` are pages it does not use any more, its parent's or its own. */
  readonly from: number
  readonly to: number
  readonly gone: ReadonlyArray<number>
}

/** A multipart insert, as recorded; `cleaning` when it has ended and its leftovers are being removed. */
export interface MultipartState {
  readonly version: bigint
  /** Its pages have ids from here on, up to `endPage`, which is known when it has been given up; 0 before. */
  readonly firstPage: number
  readonly endPage: number
  readonly status: "inserting" | "aborting" | "finished"
  readonly tag: Uint8Array
}

/** Ids or records handled in one transaction of a long clean-up, between which other work gets its turn. */
export const sliceLength = 4096

/**
 * What the parts of a node database share: the medium, its pages and records, and what the single writer knows beyond
 * them. Synchronous; throws typed errors.
 */
export class DatabaseCore {
  readonly pages: StoredPages
  readonly versions: Versions
  /** Work that writes goes through here, one after the other. */
  readonly writing = Effect.unsafeMakeSemaphore(1)
  readonly candidates: Array<Candidate> = []
  /** Next free page id, and the first one that does not belong to a finalised version. */
  nextPage: number
  firstLoosePage: number
  /** Whether loose pages have been written to the medium to bound memory. */
  flushed = false
  private ownKernel: Kernel | undefined

  private constructor(
    readonly store: PageStore,
    readonly namespace: Uint8Array,
    nextPage: number,
    cacheBytes: number
  ) {
    this.pages = new StoredPages(store, cacheBytes)
    this.versions = new Versions(store)
    this.nextPage = nextPage
    this.firstLoosePage = nextPage
  }

  /**
   * Opens what is on the medium, or lays a new database out on an empty one. `namespace` absent: that of the database.
   * Removes what a crashed writer left behind.
   */
  static open(
    store: PageStore,
    options: { readonly namespace?: Uint8Array | undefined; readonly cacheBytes?: number | undefined }
  ): DatabaseCore {
    const versions = new Versions(store)
    const found = versions.state()
    const wanted = options.namespace
    if (found !== undefined && wanted !== undefined && !Bytes.equal(found.namespace, wanted)) {
      throw new BadNamespace({ expected: found.namespace, actual: wanted })
    }
    const state = found ?? { namespace: wanted ?? defaultNamespace, nextPage: 1, kept: undefined }
    if (found === undefined && !store.readOnly) store.write([versions.putState(state)])
    const core = new DatabaseCore(
      store,
      state.namespace,
      state.nextPage,
      options.cacheBytes ?? cacheBytesDefault
    )
    if (!store.readOnly) core.removeLoosePages()
    return core
  }

  get kernel(): Kernel {
    this.ownKernel ??= makeKernel()
    return this.ownKernel
  }

  get state(): State {
    return this.versions.state() ?? { namespace: this.namespace, nextPage: 1, kept: undefined }
  }

  /** A finalised root or a candidate. Throws `RootNotFound` or `BadNamespace`. */
  find(root: Root): StoredRoot {
    checkNamespace(this.namespace, root)
    const candidate = this.candidate(root)
    if (candidate === undefined) return this.versions.find(this.namespace, root)
    return {
      type: root.type,
      hash: root.hash,
      page: candidate.page,
      keys: candidate.keys,
      derived: candidate.derived
    }
  }

  candidate(root: Root): Candidate | undefined {
    return this.candidates.find((candidate) => candidate.root.equals(root))
  }

  write(changes: Iterable<Change>, options?: WriteOptions & { readonly guard?: () => void }): void {
    this.store.write(changes, options)
  }

  /** Throws `DatabaseReadOnly`. */
  checkWritable(operation: string): void {
    if (this.store.readOnly) throw new DatabaseReadOnly({ operation })
  }

  /** Writes pages that await finalisation, so that a large commit does not hold them all in memory. */
  flush(): void {
    const { pending } = this.pages
    this.write(
      (function* () {
        for (const [id, record] of pending) yield { table: pagesTable, key: pageKeyOf(id), value: record }
      })(),
      { durable: false }
    )
    this.flushed = true
    pending.clear()
  }

  /** The multipart insert on record. */
  multipart(): MultipartState | undefined {
    const bytes = Records.get(this.store, "meta", multipartKey)
    if (bytes === undefined) return undefined
    const fields = new Records.FieldReader(bytes, "meta multipart")
    const status = statuses[fields.u8()] ?? "inserting"
    return {
      status,
      version: fields.u64(),
      firstPage: fields.number(),
      endPage: fields.number(),
      tag: fields.blob()
    }
  }

  putMultipart(state: MultipartState): Change {
    const fields = new Records.FieldWriter().u8(statuses.indexOf(state.status)).u64(state.version)
    return Records.put(
      "meta",
      multipartKey,
      fields.u64(state.firstPage).u64(state.endPage).blob(state.tag).done()
    )
  }

  removeMultipart(): Change {
    return Records.remove("meta", multipartKey)
  }

  /** Throws `MultipartInProgress`. */
  checkNoMultipart(): void {
    const multipart = this.multipart()
    if (multipart?.status === "inserting") throw new MultipartInProgress({ version: multipart.version })
  }

  /** Deletes pages above the committed end: a commit that never ended wrote them. */
  private removeLoosePages(): void {
    const from = pageKeyOf(this.nextPage)
    for (;;) {
      const ids: Array<number> = []
      for (const [key] of this.store.range(pagesTable, { from })) {
        if (ids.push(pageId(key)) === sliceLength) break
      }
      if (ids.length === 0) return
      this.write(ids.map(removePage))
    }
  }
}

const statuses = ["inserting", "aborting", "finished"] as const

const multipartKey = new TextEncoder().encode("multipart")

const pageKeyOf = (id: number): Uint8Array => Records.u64Key(BigInt(id))

/** The namespace of a tree that names none: that of the reference's vectors. */
export const defaultNamespace: Uint8Array = Bytes.fromHex(
  "8000000000000000b15dd595b9586a22365545fe752ca8a1fd0d0040a5774eea"
)!

export const latest = (core: DatabaseCore): Option.Option<bigint> =>
  Option.fromNullable(core.state.kept?.latest)

export const earliest = (core: DatabaseCore): Option.Option<bigint> =>
  Option.fromNullable(core.state.kept?.earliest)
