import { PagedTree } from "../../../src/mkvs/paged/PagedTree.ts"
import { ReferenceTree } from "../../../src/mkvs/reference/ReferenceTree.ts"
import { nodeHasher } from "../hasher.ts"
import { proofSuite } from "./ProofSuite.ts"

proofSuite("reference", () => new ReferenceTree(nodeHasher))
proofSuite("paged", () => new PagedTree())
