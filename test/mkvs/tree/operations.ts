import { expect, it } from "@effect/vitest"
import { copy, empty } from "../../../src/mkvs/Bytes.ts"
import { KeyTooLong } from "../../../src/mkvs/MkvsError.ts"
import { listing } from "../model.ts"
import { commitOf, emptyHash, hex, logTexts, type Make, show, text, treeOf } from "./support.ts"

/** Each operation on keys that are present, absent, repeated, empty; what commit says of it; what callers may do. */
export const operationCases = (make: Make): void => {
  it("a new tree is empty", () => {
    const tree = make()
    expect(tree.root).toBeUndefined()
    expect(tree.rootHash).toEqual(emptyHash)
    expect(tree.get(text("a"))).toBeUndefined()
    expect(tree.get(empty)).toBeUndefined()
    expect(tree.has(text("a"))).toBe(false)
    expect(tree.has(empty)).toBe(false)
    expect(listing(tree)).toEqual([])
    expect(listing(tree, { reverse: true })).toEqual([])
    expect(tree.commit()).toEqual({ rootHash: emptyHash, writeLog: [], keysDelta: 0 })
  })

  it("get and has, of present and absent keys, before and after commit", () => {
    const tree = make()
    for (const key of ["", "61", "6162", "616263", "80"]) tree.insert(hex(key), text(`value of ${key}`))
    const check = (): void => {
      for (const key of ["", "61", "6162", "616263", "80"]) {
        expect(tree.get(hex(key))).toEqual(text(`value of ${key}`))
        expect(tree.has(hex(key))).toBe(true)
      }
      for (const key of ["00", "6100", "6161", "61626300", "60", "8000", "ff"]) {
        expect(tree.get(hex(key))).toBeUndefined()
        expect(tree.has(hex(key))).toBe(false)
      }
    }
    check()
    tree.commit()
    check()
  })

  it("an empty value is present, also under the empty key", () => {
    const tree = make()
    tree.insert(empty, empty)
    tree.insert(text("a"), empty)
    for (const key of [empty, text("a")]) {
      expect(tree.get(key)).toEqual(empty)
      expect(tree.has(key)).toBe(true)
    }
    expect(logTexts(tree.commit().writeLog)).toEqual(["=", "61="])
    expect(tree.get(empty)).toEqual(empty)
    expect(tree.get(text("a"))).toEqual(empty)
    expect(listing(tree)).toEqual(["=", "61="])
    tree.remove(empty)
    expect(tree.has(empty)).toBe(false)
    expect(logTexts(tree.commit().writeLog)).toEqual(["=absent"])
    expect(listing(tree)).toEqual(["61="])
  })

  it("the last of repeated inserts holds, and the log tells it once", () => {
    const tree = make()
    for (const value of ["1", "22", "", "333"]) tree.insert(text("a"), text(value))
    expect(tree.get(text("a"))).toEqual(text("333"))
    const { keysDelta, writeLog } = tree.commit()
    expect(logTexts(writeLog)).toEqual([`61=${show(text("333"))}`])
    expect(keysDelta).toBe(1)
    tree.insert(text("a"), text("4"))
    tree.insert(text("a"), text("5"))
    expect(tree.commit()).toMatchObject({ keysDelta: 0, writeLog: [{ key: text("a"), value: text("5") }] })
  })

  it("remove of present, absent and already removed keys", () => {
    const tree = treeOf(make, ["61", "62", "63"])
    tree.remove(hex("62"))
    tree.remove(hex("62"))
    tree.remove(hex("64"))
    tree.remove(hex(""))
    expect(tree.has(hex("62"))).toBe(false)
    expect(tree.get(hex("62"))).toBeUndefined()
    expect(tree.get(hex("61"))).toEqual(hex("61"))
    const { keysDelta, writeLog } = tree.commit()
    expect(logTexts(writeLog)).toEqual(["62=absent"])
    expect(keysDelta).toBe(-1)
    tree.remove(hex("62"))
    expect(tree.commit()).toMatchObject({ keysDelta: 0, writeLog: [] })
    expect(listing(tree)).toEqual(["61=61", "63=63"])
  })

  it("removing the last key leaves the empty tree", () => {
    const tree = treeOf(make, ["61"])
    const { rootHash } = commitOf(tree, () => tree.remove(hex("61")))
    expect(rootHash).toEqual(emptyHash)
    expect(tree.root).toBeUndefined()
    tree.insert(hex("62"), empty)
    expect(tree.commit().keysDelta).toBe(1)
    expect(listing(tree)).toEqual(["62="])
  })

  it("the log tells keys in order, and only what differs in the end", () => {
    const tree = treeOf(make, ["10", "20", "30", "40"])
    tree.insert(hex("50"), hex("05")) // new, and removed again
    tree.remove(hex("50"))
    tree.insert(hex("40"), hex("04"))
    tree.remove(hex("10"))
    tree.insert(hex("10"), hex("10")) // removed, and back as it was
    tree.insert(hex("20"), hex("02")) // changed, and back
    tree.insert(hex("20"), hex("20"))
    tree.remove(hex("30"))
    tree.insert(hex("4000"), empty)
    tree.insert(hex(""), hex("00"))
    const { keysDelta, writeLog } = tree.commit()
    expect(logTexts(writeLog)).toEqual(["=00", "30=absent", "40=04", "4000="])
    expect(keysDelta).toBe(1)
  })

  it("setting a key to the value it has changes nothing", () => {
    const keys = ["", "00", "61", "6162", "80"]
    const tree = treeOf(make, keys)
    const { rootHash } = tree
    for (const key of keys) tree.insert(hex(key), hex(key))
    expect(tree.commit()).toEqual({ rootHash, writeLog: [], keysDelta: 0 })
    expect(tree.rootHash).toEqual(rootHash)
    expect(tree.root?.hash).toEqual(rootHash)
  })

  it("root and rootHash are of the last commit, whatever is pending", () => {
    const tree = treeOf(make, ["61", "62"])
    const { rootHash } = tree
    tree.insert(hex("63"), empty)
    tree.remove(hex("61"))
    expect(tree.rootHash).toEqual(rootHash)
    expect(tree.root?.hash).toEqual(rootHash)
    expect(listing(tree)).toEqual(["62=62", "63="])
    const after = tree.commit().rootHash
    expect(after).not.toEqual(rootHash)
    expect(tree.rootHash).toEqual(after)
    expect(tree.root?.hash).toEqual(after)
  })

  it("two trees know nothing of each other", () => {
    const one = treeOf(make, ["61"])
    const two = treeOf(make, ["62"])
    one.insert(hex("63"), empty)
    expect(listing(two)).toEqual(["62=62"])
    two.commit()
    one.commit()
    expect(listing(one)).toEqual(["61=61", "63="])
    expect(listing(two)).toEqual(["62=62"])
  })

  it("the caller may use its buffers again", () => {
    const tree = make()
    const key = text("key")
    const value = text("value")
    tree.insert(key, value)
    key.fill(0x7a)
    value.fill(0x7a)
    expect(tree.get(text("key"))).toEqual(text("value"))
    tree.insert(key, value)
    const removed = text("key")
    tree.remove(removed)
    removed.fill(0)
    const { writeLog } = tree.commit()
    expect(writeLog).toEqual([{ key: text("zzz"), value: text("zzzzz") }])
    key.fill(0)
    value.fill(0)
    expect(tree.get(text("zzz"))).toEqual(text("zzzzz"))
  })

  it("what a tree gave out stays as it was", () => {
    const tree = treeOf(make, ["61", "62"])
    tree.insert(hex("63"), hex("63"))
    const values = ["61", "62", "63"].map((key) => tree.get(hex(key))!)
    const entries = [...tree.iterate()]
    const before = copy(tree.rootHash)
    const given = tree.rootHash
    for (const key of ["61", "62", "63"]) tree.insert(hex(key), hex("ff"))
    const { writeLog } = tree.commit()
    for (const key of ["61", "62", "63"]) tree.insert(hex(key), hex("00"))
    tree.commit()
    expect(values.map(show)).toEqual(["61", "62", "63"])
    expect(entries.map(([key, value]) => `${show(key)}=${show(value)}`)).toEqual(["61=61", "62=62", "63=63"])
    expect(logTexts(writeLog)).toEqual(["61=ff", "62=ff", "63=ff"])
    expect(given).toEqual(before)
  })

  it("refuses a key of 8,192 bytes and changes nothing", () => {
    const tree = treeOf(make, ["61"])
    const { rootHash } = tree
    expect(() => tree.insert(new Uint8Array(8192), text("x"))).toThrow(KeyTooLong)
    expect(() => tree.insert(new Uint8Array(100_000), text("x"))).toThrow(KeyTooLong)
    // Such a key cannot be there: asking for it and removing it are no errors.
    tree.remove(new Uint8Array(8192))
    expect(tree.get(new Uint8Array(8192))).toBeUndefined()
    expect(tree.has(new Uint8Array(8192))).toBe(false)
    expect(listing(tree, { from: new Uint8Array(9000) })).toEqual(["61=61"])
    expect(listing(tree, { prefix: new Uint8Array(9000) })).toEqual([])
    expect(tree.commit()).toEqual({ rootHash, writeLog: [], keysDelta: 0 })
  })

  it("takes keys of 8,191 bytes that part at the last bit, at the first, and nowhere", () => {
    const last = new Uint8Array(8191)
    last[8190] = 1
    const first = new Uint8Array(8191).fill(0xff)
    const keys = [new Uint8Array(8190), new Uint8Array(8191), last, first]
    const tree = make()
    for (const [i, key] of keys.entries()) tree.insert(key, text(`${i}`))
    expect(tree.commit().keysDelta).toBe(4)
    expect(keys.map((key) => show(tree.get(key)))).toEqual(keys.map((_, i) => show(text(`${i}`))))
    expect([...tree.iterate()].map(([key]) => key.length)).toEqual([8190, 8191, 8191, 8191])
    expect(tree.get(new Uint8Array(8189))).toBeUndefined()
    tree.remove(last)
    tree.remove(new Uint8Array(8190))
    const other = make()
    for (const [key, value] of tree.iterate()) other.insert(key, value)
    expect(tree.commit().rootHash).toEqual(other.commit().rootHash)
  })

  it("takes values of 1 MiB, and replaces them by small ones and back", () => {
    const big = (fill: number): Uint8Array => new Uint8Array(1024 * 1024 + fill).fill(fill)
    const tree = make()
    for (let i = 1; i <= 4; i++) tree.insert(text(`key ${i}`), big(i))
    tree.insert(text("key"), text("small"))
    const { rootHash } = tree.commit()
    for (let i = 1; i <= 4; i++) {
      expect(Buffer.compare(tree.get(text(`key ${i}`))!, big(i))).toBe(0)
      tree.insert(text(`key ${i}`), text("small"))
    }
    tree.commit()
    expect([...tree.iterate()].map(([, value]) => value.length)).toEqual([5, 5, 5, 5, 5])
    for (let i = 4; i >= 1; i--) tree.insert(text(`key ${i}`), big(i))
    expect([...tree.iterate()].map(([, value]) => value.length - 1024 * 1024)).toEqual([
      5 - 1024 * 1024,
      1,
      2,
      3,
      4
    ])
    expect(tree.commit().rootHash).toEqual(rootHash)
  })
}
