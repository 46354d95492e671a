// Loads compiled files with an edit: a rule broken on purpose, or a constant made small, so that a simulated node costs little.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

export interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

interface Loaded {
  readonly format: string
  readonly source?: string
  readonly shortCircuit?: boolean
}

let edits: readonly Edit[] = []

export const initialize = (given: readonly Edit[]): void => {
  edits = given
}

export const load = async (url: string, context: object, next: (url: string, context: object) => Promise<Loaded>): Promise<Loaded> => {
  const those = edits.filter(({ file }) => url.endsWith(`/dist/${file}`))
  if (those.length === 0) return next(url, context)
  let source = await readFile(fileURLToPath(url), 'utf8')
  for (const { file, from, to } of those) {
    if (source.split(from).length !== 2) throw new Error(`${file} does not have this once, which was to be edited: ${from}`)
    source = source.replace(from, () => to)
  }
  return { format: 'module', source, shortCircuit: true }
}
