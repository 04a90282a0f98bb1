/** What results are made of. Whole numbers of any size are written with all their digits. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | ReadonlyArray<Json>
  | { readonly [name: string]: Json | undefined }

/**
 * One line of JSON. Fields keep their order; those that are `undefined` are left out. `JSON.stringify` refuses whole
 * numbers that are no `number`, and versions can be such.
 */
export const stringify = (value: Json): string => {
  if (typeof value === "bigint") return value.toString()
  if (isArray(value)) return `[${value.map(stringify).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).flatMap(([name, field]) =>
    field === undefined ? [] : [`${JSON.stringify(name)}:${stringify(field)}`]
  )
  return `{${fields.join(",")}}`
}

// Array.isArray narrows to a mutable array, which leaves read-only ones out.
const isArray = (value: Json): value is ReadonlyArray<Json> => Array.isArray(value)
