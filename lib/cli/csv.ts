// RFC 4180: comma-separated fields, those in quotes may hold commas, line ends and doubled quotes.
import { readFileSync } from 'node:fs'
import { UsageError } from '../base/errors.js'

export interface Row {
  /** Where it begins, from 1. */
  readonly line: number
  readonly fields: readonly string[]
}

/** Empty lines are left out. Throws UsageError with the line where a quote is wrong. */
export const parseCsv = (text: string): Row[] => {
  const rows: Row[] = []
  let fields: string[] = []
  let line = 1
  let begin = 1
  let at = text.startsWith('\uFEFF') ? 1 : 0
  while (at < text.length) {
    const { field, end } = text[at] === '"' ? quoted(text, at, line) : plain(text, at)
    line += field.split('\n').length - 1
    fields.push(field)
    at = end
    if (text[at] === ',') {
      at++
      if (at < text.length && !/[\r\n]/.test(text[at]!)) continue
      fields.push('') // a comma at the end of a line: one more field, empty
    }
    if (fields.length > 1 || fields[0] !== '') rows.push({ line: begin, fields })
    fields = []
    if (text[at] === '\r') at++
    if (text[at] === '\n') at++
    begin = ++line
  }
  return rows
}

const plain = (text: string, from: number): { field: string; end: number } => {
  let end = from
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end++
  return { field: text.slice(from, end), end }
}

const quoted = (text: string, from: number, line: number): { field: string; end: number } => {
  let field = ''
  let begin = from + 1
  for (;;) {
    const quote = text.indexOf('"', begin)
    if (quote < 0) throw new UsageError(`line ${line}: a quote is opened and never closed`)
    field += text.slice(begin, quote)
    if (text[quote + 1] === '"') {
      field += '"'
      begin = quote + 2
      continue
    }
    const next = text[quote + 1]
    if (next !== undefined && !/[,\r\n]/.test(next)) throw new UsageError(`line ${line}: something follows a closing quote`)
    return { field, end: quote + 1 }
  }
}

/** A file of jid,password, as the tools take it. Throws UsageError with the line where one is wrong. */
export const readAccounts = (file: string): { readonly jid: string; readonly password: string }[] => {
  let text = ''
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`)
  }
  return parseCsv(text).map(({ line, fields: [jid = '', password = ''] }) => {
    if (!jid.includes('@') || password === '') throw new UsageError(`${file}, line ${line}: it must be jid,password`)
    return { jid, password }
  })
}
