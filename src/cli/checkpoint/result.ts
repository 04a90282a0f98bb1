import type { Metadata } from "../../checkpoint/Metadata.ts"
import { toHex } from "../../mkvs/Bytes.ts"
import { rootType } from "../../mkvs/Root.ts"
import { count } from "../Progress.ts"

/** What every command tells of a checkpoint. */
export const toJson = (metadata: Metadata) => ({
  version: metadata.root.version,
  root: toHex(metadata.root.hash),
  chunks: metadata.chunks.map(toHex),
  encodedHash: toHex(metadata.encodedHash())
})

export const toLine = ({ root, chunks }: Metadata): string => {
  const io = root.type === rootType.io ? "io " : ""
  const parts = chunks.length === 1 ? "1 chunk" : `${count(chunks.length)} chunks`
  return `version ${root.version}  ${io}root ${toHex(root.hash)}  ${parts}`
}
