import { makeKernel } from "../../../src/mkvs/kernel/index.ts"
import { PagedTree } from "../../../src/mkvs/paged/PagedTree.ts"
import { treeSuite } from "../TreeSuite.ts"

treeSuite("paged", () => new PagedTree(), { deep: true })
treeSuite("paged, portable kernel", () => new PagedTree(makeKernel("portable")))
