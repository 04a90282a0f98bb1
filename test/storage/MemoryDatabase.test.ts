import { Layer } from "effect"
import { NodeDatabase } from "../../src/storage/NodeDatabase.ts"
import { nodeDatabaseSuite } from "./NodeDatabaseSuite.ts"

nodeDatabaseSuite("memory", () => NodeDatabase.layerMemory())
nodeDatabaseSuite("overlay on memory", () =>
  NodeDatabase.layerOverlay.pipe(Layer.provide(NodeDatabase.layerMemory()))
)
