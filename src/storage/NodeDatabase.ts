import { Context, Effect, Layer, Option, type Scope, type Stream } from "effect"
import type { KeyTooLong, ProofVerificationFailed } from "../mkvs/MkvsError.ts"
import type { Root } from "../mkvs/Root.ts"
import type { Reader, Writer } from "../mkvs/Tree.ts"
import type { TreeNode } from "../mkvs/TreeNode.ts"
import type { WriteLog, WriteLogEntry } from "../mkvs/WriteLog.ts"
import { makeMemoryPageStore } from "./MemoryPageStore.ts"
import { type MakeOptions, makeDatabase, makeOverlayDatabase, type OpenRefused } from "./makeDatabase.ts"
import type * as Errors from "./NodeDatabaseError.ts"
import type { Change, RangeOptions } from "./PageStore.ts"
import type { DatabaseHeld, StoreFailed } from "./StoreError.ts"

/** One root, readable as it is. Its version is not pruned while it is in use. */
export interface Snapshot extends Reader {
  readonly root: Root
  /** Top node, for proofs and chunks; `undefined` for an empty tree. */
  readonly top: TreeNode | undefined
  /** Number of keys; kept up to date by commits, so O(1). */
  readonly keys: number
}

/** A new root in the making. Reads see its own writes. Single use: `commit` ends it. */
export interface Batch extends Writer {
  readonly oldRoot: Root
  readonly version: bigint
  /**
   * Computes the new root. Afterwards it is a *candidate* of its version: readable, a possible old root for further
   * batches of the same version, but neither durable nor final before `finalize`. Candidates of a version that are
   * not finalised with it are discarded; a restart discards all of them. Committing content that exists already
   * under the same version and type gives that same root. A second `commit` dies.
   */
  readonly commit: Effect.Effect<BatchCommit, Errors.WriteFailure>
}

export interface BatchCommit {
  readonly root: Root
  /** Keys in the tree. */
  readonly keys: number
  /** Built when first asked for. */
  readonly writeLog: () => WriteLog
}

export interface FinalizeOptions {
  /**
   * Records of the caller's own tables (see `records`) that become durable in the same step as the version: all or
   * nothing.
   */
  readonly changes?: Iterable<Change>
}

/** A part of a tree (one checkpoint chunk) that a multipart insert adds. */
export interface Part {
  /** Its number; a part is applied once. */
  readonly index: number
  readonly root: Root
  /** Entries of a V0 proof rooted at `root`, each framed as CBOR, as in a decompressed chunk. */
  readonly entries: Uint8Array
}

export interface Multipart {
  readonly version: bigint
  /** What the caller gave to `start` or `setTag`; opaque here. */
  readonly tag: Uint8Array
}

/**
 * Versions of a state tree on a medium.
 *
 * A version holds at most one finalised root of each type (state, io). Versions are finalised one after the other
 * (the first may have any number), and pruned from the earliest on. Everything finalised is immutable. A root is read
 * under a pin; nothing is read outside one.
 */
export class NodeDatabase extends Context.Tag("effect-cairn/NodeDatabase")<
  NodeDatabase,
  NodeDatabase.Service
>() {
  /** In memory: the same behaviour, gone with the scope. For tests and small states. */
  static readonly layerMemory = (options?: MakeOptions): Layer.Layer<NodeDatabase, OpenRefused> =>
    Layer.effect(
      NodeDatabase,
      Effect.suspend(() => {
        const store = makeMemoryPageStore()
        return makeDatabase(
          { store, path: Option.none(), pinStore: Effect.succeed(store), owner: "memory" },
          options
        )
      })
    )

  /**
   * In LMDB, the embedded default: durable, one writing process, any number of readers (`readOnly`). The native
   * module is loaded when the layer is built, not before.
   */
  static readonly layerLmdb = (options: LmdbOptions): Layer.Layer<NodeDatabase, OpenRefused | DatabaseHeld> =>
    Layer.scoped(
      NodeDatabase,
      Effect.flatMap(
        Effect.promise(() => import("./LmdbDatabase.ts")),
        ({ makeLmdbDatabase }) => makeLmdbDatabase(options)
      )
    )

  /** On the database given to it: reads fall through, changes stay in memory and go with the scope. */
  static readonly layerOverlay: Layer.Layer<NodeDatabase, OpenRefused, NodeDatabase> = Layer.scoped(
    NodeDatabase,
    Effect.flatMap(NodeDatabase, makeOverlayDatabase)
  )
}

/** Where and how an LMDB database is opened. */
export interface LmdbOptions extends MakeOptions {
  /** Created where absent, unless read-only. */
  readonly directory: string
  /** Reads only, beside any other process. Default false. */
  readonly readOnly?: boolean | undefined
  /**
   * Bytes of the data file that are looked through for damage when it is opened, beyond its inner pages; small tables
   * come first. Default 256 MiB, which takes about 0.2 s where the system has the file in memory. Of what is not looked
   * through, pages of the tree and records are still checked when they are read; but damage to what LMDB keeps around
   * them could hide a record, or end the process. `Number.POSITIVE_INFINITY` leaves nothing out.
   */
  readonly examineBytesMax?: number | undefined
}

export declare namespace NodeDatabase {
  interface Service {
    readonly namespace: Uint8Array
    readonly readOnly: boolean
    /** Directory, where there is one: worker threads and other processes can open it read-only. */
    readonly path: Option.Option<string>

    /** `None` before the first `finalize`. */
    readonly latestVersion: Effect.Effect<Option.Option<bigint>, ReadFailure>
    /** The oldest version that has not been pruned; `None` before the first `finalize`. */
    readonly earliestVersion: Effect.Effect<Option.Option<bigint>, ReadFailure>
    /** Finalised roots of the version, state before io. */
    readonly rootsForVersion: (
      version: bigint
    ) => Effect.Effect<ReadonlyArray<Root>, Errors.VersionNotFound | ReadFailure>
    /** Whether the root can be read: finalised or a candidate. The empty root of a kept version counts. */
    readonly has: (root: Root) => Effect.Effect<boolean, ReadFailure>

    /** Runs `use` on the root under a pin. Synchronous: for look-ups, proofs, short iterations. */
    readonly read: <A>(
      root: Root,
      use: (snapshot: Snapshot) => A
    ) => Effect.Effect<A, RootUnavailable | KeyTooLong | ReadFailure>
    /**
     * The root, pinned until the scope closes. Reading a damaged page through it throws `DatabaseDamaged`: wrap long
     * walks in `attempt`.
     */
    readonly snapshot: (root: Root) => Effect.Effect<Snapshot, RootUnavailable | ReadFailure, Scope.Scope>
    /** Turns what the synchronous tree throws into typed failures; other throws die. */
    readonly attempt: <A>(body: () => A) => Effect.Effect<A, KeyTooLong | ReadFailure>
    /** The node with this hash on the way to `key`. */
    readonly node: (
      root: Root,
      key: Uint8Array,
      hash: Uint8Array
    ) => Effect.Effect<TreeNode, Errors.NodeNotFound | RootUnavailable | ReadFailure>
    /** Entries that turn `start` into `end`, in key order; any two kept roots of one type, `end` not before `start`. */
    readonly getWriteLog: (
      start: Root,
      end: Root
    ) => Stream.Stream<WriteLogEntry, Errors.WriteLogNotFound | Errors.BadNamespace | ReadFailure>

    /** Starts a root of `version` from `oldRoot`. An empty old root of the version before (or of `version`) starts empty. */
    readonly newBatch: (
      oldRoot: Root,
      version: bigint
    ) => Effect.Effect<Batch, BatchRefused | RootUnavailable | ReadFailure, Scope.Scope>
    /**
     * Makes these roots (one version, at most one of each type) final and durable: when it returns, a power cut loses
     * nothing of them. Other candidates of the version are discarded.
     */
    readonly finalize: (
      roots: ReadonlyArray<Root>,
      options?: FinalizeOptions
    ) => Effect.Effect<void, FinalizeRefused | Errors.WriteFailure>
    /** Removes the earliest version and what only it needs. */
    readonly prune: (version: bigint) => Effect.Effect<void, PruneRefused | Errors.WriteFailure>
    /**
     * Keeps the version from being pruned until the scope closes, also against other processes: the pin is recorded
     * in the database with an expiry that is renewed while the scope is open, so it dies with its owner.
     */
    readonly pin: (
      version: bigint
    ) => Effect.Effect<void, Errors.VersionNotFound | Errors.WriteFailure, Scope.Scope>

    /**
     * Inserting the roots of a version from parts, in any order. Each part is durable when `put` returns. It ends with
     * `finalize` of that version, or with `abort`; a crash in between loses nothing.
     */
    readonly multipart: {
      /** The insert in progress, also one left by an earlier process. */
      readonly current: Effect.Effect<Option.Option<Multipart>, ReadFailure>
      /** `version` must be the first one, or come directly after the latest. */
      readonly start: (
        version: bigint,
        tag: Uint8Array
      ) => Effect.Effect<
        void,
        Errors.MultipartInProgress | Errors.AlreadyFinalized | Errors.NotFinalized | Errors.WriteFailure
      >
      /** Replaces the tag: what the caller notes about how far it is. */
      readonly setTag: (
        tag: Uint8Array
      ) => Effect.Effect<void, Errors.WrongMultipartVersion | Errors.WriteFailure>
      /** Verifies the part against its root and stores it. A refused part changes nothing; one applied before is a no-op. */
      readonly put: (part: Part) => Effect.Effect<void, PartRefused | Errors.WriteFailure>
      /** Indexes of the parts of this root applied so far, ascending. */
      readonly done: (root: Root) => Effect.Effect<ReadonlyArray<number>, ReadFailure>
      /** What is still unresolved below the root; `None` when it is complete. */
      readonly missing: (
        root: Root
      ) => Effect.Effect<
        Option.Option<Errors.MultipartIncomplete>,
        Errors.WrongMultipartVersion | ProofVerificationFailed | ReadFailure
      >
      /** Removes everything inserted since `start`; no error where nothing is in progress. */
      readonly abort: Effect.Effect<void, Errors.WriteFailure>
    }

    /** The caller's own tables beside the tree (blocks, events); changed together with `finalize`, or alone. */
    readonly records: {
      readonly get: (table: string, key: Uint8Array) => Effect.Effect<Option.Option<Uint8Array>, ReadFailure>
      readonly range: (
        table: string,
        options?: RangeOptions
      ) => Stream.Stream<readonly [key: Uint8Array, value: Uint8Array], ReadFailure>
      /** Atomic and durable. */
      readonly write: (changes: Iterable<Change>) => Effect.Effect<void, Errors.WriteFailure>
    }

    /** Bytes in use. */
    readonly size: Effect.Effect<number, ReadFailure>
    readonly sync: Effect.Effect<void, Errors.WriteFailure>
    /**
     * Recomputes every hash of the root from its leaves, reading every page. Fails with the first damage unless
     * `onDamage` is given, which then hears of each and the walk goes on.
     */
    readonly verify: (
      root: Root,
      onDamage?: (damage: Errors.DatabaseDamaged) => void
    ) => Effect.Effect<{ readonly pages: number; readonly keys: number }, RootUnavailable | ReadFailure>
  }

  type ReadFailure = Errors.DatabaseDamaged | StoreFailed
  type RootUnavailable = Errors.RootNotFound | Errors.BadNamespace
  type BatchRefused =
    | Errors.DatabaseReadOnly
    | Errors.RootMustFollowOld
    | Errors.PreviousVersionMismatch
    | Errors.VersionWentBackwards
    | Errors.AlreadyFinalized
    | Errors.NotFinalized
    | Errors.MultipartInProgress
  type FinalizeRefused =
    | Errors.NotFinalized
    | Errors.AlreadyFinalized
    | RootUnavailable
    | Errors.WrongMultipartVersion
    | Errors.MultipartIncomplete
    | ProofVerificationFailed
  type PruneRefused =
    | Errors.NotFinalized
    | Errors.NotEarliest
    | Errors.CannotPruneLatest
    | Errors.VersionPinned
    | Errors.MultipartInProgress
  type PartRefused = Errors.WrongMultipartVersion | Errors.BadNamespace | ProofVerificationFailed
}
