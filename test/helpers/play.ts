// Plays: scenarios in readable text (test/plays/*.play), in the manner of Prosody's scansion.
//
//   Who writes gets no copy                 the title: what the play claims
//
//   # a comment
//   Romeo connects                          logs in and binds a resource: romeo@localhost/home
//   Juliet's phone comes online             connects, asks for the roster and becomes available: juliet@localhost/phone;
//                                           what comes of that is skipped
//   Romeo sends:                            stanzas as they are, several if there are several
//     <message to='juliet@localhost' type='chat'><body>hi</body></message>
//   Juliet's phone receives:                the next stanzas that come, these and in this order
//     <message from='romeo@localhost/home' to='…' type='chat'><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' id='…' by='…'/></message>
//   Romeo receives in any order:            as many, in the order they come
//   Romeo receives nothing                  what the server has for him by now is nothing; it has handled all he sent
//   Romeo disconnects                       closes his stream in order
//   Romeo vanishes                          his connection breaks
//   Romeo comes back online                 after either
//
// In what is received `…` stands for any attribute value, any text, or all that an element holds. An attribute that is not
// named must not be there. `localhost` becomes a domain of the play's own, so that plays share a server and nothing else.
import { parse } from 'ltx'
import type { Element } from 'ltx'
import type { RawClient } from './client.js'

/** What a play needs of the world: a client of an account, logged in. */
export type Connect = (user: string, resource: string, domain: string) => Promise<RawClient>

interface Line {
  readonly who: string
  readonly does: string
  /** Stanzas that are indented below it. */
  readonly stanzas: readonly Element[]
}

const ANY = '…'
const VERBS = /^(\w+)(?:'s (\w+))? (connects|comes (?:back )?online|sends:|receives:|receives in any order:|receives nothing|disconnects|vanishes)$/

export const titleOf = (text: string): string => text.split('\n', 1)[0] as string

const linesOf = (text: string): Line[] => {
  const blocks = text.split('\n').slice(1).filter((line) => line.trim() !== '' && !line.startsWith('#')).join('\n').split(/\n(?=\S)/)
  return blocks.map((block) => {
    const [first = '', ...rest] = block.split('\n')
    const [, name, resource = 'home', does] = VERBS.exec(first) ?? []
    if (name === undefined || does === undefined) throw new Error(`this is no line of a play: ${first}`)
    const stanzas = (parse(`<all xmlns='jabber:client'>${rest.join('\n').trim()}</all>`) as Element).getChildElements()
    if (does.endsWith(':') !== stanzas.length > 0) throw new Error(`what is sent and received stands below, indented: ${first}`)
    return { who: `${name.toLowerCase()}/${resource}`, does, stanzas }
  })
}

/** What is missing or too much, in words; null: it fits. */
const differs = (expected: Element, got: Element): string | null => {
  if (expected.getName() !== got.getName() || (expected.getNS() ?? 'jabber:client') !== (got.getNS() ?? 'jabber:client')) return `<${got.getName()} xmlns='${got.getNS()}'/>`
  const names = new Set([...Object.keys(expected.attrs), ...Object.keys(got.attrs)].filter((name) => !/^xmlns(?::|$)/.test(name)))
  for (const name of names) {
    const [want, have] = [expected.attrs[name] as string | undefined, got.attrs[name] as string | undefined]
    if (want !== have && (want !== ANY || have === undefined)) return `${name}='${have}'`
  }
  const [want, have] = [expected.getChildElements(), got.getChildElements()]
  if (want.length === 0 && expected.getText() === ANY) return null
  if (want.length !== have.length) return `<${got.getName()}/> with ${have.length} elements`
  if (want.length === 0 && expected.getText() !== got.getText()) return got.getText()
  return want.map((child, i) => differs(child, have[i] as Element)).find((d) => d !== null) ?? null
}

const isStanza = (e: Element): boolean => ['message', 'presence', 'iq'].includes(e.name)

/** Plays it; throws at the first line that does not come true. */
export const perform = async (text: string, domain: string, connect: Connect): Promise<void> => {
  const clients = new Map<string, RawClient>()
  for (const { who, does, stanzas } of linesOf(text.replaceAll('localhost', domain))) {
    const [user, resource] = who.split('/') as [string, string]
    const client = does.startsWith('c') ? await connect(user, resource, domain) : clients.get(who)
    if (client === undefined) throw new Error(`${who} is not connected`)
    clients.set(who, client)
    const fail = (why: string): never => {
      throw new Error(`${who} ${does} ${stanzas.join('\n')}\n${why}`)
    }
    const next = (): Promise<Element> => client.next(isStanza).catch((error: Error) => fail(error.message))
    if (does.endsWith('online')) {
      await client.iq('get', '<query xmlns=\'jabber:iq:roster\'/>')
      await client.presence()
      await client.skip()
    } else if (does === 'sends:') {
      for (const stanza of stanzas) client.send(stanza.toString())
    } else if (does === 'receives:') {
      for (const stanza of stanzas) {
        const got = await next()
        const difference = differs(stanza, got)
        if (difference !== null) fail(`came: ${String(got)}\nwhat differs: ${difference}`)
      }
    } else if (does === 'receives in any order:') {
      const open = [...stanzas]
      while (open.length > 0) {
        const got = await next()
        const i = open.findIndex((stanza) => differs(stanza, got) === null)
        if (i < 0) fail(`came: ${String(got)}`)
        open.splice(i, 1)
      }
    } else if (does === 'receives nothing') await client.nothing(isStanza).catch((error: Error) => fail(error.message))
    else if (does === 'disconnects') await client.close()
    else if (does === 'vanishes') client.destroy()
  }
  // nothing that no line speaks of
  for (const [who, client] of clients) if (!client.socket.destroyed) await client.nothing(isStanza).catch((error: Error) => { throw new Error(`${who} at the end: ${error.message}`) })
}
