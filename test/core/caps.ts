// What clients can do, learned by asking: whom, how often, and what is believed. On real sockets: test/routes/caps.ts.
import t from 'tap'
import { parse } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../../lib/base/errors.js'
import type { Stanza } from '../../lib/base/stanza.js'
import { CAPS, makeCaps } from '../../lib/core/caps.js'
import type { Session } from '../../lib/core/sessions.js'
import { verification } from '../../lib/core/verification.js'
import { frameOf } from '../../lib/wire/framer.js'
import { recordingSession } from '../helpers/core.js'

const features = (...names: string[]): string => names.map((n) => `<feature var='${n}'/>`).join('')
const query = (inner: string): Element => parse(`<query xmlns='http://jabber.org/protocol/disco#info'>${inner}</query>`) as Element
const verOf = (inner: string, hash = 'sha-1'): string => verification(query(inner).getChildElements(), hash).ver
const presence = (ver: string, hash = 'sha-1', node = 'urn:client'): Stanza =>
  frameOf(`<presence><c xmlns='${CAPS}' hash='${hash}' node='${node}' ver='${ver}'/></presence>`) as Stanza
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

const setUp = (entries = 10) => {
  const asked: { session: Session; node: string; answer(given: Element | null | Error): Promise<void> }[] = []
  const bugs: unknown[] = []
  const caps = makeCaps((session, _, payload) => new Promise((resolve, reject) => {
    asked.push({ session, node: String(payload.attrs['node']), answer: (given) => {
      if (given instanceof Error) reject(given)
      else resolve(given)
      return settled()
    } })
  }), entries, (error) => void bugs.push(error))
  let n = 0
  const session = (): Session => recordingSession(`romeo@localhost/${++n}`)
  return { caps, asked, bugs, session, known: (s: Session) => (s.caps?.features == null ? null : [...s.caps.features]) }
}

t.test('a hash is asked for once, of one of the sessions that announce it, and never again', async (t) => {
  const { caps, asked, session, known } = setUp()
  const said = features('a', 'b+notify')
  const ver = verOf(said)
  const all = Array.from({ length: 100 }, session)
  for (const s of all) caps.note(s, presence(ver))
  for (const s of all) caps.note(s, presence(ver))
  await settled()
  t.equal(asked.length, 1)
  t.match(asked[0], { session: all[0], node: `urn:client#${ver}` })
  t.equal(known(all[0] as Session), null, 'not known yet')
  await asked[0]?.answer(query(said))
  for (const s of all) t.same(known(s), ['a', 'b+notify'])
  const later = session()
  caps.note(later, presence(ver, 'sha-1', 'urn:other-name'))
  t.same(known(later), ['a', 'b+notify'], 'at once; the hash counts, not the name')
  t.equal(later.caps, all[0]?.caps, 'one object for all')
  t.equal(asked.length, 1)
})

t.test('what does not match its hash counts for that session alone, and the next one is asked', async (t) => {
  const { caps, asked, session, known } = setUp()
  const said = features('a')
  const [liar, twice, honest, waiting] = [session(), session(), session(), session()] as const
  for (const s of [liar, twice, honest, waiting]) caps.note(s, presence(verOf(said)))
  await asked[0]?.answer(query(features('evil')))
  t.same(known(liar), ['evil'], 'its own word about itself')
  t.same(asked.map((a) => a.session), [liar, twice, honest, waiting], 'now each is asked itself')
  await asked[1]?.answer(query(said + said))
  t.same(known(twice), ['a'], 'ill-formed')
  t.equal(caps.size, 0)
  t.equal(known(waiting), null)
  await asked[2]?.answer(query(said))
  t.same(known(honest), ['a'])
  t.equal(caps.size, 1)
  caps.note(waiting, presence(verOf(said)))
  t.same(known(waiting), ['a'], 'known by now, whatever its own client does')
  caps.note(liar, presence(verOf(said)))
  t.same(known(liar), ['a'])
  t.equal(asked.length, 4)
})

t.test('a hash of an unknown kind is never shared', async (t) => {
  const { caps, asked, session, known } = setUp()
  const [one, other] = [session(), session()] as const
  for (const s of [one, other]) caps.note(s, presence('xyz', 'md5'))
  t.equal(asked.length, 2)
  await asked[1]?.answer(query(features('b')))
  await asked[0]?.answer(query(features('a')))
  t.same([known(one), known(other)], [['a'], ['b']])
  t.equal(caps.size, 0)
})

t.test('a hash of another kind is not the same hash', async (t) => {
  const { caps, asked, session } = setUp()
  const said = features('a')
  for (const hash of ['sha-1', 'sha-256', 'sha-512']) {
    caps.note(session(), presence(verOf(said, hash), hash))
    await asked.at(-1)?.answer(query(said))
  }
  t.equal(caps.size, 3)
})

t.test('a client that refuses, is silent or answers nonsense is not asked again, and nothing is known of it', async (t) => {
  const { caps, asked, bugs, session, known } = setUp()
  for (const given of [new StanzaError('service-unavailable'), new StanzaError('remote-server-timeout'), null, parse("<ping xmlns='urn:xmpp:ping'/>") as Element]) {
    const s = session()
    const before = asked.length
    for (let i = 0; i < 3; i++) caps.note(s, presence('abc'))
    await asked[before]?.answer(given)
    caps.note(s, presence('abc'))
    await settled()
    t.equal(asked.length, before + 1)
    t.equal(known(s), null)
  }
  t.equal(caps.size, 0)
  t.same(bugs, [])
})

t.test('a failure of another kind is a bug, and told', async (t) => {
  const { caps, asked, bugs, session } = setUp()
  caps.note(session(), presence('abc'))
  await asked[0]?.answer(new TypeError('oops'))
  t.equal(bugs.length, 1)
})

t.test('what a client announces last counts, however late the answers are', async (t) => {
  const { caps, asked, session, known } = setUp()
  const s = session()
  caps.note(s, presence(verOf(features('old'))))
  caps.note(s, presence(verOf(features('new'))))
  await asked[1]?.answer(query(features('new')))
  await asked[0]?.answer(query(features('old')))
  t.same(known(s), ['new'])
  t.equal(caps.size, 2, 'both are worth knowing')
  caps.note(s, frameOf('<presence/>') as Stanza)
  t.same(known(s), ['new'], '§8.4: silence changes nothing')
})

t.test('no features at all is an answer too', async (t) => {
  const { caps, asked, session, known } = setUp()
  const s = session()
  caps.note(s, presence(verOf('')))
  await asked[0]?.answer(query(''))
  t.same(known(s), [])
})

t.test('nothing is asked where nothing can be learned: no hash, no node, no string, or endless ones', async (t) => {
  const { caps, asked, session } = setUp()
  const s = session()
  for (const attributes of ["node='n' ver='v' ext='e'", "hash='sha-1' ver='v'", "hash='sha-1' node='n'", `hash='sha-1' node='n' ver='${'v'.repeat(1100)}'`]) {
    caps.note(s, frameOf(`<presence><c xmlns='${CAPS}' ${attributes}/></presence>`) as Stanza)
  }
  t.equal(asked.length, 0)
  t.equal(s.caps, null)
})

t.test('no more is remembered than the bound, of one client and of all', async (t) => {
  const { caps, asked, session, known } = setUp(10)
  const s = session()
  const many = features(...Array.from({ length: 400 }, (_, i) => `urn:${i}:${'x'.repeat(40)}`))
  caps.note(s, presence(verOf(many)))
  await asked[0]?.answer(query(many))
  t.equal(known(s), null)
  t.equal(caps.size, 0)
  for (let i = 0; i < 30; i++) {
    caps.note(session(), presence(verOf(features(`f${i}`))))
    await asked.at(-1)?.answer(query(features(`f${i}`)))
  }
  t.equal(caps.size, 10)
})

t.test('a client is asked a few things at a time, and of what it announces meanwhile the last counts', async (t) => {
  const { caps, asked, session, known } = setUp()
  const one = session()
  for (let i = 0; i < 100; i++) caps.note(one, presence(verOf(features(`f${i}`))))
  await settled()
  t.equal(asked.length, 4, 'or one client would have all the questions that may be under way')
  await asked[0]?.answer(query(features('f0')))
  t.equal(asked.length, 5)
  await asked[4]?.answer(query(features('f99')))
  t.same(known(one), ['f99'])
  for (const i of [1, 2, 3]) await asked[i]?.answer(new StanzaError('service-unavailable'))
  caps.note(one, presence(verOf(features('g'))))
  t.equal(asked.length, 6)
})
