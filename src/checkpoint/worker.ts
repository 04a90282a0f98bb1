import { parentPort } from "node:worker_threads"
import { openReadOnlyRoot } from "../storage/ReadOnlyRoot.ts"
import { serveJobs } from "./CreationThread.ts"

/** The program of the worker that makes checkpoints beside a database in LMDB. */
if (parentPort !== null) serveJobs(parentPort, openReadOnlyRoot)
