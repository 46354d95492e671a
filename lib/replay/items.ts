// A stream → its top-level items exactly as they crossed the wire: what a trace holds, line by line. It finds where an item
// ends and that its tags fit; that each is well-formed XML is for those who talk to each other to see.
// Octets in, octets out (lib/base/octets.ts).

export type ItemKind = 'header' | 'element' | 'end' | 'white'

export interface Splitter {
  /** Throws an Error that says why this is no stream. */
  write(octets: string): void
  /** A new stream begins on the same connection. */
  restart(): void
  /** Octets of an item that is not complete. */
  readonly held: number
}

const WHITE = /^[ \t\r\n]+/
const NAME = /^<\/?([^\s/>]+)/

/** @param most octets of one item */
export const splitter = (emit: (kind: ItemKind, octets: string) => void, most: number): Splitter => {
  let held = ''
  /** Where reading goes on in `held`; the item begins at its start. */
  let at = 0
  let open: string[] = []

  const give = (kind: ItemKind, length: number): void => {
    const octets = held.slice(0, length)
    held = held.slice(length)
    at = 0
    emit(kind, octets)
  }

  /** Behind the `>` of the tag at `at`, which may stand in quotes; -1: not there yet. */
  const tagEnd = (): number => {
    let quote = ''
    for (let i = at + 1; i < held.length; i++) {
      const c = held[i] as string
      if (quote !== '') {
        if (c === quote) quote = ''
      } else if (c === '>') return i + 1
      else if (c === '"' || c === '\'') quote = c
      else if (c === '<') throw new Error('a tag inside a tag')
    }
    return -1
  }

  /** One token; false: more octets are needed. */
  const token = (): boolean => {
    if (open.length === 0 && at === 0) {
      const white = WHITE.exec(held)?.[0].length ?? 0
      if (white > 0) {
        give('white', white)
        return true
      }
    }
    if (held[at] !== '<') {
      const next = held.indexOf('<', at)
      const text = next < 0 ? held.slice(at) : held.slice(at, next)
      if (open.length === 0 && text.trim() !== '') throw new Error(`text between elements: ${text.slice(0, 40)}`)
      at += text.length
      return next >= 0
    }
    for (const [begin, end] of [['<?', '?>'], ['<![CDATA[', ']]>']] as const) {
      if (!held.startsWith(begin, at)) {
        if (begin.startsWith(held.slice(at))) return false
        continue
      }
      if (begin === '<?' ? at > 0 || open.length > 0 : open.length === 0) throw new Error(`${begin} where none may stand`)
      const stop = held.indexOf(end, at)
      if (stop < 0) return false
      at = stop + end.length
      return true
    }
    if (held[at + 1] === '!') throw new Error('a comment or a DOCTYPE (RFC 6120 §11.1)')
    const end = tagEnd()
    if (end < 0) return false
    const name = NAME.exec(held.slice(at, end))?.[1]
    if (name === undefined) throw new Error('a tag without a name')
    const closes = held[at + 1] === '/'
    const isEmpty = held[end - 2] === '/'
    at = end
    if (closes) {
      const wanted = open.pop()
      if (wanted === undefined) give('end', end)
      else if (wanted !== name) throw new Error(`</${name}> closes <${wanted}>`)
      else if (open.length === 0) give('element', end)
    } else if (open.length === 0 && !isEmpty && /^(?:[^:]+:)?stream$/.test(name)) give('header', end) // one after log-in comes inside the first
    else if (!isEmpty) open.push(name)
    else if (open.length === 0) give('element', end)
    return true
  }

  return {
    get held() { return held.length },
    restart: () => {
      open = []
    },
    write: (octets) => {
      held += octets
      while (held.length > at && token());
      if (held.length > most) throw new Error(`an item of more than ${most} octets`)
    },
  }
}

/** What the octets are, where they are one whole item. Throws an Error that says what is wrong with them. */
export const kindOf = (octets: string): ItemKind => {
  const found: ItemKind[] = []
  const one = splitter((kind) => void found.push(kind), Infinity)
  one.write(octets)
  if (one.held > 0) throw new Error('it ends in the middle of an element')
  if (found.length !== 1) throw new Error(`${found.length} items in one line`)
  return found[0] as ItemKind
}
