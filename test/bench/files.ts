// Whether so many connections fit into what this machine allows.
import { readFileSync } from 'node:fs'

/** Descriptors that are no client's connection. */
const OTHER_FILES = 150

/** What to do where they do not fit; null: they do. Node has raised its own limit to the hard one, and the servers that it starts have that. */
export const tooFewFiles = (clients: number, instead: string): string | null => {
  const files = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Infinity)
  const needed = clients + OTHER_FILES
  return files < needed ? `${clients} clients need ${needed} open files, and ${files} are allowed: ulimit -n ${needed}, or ${instead}` : null
}
