import { Effect, Either, Exit, Option, Scope, Stream } from "effect"
import * as Bytes from "../../mkvs/Bytes.ts"
import { emptyRoot, type Root, rootType } from "../../mkvs/Root.ts"
import { type Batch, NodeDatabase } from "../../storage/NodeDatabase.ts"
import * as DataDirectory from "../DataDirectory.ts"
import type { Encoding } from "../Encoding.ts"
import * as Input from "../Input.ts"
import { LineRefused, LineSplitter } from "../InputLines.ts"
import * as Output from "../Output.ts"
import * as Progress from "../Progress.ts"
import { parse, type TreeOperation } from "../TreeOperation.ts"

export interface ApplyOptions {
  readonly dataDir: string
  readonly namespace: Option.Option<Uint8Array>
  readonly encoding: Encoding
  readonly json: boolean
  readonly file: string
}

/**
 * Applies the lines of the input as they come, whatever its size: what is held is a line, and the changes since the last
 * commit. Every commit is final and durable before its result is printed. Whatever it fails by, versions that were
 * committed stay, and nothing of the lines after them.
 */
export const apply = (options: ApplyOptions) =>
  Effect.gen(function* () {
    // before the database, so that a wrong name leaves no empty directory behind
    const input = yield* Input.open(options.file)
    const namespace = Option.getOrUndefined(options.namespace)
    const database = DataDirectory.writing(options.dataDir, namespace)
    yield* Effect.provide(applyTo(input, options), database)
  }).pipe(Effect.scoped)

const applyTo = <E>(input: Stream.Stream<Uint8Array, E>, options: ApplyOptions) =>
  Effect.gen(function* () {
    const database = yield* NodeDatabase
    if (yield* DataDirectory.isNodes(database)) {
      return yield* new DataDirectory.NodesDirectory({ directory: options.dataDir })
    }
    const progress = yield* Progress.make("applying", "lines")
    const scope = yield* Effect.scope
    const applying: Applying = {
      database,
      options,
      scope,
      lines: new LineSplitter(),
      latest: yield* latestRoot(database),
      pending: undefined,
      uncommitted: undefined
    }
    yield* Stream.runForEach(input, (chunk) => {
      progress.report(applying.lines.line, undefined)
      return applyLines(applying, applying.lines.push(chunk))
    })
    yield* applyLines(applying, applying.lines.end())
    if (applying.uncommitted !== undefined) {
      const reason = 'a change that no {"commit":true} follows; nothing from this line on was kept'
      return yield* new LineRefused({ line: applying.uncommitted, reason })
    }
  })

interface Applying {
  readonly database: NodeDatabase.Service
  readonly options: ApplyOptions
  readonly scope: Scope.Scope
  readonly lines: LineSplitter
  latest: Root
  /** What has been changed since the last commit. */
  pending: { readonly batch: Batch; readonly scope: Scope.CloseableScope } | undefined
  /** The first line since the last commit. */
  uncommitted: number | undefined
}

const applyLines = (applying: Applying, lines: Generator<Uint8Array>) =>
  Effect.gen(function* () {
    for (;;) {
      const operation = yield* nextOperation(applying, lines)
      if (operation === undefined) return
      if (operation._tag === "Commit") {
        yield* commit(applying)
        continue
      }
      applying.uncommitted ??= applying.lines.line
      const batch = applying.pending?.batch ?? (yield* begin(applying))
      if (operation._tag === "Set") batch.insert(operation.key, operation.value)
      else batch.remove(operation.key)
    }
  })

/** The operation of the next line that is not blank; `undefined` where there is none. */
const nextOperation = (
  { lines: splitter, options }: Applying,
  lines: Generator<Uint8Array>
): Either.Either<TreeOperation | undefined, LineRefused> => {
  try {
    for (let next = lines.next(); next.done !== true; next = lines.next()) {
      const line = splitter.line === 1 ? withoutMark(next.value) : next.value
      const operation = parse(line, options.encoding)
      if (Either.isLeft(operation)) {
        return Either.left(refused(splitter.line, operation.left))
      }
      if (operation.right !== undefined) return Either.right(operation.right)
    }
    return Either.right(undefined)
  } catch (error) {
    if (error instanceof LineRefused) return Either.left(refused(error.line, error.reason))
    throw error
  }
}

const refused = (line: number, reason: string): LineRefused =>
  new LineRefused({ line, reason: `${reason}; nothing since the last commit was kept` })

/** Some editors begin a file with a byte order mark. */
const withoutMark = (line: Uint8Array): Uint8Array =>
  Bytes.startsWith(line, byteOrderMark) ? line.subarray(byteOrderMark.length) : line

const byteOrderMark = Uint8Array.of(0xef, 0xbb, 0xbf)

const begin = (applying: Applying) =>
  Effect.gen(function* () {
    const { database, latest } = applying
    const scope = yield* Scope.fork(applying.scope, { _tag: "Sequential" })
    const batch = yield* Scope.extend(database.newBatch(latest, latest.version + 1n), scope)
    applying.pending = { batch, scope }
    return batch
  })

const commit = (applying: Applying) =>
  Effect.gen(function* () {
    const batch = applying.pending?.batch ?? (yield* begin(applying))
    const { root, keys } = yield* batch.commit
    yield* applying.database.finalize([root])
    if (applying.pending !== undefined) yield* Scope.close(applying.pending.scope, Exit.void)
    applying.pending = undefined
    applying.uncommitted = undefined
    applying.latest = root
    const hash = Bytes.toHex(root.hash)
    yield* Output.result(applying.options.json, {
      json: () => ({ version: root.version, root: hash, keys }),
      human: () => `version ${root.version}  root ${hash}  ${Progress.count(keys)} keys`
    })
  })

/** What the first commit builds on; for a new tree the empty root of version 0. */
const latestRoot = (database: NodeDatabase.Service) =>
  Effect.gen(function* () {
    const latest = yield* database.latestVersion
    if (Option.isNone(latest)) return emptyRoot(database.namespace, 0n, rootType.state)
    const roots = yield* database.rootsForVersion(latest.value)
    const root = roots.find(({ type }) => type === rootType.state)
    return root ?? emptyRoot(database.namespace, latest.value, rootType.state)
  })
