import * as RecordCodec from "./RecordCodec.ts"
import { reservedKey } from "./State.ts"

/**
 * Which machine made the state. It lies in the tree, so that a restored state cannot be taken for another machine's;
 * block 1 writes it, and later the first block of a new machine version.
 */
export interface MachineRecord {
  readonly name: string
  readonly version: number
}

export const machineKey = reservedKey("machine")

export const codec: RecordCodec.RecordCodec<MachineRecord> = RecordCodec.make("machine record", [
  {
    fields: ["name", "version"],
    write: (machine) => [
      ["name", machine.name],
      ["version", machine.version]
    ],
    read: (fields) => ({
      name: fields.text("name"),
      version: RecordCodec.safeInteger(fields, "version")
    })
  }
])
