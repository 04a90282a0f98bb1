/** The authenticated tree: pure and synchronous, and at home in a browser too. */

export * as Bytes from "./Bytes.ts"
export * as Hasher from "./Hasher.ts"
export * as Hashers from "./hasher/index.ts"
export * as Kernel from "./kernel/index.ts"
export * as MkvsError from "./MkvsError.ts"
export * as Tree from "./Tree.ts"
export * as TreeNode from "./TreeNode.ts"
export * as WriteLog from "./WriteLog.ts"
