import { Option } from "effect"
import * as Bytes from "../mkvs/Bytes.ts"
import { Root, type RootType, rootType } from "../mkvs/Root.ts"
import {
  BadNamespace,
  DatabaseDamaged,
  RootNotFound,
  UnknownFormatVersion,
  VersionNotFound
} from "./NodeDatabaseError.ts"
import type { Change, PageStore } from "./PageStore.ts"
import * as Records from "./Records.ts"

/** The layout of everything below; a database of a higher one is refused. */
export const formatVersion = 1

const metaTable = "meta"
const versionsTable = "versions"
const replacedTable = "replaced"
const stateKey = new TextEncoder().encode("state")

/** What holds for the database as a whole. */
export interface State {
  readonly namespace: Uint8Array
  /** Ids from here on are free; what lies there is left over from a commit that never ended. */
  readonly nextPage: number
  /** Finalised versions that are kept; `undefined` before the first. */
  readonly kept: { readonly earliest: bigint; readonly latest: bigint } | undefined
}

/** A finalised root. */
export interface StoredRoot {
  readonly type: RootType
  readonly hash: Uint8Array
  /** Page of the top node; 0 for an empty tree. */
  readonly page: number
  readonly keys: number
  /** Whether it was made from the previous version's root of its type: its list of replaced pages tells the rest. */
  readonly derived: boolean
}

/** Reads and writes the records of versions. Holds nothing itself, because another process may write them. */
export class Versions {
  constructor(private readonly store: PageStore) {}

  /** `undefined` for a database without content. Throws `UnknownFormatVersion` or `DatabaseDamaged`. */
  state(): State | undefined {
    const bytes = Records.get(this.store, metaTable, stateKey)
    if (bytes === undefined) {
      if (isEmpty(this.store, "pages") && isEmpty(this.store, versionsTable)) return undefined
      throw new DatabaseDamaged({ record: "meta state", reason: "it is missing" })
    }
    const fields = new Records.FieldReader(bytes, "meta state")
    const found = fields.u32()
    if (found > formatVersion) throw new UnknownFormatVersion({ found, supported: formatVersion })
    const namespace = fields.raw(32)
    const nextPage = fields.number()
    const kept = fields.u8() === 0 ? undefined : { earliest: fields.u64(), latest: fields.u64() }
    return { namespace, nextPage, kept }
  }

  putState(state: State): Change {
    const fields = new Records.FieldWriter().u32(formatVersion).raw(state.namespace).u64(state.nextPage)
    if (state.kept === undefined) fields.u8(0)
    else fields.u8(1).u64(state.kept.earliest).u64(state.kept.latest)
    return Records.put(metaTable, stateKey, fields.done())
  }

  /** Roots of a kept version, state before io. Throws `VersionNotFound`. */
  roots(version: bigint): ReadonlyArray<StoredRoot> {
    const kept = this.state()?.kept
    if (kept === undefined || version < kept.earliest || version > kept.latest) {
      throw new VersionNotFound({
        version,
        earliest: Option.fromNullable(kept?.earliest),
        latest: Option.fromNullable(kept?.latest)
      })
    }
    const key = Records.u64Key(version)
    const bytes = Records.get(this.store, versionsTable, key)
    if (bytes === undefined)
      throw new DatabaseDamaged({ record: `versions ${Bytes.toHex(key)}`, reason: "it is missing" })
    const fields = new Records.FieldReader(bytes, `versions ${Bytes.toHex(key)}`)
    return Array.from({ length: fields.u8() }, () => ({
      type: fields.u8() === rootType.state ? rootType.state : rootType.io,
      derived: fields.u8() === 1,
      hash: fields.raw(32),
      page: fields.number(),
      keys: fields.number()
    }))
  }

  putRoots(version: bigint, roots: ReadonlyArray<StoredRoot>): Change {
    const fields = new Records.FieldWriter().u8(roots.length)
    for (const root of roots) {
      fields
        .u8(root.type)
        .u8(root.derived ? 1 : 0)
        .raw(root.hash)
        .u64(root.page)
        .u64(root.keys)
    }
    return Records.put(versionsTable, Records.u64Key(version), fields.done())
  }

  removeRoots(version: bigint): Change {
    return Records.remove(versionsTable, Records.u64Key(version))
  }

  /** Pages of the previous version's root that this one no longer uses. */
  replaced(version: bigint, type: RootType): ReadonlyArray<number> {
    const key = replacedKey(version, type)
    const bytes = Records.get(this.store, replacedTable, key)
    if (bytes === undefined)
      throw new DatabaseDamaged({ record: `replaced ${Bytes.toHex(key)}`, reason: "it is missing" })
    return decodeIds(bytes, `replaced ${Bytes.toHex(key)}`)
  }

  putReplaced(version: bigint, type: RootType, ids: ReadonlyArray<number>): Change {
    return Records.put(replacedTable, replacedKey(version, type), encodeIds(ids))
  }

  removeReplaced(version: bigint, type: RootType): Change {
    return Records.remove(replacedTable, replacedKey(version, type))
  }

  /** The stored root that `root` names. Throws `BadNamespace` or `RootNotFound`. */
  find(namespace: Uint8Array, root: Root): StoredRoot {
    checkNamespace(namespace, root)
    const kept = this.state()?.kept
    if (kept !== undefined && root.version >= kept.earliest && root.version <= kept.latest) {
      const found = this.roots(root.version).find(
        (stored) => stored.type === root.type && Bytes.equal(stored.hash, root.hash)
      )
      if (found !== undefined) return found
      if (root.isEmpty) return { type: root.type, hash: root.hash, page: 0, keys: 0, derived: false }
    }
    throw new RootNotFound({ version: root.version, type: root.type, hash: root.hash })
  }
}

export const checkNamespace = (expected: Uint8Array, root: Root): void => {
  if (!Bytes.equal(expected, root.namespace)) throw new BadNamespace({ expected, actual: root.namespace })
}

export const toRoot = (namespace: Uint8Array, version: bigint, stored: StoredRoot): Root =>
  new Root({ namespace, version, type: stored.type, hash: stored.hash })

/** Ascending ids as `u32 count`, then for each the difference to the one before as an unsigned LEB128. */
export const encodeIds = (ids: ReadonlyArray<number>): Uint8Array => {
  const bytes = new Uint8Array(4 + 8 * ids.length)
  new DataView(bytes.buffer).setUint32(0, ids.length, true)
  let at = 4
  let before = 0
  for (const id of Float64Array.from(ids).sort()) {
    let rest = id - before
    before = id
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80
    bytes[at++] = rest
  }
  return bytes.slice(0, at)
}

export const decodeIds = (bytes: Uint8Array, record: string): ReadonlyArray<number> => {
  const fields = new Records.FieldReader(bytes, record)
  const ids: Array<number> = []
  let before = 0
  for (let count = fields.u32(); count > 0; count--) {
    let factor = 1
    let byte = fields.u8()
    for (; byte >= 0x80; byte = fields.u8()) {
      before += (byte - 0x80) * factor
      factor *= 0x80
    }
    before += byte * factor
    ids.push(before)
  }
  return ids
}

const replacedKey = (version: bigint, type: RootType): Uint8Array =>
  Bytes.concat(Records.u64Key(version), Uint8Array.of(type))

const isEmpty = (store: PageStore, table: string): boolean => store.range(table).next().done === true
