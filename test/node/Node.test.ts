import { media } from "./media.ts"
import { nodeSuite } from "./NodeSuite.ts"
import { startSuite } from "./StartSuite.ts"

for (const medium of media) {
  startSuite(medium)
  nodeSuite(medium)
}
