/**
 * The one way to stderr: lines for good, and, on a terminal, one status line below them that comes and goes. All of
 * the program shares the terminal, so this is a module and not a service.
 */

let status = ""

/** Errors and logs. Never fails: where stderr is gone nobody can be told. */
export const line = (text: string): void => {
  process.stderr.write(status === "" ? `${text}\n` : `${clear}${text}\n${status}`)
}

/** Replaces the status line; an empty text takes it away. Nothing happens where stderr is no terminal. */
export const setStatus = (text: string): void => {
  if (process.stderr.isTTY !== true) return
  const shown = text.slice(0, Math.max(0, (process.stderr.columns || 80) - 1))
  if (shown === status) return
  status = shown
  process.stderr.write(`${clear}${shown}`)
}

/** Back to the first column, then erase to the end of the line. */
const clear = "\r\u001b[K"
