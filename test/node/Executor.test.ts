import { executorSuite } from "./ExecutorSuite.ts"
import { media } from "./media.ts"

for (const medium of media) executorSuite(medium)
