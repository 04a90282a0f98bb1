import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema, Stream } from "effect"
import cities, { City, feed } from "../../examples/cities/src/index.ts"
import { nodeHasher } from "../../src/mkvs/hasher/NodeHasher.ts"
import { ReferenceTree } from "../../src/mkvs/reference/ReferenceTree.ts"
import * as BlockHeader from "../../src/node/BlockHeader.ts"
import { Blocks } from "../../src/node/Blocks.ts"
import * as MachineRecord from "../../src/node/MachineRecord.ts"
import { Node } from "../../src/node/Node.ts"
import { StateStorage } from "../../src/node/StateStorage.ts"
import { media } from "../node/media.ts"

const utf8 = (value: unknown) =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value))
const firstCities = (count: number) => (fromHeight: bigint) =>
  Stream.take(feed(fromHeight), Math.max(0, count + 1 - Number(fromHeight)))

const nodeOf = (count: number) =>
  Node.layer({ stateMachine: cities, feed: firstCities(count), blockTransactions: 1000 })

describe("examples/cities", () => {
  for (const medium of media) {
    it.scoped(`the first 3,000 cities end in the roots of the plain tree (${medium.name})`, () =>
      Effect.gen(function* () {
        const database = yield* medium.make
        yield* Effect.gen(function* () {
          yield* (yield* Node).runFeed
          const roots = yield* Stream.runCollect(Stream.map((yield* Blocks).list(), ({ appRoot }) => appRoot))
          expect(Array.from(roots)).toEqual(yield* plainRoots)
        }).pipe(Effect.provide(Layer.provide(nodeOf(3000), database)))
      })
    )
  }

  it.scoped("files cities and counts them by country; a city that is there already is refused", () =>
    Effect.gen(function* () {
      const database = yield* media[0]!.make
      const twice = (fromHeight: bigint) =>
        Stream.drop(Stream.concat(firstCities(40)(1n), firstCities(1)(1n)), Number(fromHeight) - 1)
      const layer = Layer.provide(Node.layer({ stateMachine: cities, feed: twice }), database)
      yield* Effect.gen(function* () {
        const node = yield* Node
        yield* node.runFeed
        const states = yield* StateStorage
        const city = JSON.parse(
          new TextDecoder().decode(Option.getOrThrow(yield* states.get(utf8("AD/02/El Tarter/3039154"))))
        )
        expect(city).toMatchObject({ name: "El Tarter", country: "AD", population: 1052 })
        expect(yield* node.query("AD")).toEqual({ cities: 10, population: 73931 })
        expect(yield* node.query("XX")).toBe(null)
        const block = Option.getOrThrow(yield* (yield* Blocks).latest)
        const failures = block.transactions.flatMap(({ failure }) => failure ?? [])
        expect(failures.map(({ _tag }) => _tag)).toEqual(["CityExists"])
      }).pipe(Effect.provide(layer))
    })
  )
})

/** The same three blocks, written by hand into the plain tree. Only the blocks' headers are taken from the node. */
const plainRoots = Effect.gen(function* () {
  const blocks = yield* Stream.runCollect((yield* Blocks).list())
  const records = Array.from(yield* Stream.runCollect(firstCities(3000)(1n)))
  const totals = new Map<string, { cities: number; population: number }>()
  const tree = new ReferenceTree(nodeHasher)
  tree.insert(MachineRecord.machineKey, MachineRecord.codec.encode({ name: "cities", version: 1 }))
  return Array.from(blocks, ({ header }) => {
    for (const city of records.slice(Number(header.firstHeight) - 1, Number(header.lastHeight))) {
      tree.insert(
        utf8([city.country, city.adminCode, city.name, city.cityId].join("/")),
        utf8(Schema.encodeSync(City)(city))
      )
      const before = totals.get(city.country) ?? { cities: 0, population: 0 }
      totals.set(city.country, { cities: before.cities + 1, population: before.population + city.population })
      tree.insert(utf8(`totals/${city.country}`), utf8(totals.get(city.country)))
    }
    tree.insert(BlockHeader.headerKey, BlockHeader.codec.encode(header))
    return tree.commit().rootHash
  })
})
