// XEP-0313 over the wire: queries, pages both ways, ids, metadata, and what a page proves (durability.md, promise 2).
import t from 'tap'
import type { Element } from 'ltx'
import { logId, idOf } from '../../lib/core/log-id.js'
import { ARCHIVED, QUEUED, SENT } from '../../lib/core/ports.js'
import type { LoggedEntry } from '../../lib/core/ports.js'
import type { RawClient } from '../helpers/client.js'
import { logWriter } from '../helpers/log.js'
import type { Writer } from '../helpers/log.js'
import { startOver, testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const MAM = 'urn:xmpp:mam:2'
const RSM = 'http://jabber.org/protocol/rsm'
const R = 'romeo@localhost'
const J = 'juliet@localhost'

const shared = testServer(t, { archivePage: 3, archivePageMax: 5 })
/** Romeo, logged in, on his first day; and who writes the log. */
const fresh = async (server?: TestServer): Promise<{ server: TestServer; romeo: RawClient; writer: Writer }> => {
  const it = server ?? await shared
  if (server === undefined) {
    await startOver(it)
    // numbers from 1, so that tests can name them
    await it.db.query('update account set seq = 0')
  }
  return { server: it, romeo: await it.login('romeo', 'orchard'), writer: await logWriter(it.db) }
}

type Fields = Record<string, string | readonly string[]>
interface Asked { fields?: Fields; set?: string; more?: string; attributes?: string; to?: string }
const formOf = (fields: Fields): string => `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>${MAM}</value></field>${
  Object.entries(fields).map(([name, value]) => `<field var='${name}'>${[value].flat().map((v) => `<value>${v}</value>`).join('')}</field>`).join('')}</x>`

interface Answer {
  /** The answer to the request. */
  readonly iq: Element
  /** What came before it. */
  readonly messages: readonly Element[]
  readonly bodies: readonly string[]
  readonly ids: readonly string[]
  readonly complete: boolean
  readonly set: Element | undefined
  /** 'result', or the condition of the error. */
  readonly outcome: string
}

const ask = async (client: RawClient, { fields, set, more = '', attributes = '', to }: Asked = {}): Promise<Answer> => {
  const before = client.elements.length
  const iq = await client.iq('set', `<query xmlns='${MAM}'${attributes}>${fields === undefined ? '' : formOf(fields)}${set === undefined ? '' : `<set xmlns='${RSM}'>${set}</set>`}${more}</query>`, to)
  const messages = client.elements.slice(before, client.elements.indexOf(iq)).filter((e) => e.name === 'message')
  const results = messages.map((m) => m.getChild('result', MAM) as Element)
  const fin = iq.getChild('fin', MAM)
  return {
    iq, messages,
    bodies: results.map((r) => r.getChild('forwarded')?.getChild('message')?.getChildText('body') ?? ''),
    ids: results.map((r) => r.attrs['id'] as string),
    complete: fin?.attrs['complete'] === 'true',
    set: fin?.getChild('set', RSM),
    outcome: iq.attrs['type'] === 'error' ? iq.getChild('error')?.getChildElements()[0]?.name ?? '' : 'result',
  }
}
const text = (set: Element | undefined, name: string): string | null => set?.getChildText(name) ?? null

t.test('it is announced by the account, not by the server, and the form tells what can be asked for', async (t) => {
  const { romeo } = await fresh()
  const features = async (to: string): Promise<string[]> =>
    (await romeo.iq('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", to)).getChild('query')?.getChildren('feature').map((f) => f.attrs['var'] as string) ?? []
  const account = await features(R)
  for (const feature of [MAM, `${MAM}#extended`, `${MAM}#groupchat-field`, RSM]) t.ok(account.includes(feature), feature)
  t.notOk(account.includes(`${MAM}#groupchat-available`))
  t.notOk((await features('localhost')).includes(MAM))
  const form = (await romeo.iq('get', `<query xmlns='${MAM}'/>`)).getChild('query', MAM)?.getChild('x', 'jabber:x:data')
  t.equal(form?.attrs['type'], 'form')
  const fields = form?.getChildren('field') ?? []
  t.same(fields.slice(0, 8).map((f) => `${f.attrs['var']} ${f.attrs['type']}`), [
    'FORM_TYPE hidden', 'with jid-single', 'start text-single', 'end text-single', 'before-id text-single', 'after-id text-single', 'ids list-multi', 'include-groupchat boolean'])
  t.equal(fields[8]?.attrs['var'], '{urn:xmpp:fulltext:0}fulltext')
  t.ok(fields[6]?.getChild('validate', 'http://jabber.org/protocol/xdata-validate')?.getChild('open'))
  t.notOk(form?.toString().includes('required'))
})

t.test('a result is the message as it was, with its time and its id, from the account to the session that asked', async (t) => {
  const { romeo, writer } = await fresh()
  const at = Date.parse('2026-01-02T03:04:05.678Z')
  const made = await writer.say(`${J}/balcony`, R, '', { at, xml:
    `<message xmlns='jabber:client' from='${J}/balcony' to='${R}' id='a' xml:lang='it'><body>“Ἔρως” &amp; 𝄞&#13;</body>` +
    "<stanza-id xmlns='urn:xmpp:sid:0' by='Romeo@LOCALHOST' id='forged'/><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost' id='hers'/>" +
    "<stanza-id xmlns='urn:xmpp:sid:0' by='room@chat.example' id='kept'/><origin-id xmlns='urn:xmpp:sid:0' id='o'/></message>" })
  const { messages: [message], iq, ids, complete, set } = await ask(romeo, { attributes: " queryid='q&apos;&amp;1'" })
  t.match(message?.attrs, { from: R, to: `${R}/orchard` })
  const result = message?.getChild('result', MAM)
  t.equal(result?.attrs['queryid'], "q'&1")
  t.same(ids, [idOf(made.received as LoggedEntry)])
  const forwarded = result?.getChild('forwarded', 'urn:xmpp:forward:0')
  t.equal(forwarded?.getChild('delay', 'urn:xmpp:delay')?.attrs['stamp'], '2026-01-02T03:04:05.678Z')
  const original = forwarded?.getChild('message', 'jabber:client')
  t.equal(original?.attrs['xmlns'], 'jabber:client')
  t.match(original?.attrs, { from: `${J}/balcony`, to: R, id: 'a', 'xml:lang': 'it' })
  t.equal(original?.getChildText('body'), '“Ἔρως” & 𝄞\r')
  t.ok(original?.getChild('origin-id'))
  t.same(original?.getChildren('stanza-id').map((e) => `${e.attrs['by']} ${e.attrs['id']}`), ['room@chat.example kept', `${R} ${ids[0]}`])
  t.ok(complete)
  t.equal(iq.getChild('fin', MAM)?.attrs['stable'], undefined)
  t.same([text(set, 'first'), text(set, 'last'), text(set, 'count'), set?.getChild('first')?.attrs['index']], [ids[0], ids[0], '1', '0'])
})

t.test('both sides have it, each under its own id; what went to oneself is there once', async (t) => {
  const { server, romeo, writer } = await fresh()
  await writer.say(`${R}/orchard`, J, 'to juliet')
  await writer.say(`${R}/orchard`, R, 'to myself')
  await writer.say(J, R, 'to romeo')
  t.same((await ask(romeo)).bodies, ['to juliet', 'to myself', 'to romeo'])
  t.same((await ask(romeo, { to: R })).bodies, ['to juliet', 'to myself', 'to romeo'], 'with an address as without')
  const juliet = await server.login('juliet')
  t.same((await ask(juliet)).bodies, ['to juliet', 'to romeo'])
  t.equal((await ask(juliet, { to: R })).outcome, 'service-unavailable', 'nobody else\'s')
  t.equal((await ask(romeo)).messages[0]?.getChild('result')?.attrs['queryid'], undefined)
  t.same((await ask(romeo, { fields: { with: R } })).bodies, ['to myself'], '§4.1.1')
})

t.test('pages forwards and backwards (XEP-0059), whole and in order', async (t) => {
  const { romeo, writer } = await fresh()
  const ids = await writer.sayMany(J, R, 7)
  const forwards: string[] = []
  let after = ''
  const completes: boolean[] = []
  for (let i = 0; i < 4; i++) {
    const page = await ask(romeo, { set: `<max>2</max>${after === '' ? '' : `<after>${after}</after>`}` })
    t.same(page.ids, ids.slice(2 * i, 2 * i + 2))
    forwards.push(...page.bodies)
    completes.push(page.complete)
    t.equal(text(page.set, 'first'), page.ids[0])
    after = text(page.set, 'last') ?? ''
    t.equal(after, page.ids.at(-1))
  }
  t.same(forwards, ['1', '2', '3', '4', '5', '6', '7'])
  t.same(completes, [false, false, false, true])
  const empty = await ask(romeo, { set: `<max>2</max><after>${after}</after>` })
  t.same([empty.ids, empty.complete, text(empty.set, 'first'), text(empty.set, 'last')], [[], true, null, null])
  const pages: string[][] = []
  for (let before = '<before/>'; pages.length < 4;) {
    const page = await ask(romeo, { set: `<max>2</max>${before}` })
    pages.push([...page.bodies, String(page.complete)])
    before = `<before>${text(page.set, 'first') ?? ''}</before>`
  }
  t.same(pages, [['6', '7', 'false'], ['4', '5', 'false'], ['2', '3', 'false'], ['1', 'true']], 'in order of time within each page')
  t.same((await ask(romeo, { set: `<max>2</max><before>${ids[5]}</before><after>${ids[1]}</after>` })).bodies, ['4', '5'], 'both: what is between')
  const flipped = await ask(romeo, { set: `<max>2</max><after>${ids[1]}</after>`, more: '<flip-page/>' })
  t.same([flipped.bodies, text(flipped.set, 'first'), text(flipped.set, 'last')], [['4', '3'], ids[2], ids[3]], '§4.3.4: the same page in reverse')
  t.same((await ask(romeo, { set: '<max>2</max><before/>', more: '<flip-page/>' })).bodies, ['7', '6'])
})

t.test('a page has the size of the setting, or that asked for up to a cap, which is told; max 0 asks for the count', async (t) => {
  const { romeo, writer } = await fresh()
  await writer.sayMany(J, R, 7)
  t.same((await ask(romeo)).bodies, ['1', '2', '3'])
  t.same((await ask(romeo, { set: '<after/>' })).bodies, ['1', '2', '3'], 'an empty after is none')
  const capped = await ask(romeo, { set: '<max>2000</max>' })
  t.same([capped.bodies.length, text(capped.set, 'max'), capped.complete], [5, '5', false])
  t.equal(text((await ask(romeo, { set: '<max>4</max>' })).set, 'max'), null)
  const count = await ask(romeo, { set: '<max>0</max>' })
  t.same([count.ids, text(count.set, 'count'), count.complete, text(count.set, 'first')], [[], '7', false, null])
  t.equal(text((await ask(romeo, { fields: { with: 'nobody@localhost' }, set: '<max>0</max>' })).set, 'count'), '0')
  t.equal((await ask(romeo, { set: '<max>many</max>' })).outcome, 'bad-request')
  t.equal((await ask(romeo, { set: '<max>1</max><index>3</index>' })).outcome, 'feature-not-implemented')
})

t.test('with: a bare address matches all its resources, a full one only itself', async (t) => {
  const { romeo, writer } = await fresh()
  await writer.say(`${J}/balcony`, R, 'from the balcony')
  await writer.say(`${R}/orchard`, J, 'to the account')
  await writer.say(`${J}/tomb`, R, 'from the tomb')
  await writer.say(`${R}/orchard`, `${J}/balcony`, 'to the balcony')
  await writer.say('mercutio@localhost', R, 'plague')
  const all = async (address: string, set?: string): Promise<readonly string[]> => (await ask(romeo, { fields: { with: address }, ...(set === undefined ? {} : { set }) })).bodies
  t.same(await all('Juliet@LOCALHOST', '<max>5</max>'), ['from the balcony', 'to the account', 'from the tomb', 'to the balcony'])
  t.same(await all(`${J}/balcony`), ['from the balcony', 'to the balcony'])
  t.same(await all(`${J}/balcony`, '<max>1</max><before/>'), ['to the balcony'])
  t.same(await all(`${J}/nowhere`), [])
  t.same(await all('nobody@example.org'), [])
  t.equal((await ask(romeo, { fields: { with: 'a@@b' } })).outcome, 'jid-malformed')
  await writer.say(`${R}/orchard`, R, 'to myself')
  await writer.say(J, `${R}/orchard`, 'to the orchard')
  t.same(await all(`${R}/orchard`, '<max>5</max>'), ['to the account', 'to the balcony', 'to myself', 'to the orchard'], "one's own, too: from it or to it, whoever the other is")
  t.same(await all(R), ['to myself'])
  t.same(await all(`${R}/nowhere`), [])
  const own = await ask(romeo, { fields: { with: `${R}/orchard` }, set: '<max>3</max>' })
  t.same([own.bodies.length, own.complete], [3, false])
  t.equal(text((await ask(romeo, { fields: { with: `${R}/orchard` }, set: '<max>0</max>' })).set, 'count'), null, 'not counted')
  const { bodies: picked } = await ask(romeo, { fields: { with: `${R}/orchard`, ids: [own.ids[0] as string, (await ask(romeo, { set: '<max>1</max>' })).ids[0] as string] } })
  t.same(picked, ['to the account'], 'of those named, too')
  t.same((await ask(romeo, { fields: { with: `${R}/orchard`, '{urn:xmpp:fulltext:0}fulltext': 'balcony' } })).bodies, ['to the balcony'], 'and by words')
  const odd = "J's <&> \"place\""
  await writer.say(R, J, '', { xml: `<message from='${R}/orchard' to="JULIET@localhost/J's &lt;&amp;> &quot;place&quot;"><body>odd</body></message>` })
  t.same(await all(`${J}/${odd.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}`), ['odd'], 'whatever its spelling')
})

t.test('start and end are inclusive, in any time zone, also where clocks of two nodes differ', async (t) => {
  const { romeo, writer } = await fresh()
  const T = Date.parse('2026-03-01T12:00:00.000Z')
  for (const [body, at] of [['1', 0], ['2', 1000], ['3', 2000], ['4', 1990], ['5', 2010], ['6', 60_000]] as const) await writer.say(J, R, body, { at: T + at })
  const between = async (start: string | null, end: string | null): Promise<string> =>
    (await ask(romeo, { fields: { ...(start === null ? {} : { start }), ...(end === null ? {} : { end }) }, set: '<max>5</max>' })).bodies.join('')
  t.equal(await between('2026-03-01T12:00:01Z', null), '23456')
  t.equal(await between('2026-03-01T12:00:01.001Z', '2026-03-01T12:00:59Z'), '345')
  t.equal(await between('2026-03-01T13:00:02+01:00', '2026-03-01T12:00:02Z'), '3')
  t.equal(await between('2026-03-01T12:00:01.9905Z', '2026-03-01T12:00:02.0009Z'), '3', 'parts of a millisecond')
  t.equal(await between(null, '2026-03-01T12:00:01.990Z'), '124')
  t.equal(await between('2027-01-01T00:00:00Z', null), '')
  t.equal(await between(null, '1999-01-01T00:00:00Z'), '')
  t.equal(await between('1970-01-01T00:00:00Z', '9999-12-31T23:59:59Z'), '12345')
  for (const bad of ['yesterday', '2026-03-01', '2026-03-01T12:00:00', '2026-13-01T12:00:00Z']) t.equal((await ask(romeo, { fields: { start: bad } })).outcome, 'bad-request', bad)
})

t.test('after-id, before-id and ids; an id that is not in the archive is item-not-found', async (t) => {
  const { server, romeo, writer } = await fresh()
  const ids = await writer.sayMany(J, R, 5)
  const [one, two, , four, five] = ids as [string, string, string, string, string]
  const by = async (fields: Fields, set?: string): Promise<readonly string[] | string> => {
    const { bodies, outcome } = await ask(romeo, { fields, ...(set === undefined ? {} : { set }) })
    return outcome === 'result' ? bodies : outcome
  }
  t.same(await by({ 'after-id': one, 'before-id': five }), ['2', '3', '4'])
  t.same(await by({ 'after-id': two }), ['3', '4', '5'])
  t.same(await by({ 'before-id': four }, '<max>1</max>'), ['1'], 'before-id does not turn the pages round')
  t.same(await by({ 'before-id': four }, '<max>1</max><before/>'), ['3'])
  t.same(await by({ ids: [four, one] }), ['1', '4'])
  t.same(await by({ ids: [four, one] }, '<max>1</max><before/>'), ['4'])
  t.same(await by({ ids: [one], with: 'mercutio@localhost' }), [])
  t.equal(await by({ ids: Array.from({ length: 6 }, () => one) }), 'policy-violation')
  const { seq, mark } = logId(two) as { seq: number; mark: number }
  const strangers = ['no-such', idOf({ seq, mark: mark + 1 }), idOf({ seq: 99, mark }), '28482-98726-73623']
  for (const id of strangers) {
    for (const fields of [{ 'after-id': id }, { 'before-id': id }, { ids: [one, id] }]) t.equal(await by(fields), 'item-not-found', id)
    for (const name of ['after', 'before']) t.equal(await by({}, `<${name}>${id}</${name}>`), 'item-not-found', `${name} ${id}`)
  }
  await server.db.query('delete from log where account = $1 and seq = $2', [R, seq])
  t.equal(await by({}, `<after>${two}</after>`), 'item-not-found', 'deleted: the client must learn of the gap')
  await server.db.query('update log set flags = 2 where account = $1 and seq = 4', [R])
  t.same(await by({}, `<after>${one}</after>`), ['3', '5'], 'what is not archived is not shown')
  t.same(await by({}, `<after>${four}</after>`), ['5'], 'but is a place to go on from')
  t.equal(await by({ ids: [four] }), 'item-not-found')
})

t.test('forms: unknown fields are refused, groupchat may be included or not, empty fields count as none', async (t) => {
  const { romeo, writer } = await fresh()
  await writer.sayMany(J, R, 2)
  const outcome = async (asked: Asked): Promise<string> => (await ask(romeo, asked)).outcome
  t.equal(await outcome({ fields: { '{urn:x}y': '1' } }), 'feature-not-implemented')
  t.equal(await outcome({ more: "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:1</value></field></x>" }), 'bad-request')
  t.equal(await outcome({ attributes: " node='urn:xmpp:microblog:0'" }), 'item-not-found')
  t.same((await ask(romeo, { fields: { with: '', start: [], 'include-groupchat': 'false' } })).bodies, ['1', '2'])
  t.same((await ask(romeo, { fields: { 'include-groupchat': '1' } })).bodies, ['1', '2'])
  t.equal(await outcome({ fields: { 'include-groupchat': 'maybe' } }), 'bad-request')
})

t.test('metadata: first and last entry, nothing of an empty archive', async (t) => {
  const { romeo, writer } = await fresh()
  const metadata = async (): Promise<Element[]> => (await romeo.iq('get', `<metadata xmlns='${MAM}'/>`)).getChild('metadata', MAM)?.getChildElements() ?? []
  t.same(await metadata(), [])
  const ids = await writer.sayMany(J, R, 3, Date.parse('2026-01-01T00:00:00Z'))
  t.same((await metadata()).map((e) => [e.name, e.attrs['id'], e.attrs['timestamp']]), [
    ['start', ids[0], '2026-01-01T00:00:00.000Z'], ['end', ids[2], '2026-01-01T00:00:00.002Z']])
})

t.test('XEP-0431: search by words, with pages and other filters', async (t) => {
  const { server, romeo, writer } = await fresh()
  const FULLTEXT = '{urn:xmpp:fulltext:0}fulltext'
  await writer.say(`${J}/balcony`, R, 'O Romeo, Romeo! wherefore art thou Romeo?')
  await writer.say(`${R}/orchard`, J, 'Shall I hear more?')
  await writer.say(`${J}/tomb`, R, 'What\'s in a name? That which we call a rose')
  await writer.say('mercutio@localhost', R, 'Romeo! humours! madman! passion! lover!')
  await writer.say(J, R, 'romeo, doff thy name')
  const found = async (words: string, fields: Fields = {}, set = '<max>5</max>'): Promise<readonly string[]> =>
    (await ask(romeo, { fields: { [FULLTEXT]: words, ...fields }, set })).bodies.map((b) => b.slice(0, 8))
  t.same(await found('ROMÉO'), ['O Romeo,', 'Romeo! h', 'romeo, d'])
  t.same(await found('romeo', {}, '<max>1</max><before/>'), ['romeo, d'])
  const first = await ask(romeo, { fields: { [FULLTEXT]: 'romeo' }, set: '<max>2</max>' })
  t.same([first.complete, text(first.set, 'count')], [false, null])
  t.same(await found('romeo', {}, `<max>2</max><after>${first.ids[1]}</after>`), ['romeo, d'])
  t.same(await found('romeo', {}, `<max>2</max><before>${first.ids[1]}</before>`), ['O Romeo,'])
  t.same(await found('name romeo'), ['romeo, d'], 'all of the words')
  t.same(await found('romeo', { with: J }), ['O Romeo,', 'romeo, d'])
  t.same(await found('romeo', { with: `${J}/balcony` }), ['O Romeo,'])
  t.same(await found('romeo', { ids: [first.ids[1] as string] }), ['Romeo! h'])
  t.same([await found('rome'), await found('!?'), await found('capulet')], [[], [], []])
  await writer.say(J, R, 'Romeo again')
  t.same(await found('again romeo'), ['Romeo ag'], 'what came since the last search')
  t.equal((await ask(romeo, { fields: { [FULLTEXT]: Array.from({ length: 33 }, (_, i) => `w${i}`).join(' ') } })).outcome, 'policy-violation')
  t.equal(text((await ask(romeo, { fields: { [FULLTEXT]: 'romeo' }, set: '<max>0</max>' })).set, 'count'), null)
  t.ok(String(await romeo.iq('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", R)).includes('urn:xmpp:fulltext:0'))
  const juliet = await server.login('juliet')
  t.same((await ask(juliet, { fields: { [FULLTEXT]: 'romeo' } })).bodies.length, 3, 'in one\'s own archive')
})

t.test('with the archive off it is not there: not announced, service-unavailable', async (t) => {
  const server = await testServer(t, { archive: 'off' })
  const romeo = await server.login('romeo')
  const info = await romeo.iq('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", R)
  t.notOk(String(info).includes(MAM))
  t.equal((await ask(romeo)).outcome, 'service-unavailable')
  t.equal((await romeo.iq('get', `<metadata xmlns='${MAM}'/>`)).getChild('error')?.getChildElements()[0]?.name, 'service-unavailable')
})

t.test('a page larger than the write buffer arrives whole', async (t) => {
  const server = await testServer(t, { writeBufferBytes: 65_536, archivePageMax: 100 })
  const { romeo, writer } = await fresh(server)
  for (let i = 0; i < 12; i++) await writer.say(J, R, String(i).padStart(20_000, '·'))
  const { bodies, complete } = await ask(romeo, { set: '<max>100</max>' })
  t.same(bodies.map(Number.parseInt).length, 12)
  t.ok(bodies.every((b, i) => b.endsWith(`·${i}`) && b.length === 20_000) && complete)
  t.same((await ask(romeo, { set: '<max>100</max><before/>', more: '<flip-page/>' })).bodies.map((b) => Number(b.replaceAll('·', ''))), [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
})

t.test('a stream that can be resumed keeps what is not acknowledged: a page is as long as that allows, and says where it ends', async (t) => {
  const server = await testServer(t, { writeBufferBytes: 524_288, archivePageMax: 100 })
  const { romeo, writer } = await fresh(server)
  for (let i = 0; i < 30; i++) await writer.say(J, R, String(i).padStart(30_000, '·'))
  romeo.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
  await romeo.next((e) => e.name === 'enabled')
  const all: number[] = []
  let handled = 0
  let after = ''
  for (let pages = 1; ; pages++) {
    const { bodies, ids, complete } = await ask(romeo, { set: `<max>100</max>${after}` })
    all.push(...bodies.map((b) => Number(b.replaceAll('·', ''))))
    handled += ids.length + 1
    romeo.send(`<a xmlns='urn:xmpp:sm:3' h='${handled}'/>`)
    if (complete || pages > 30) break
    after = `<after>${ids.at(-1)}</after>`
  }
  t.same(all, Array.from({ length: 30 }, (_, i) => i))
  t.notOk(server.logged.some((line) => /does not read/.test(line.msg)))
})

t.test('a connection that breaks in the middle of a page: the rest comes when it is resumed, and whole means whole', async (t) => {
  const server = await testServer(t, { writeBufferBytes: 4 * 1024 ** 2 })
  const { romeo, writer } = await fresh(server)
  for (let i = 0; i < 12; i++) await writer.say(J, R, String(i).padStart(40_000, '·'))
  romeo.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
  const id = String((await romeo.next((e) => e.name === 'enabled')).attrs['id'])
  romeo.send(`<iq type='set' id='mam'><query xmlns='${MAM}'/></iq>`)
  await romeo.next((e) => e.name === 'message')
  romeo.socket.resetAndDestroy()
  const before = romeo.elements.filter((e) => e.getChild('result', MAM) !== undefined)
  const back = await server.client()
  await back.open()
  back.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0romeo\0romeo').toString('base64')}</auth>`)
  await back.next((e) => e.name === 'success')
  back.restart()
  await back.open()
  back.send(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='${before.length}'/>`)
  const answer = await back.next((e) => e.attrs['id'] === 'mam')
  const bodies = [...before, ...back.elements.filter((e) => e.getChild('result', MAM) !== undefined)]
    .map((e) => Number(e.getChild('result', MAM)?.getChild('forwarded', 'urn:xmpp:forward:0')?.getChild('message')?.getChildText('body')?.replaceAll('·', '')))
  t.equal(answer.attrs['type'], 'result')
  t.same([bodies, answer.getChild('fin', MAM)?.attrs['complete']], [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 'true'])
})

const waits = async ({ log }: Writer, account = R): Promise<number[]> => (await log.pull(account, 0, 1e9, 1000)).map((e) => e.seq)

t.test('promise 2: going on behind a page releases exactly what was queued on it', async (t) => {
  const { romeo, writer } = await fresh()
  await writer.sayMany(J, R, 2)
  await writer.say(J, R, 'queued only', { received: QUEUED, sent: 0 })
  await writer.say(R, J, 'sent')
  await writer.say(J, R, '5')
  await writer.say(J, R, '6')
  const page = async (set: string): Promise<string> => text((await ask(romeo, { set })).set, 'last') ?? ''
  const first = await page('<max>3</max>')
  t.same(await waits(writer), [1, 2, 3, 5, 6], 'a page that was sent proves nothing')
  const second = await page(`<max>1</max><after>${first}</after>`)
  t.same(await waits(writer), [3, 5, 6], 'what is not in the archive was on no page')
  const third = text((await ask(romeo, { fields: { 'after-id': second }, set: '<max>9</max>' })).set, 'last') ?? ''
  t.same(await waits(writer), [3, 6])
  await page(`<max>9</max><after>${third}</after>`)
  t.same(await waits(writer), [3])
})

t.test('promise 2: neither a filtered page, nor another session\'s, nor one that was not given', async (t) => {
  const { server, romeo, writer } = await fresh()
  const ids = await writer.sayMany(J, R, 4)
  const last = ids[3] as string
  const other = await server.login('romeo', 'phone')
  await ask(romeo, { set: '<max>5</max>' })
  await ask(other, { set: `<after>${last}</after>` })
  t.same(await waits(writer), [1, 2, 3, 4], 'X came from another device')
  await ask(other, { fields: { with: J }, set: '<max>5</max>' })
  await ask(other, { set: `<after>${last}</after>` })
  t.same(await waits(writer), [1, 2, 3, 4], 'a page of one contact says nothing of the others')
  for (const fields of [{ with: J }, { start: '2020-01-01T00:00:00Z' }, { end: '2030-01-01T00:00:00Z' }, { 'before-id': last }, { ids: [last] }]) {
    await ask(romeo, { fields, set: `<after>${last}</after>` })
    t.same(await waits(writer), [1, 2, 3, 4], Object.keys(fields).join())
  }
  await ask(romeo, { set: `<after>${ids[2]}</after>` })
  t.same(await waits(writer), [1, 2, 3, 4], 'not the last of a page')
  await ask(romeo, { set: `<after>${last}</after>` })
  t.same(await waits(writer), [])
})

t.test('promise 2: a page from the end counts too, and so does one that was given in reverse', async (t) => {
  const { romeo, writer } = await fresh()
  const ids = await writer.sayMany(J, R, 4)
  await ask(romeo, { set: '<max>2</max><before/>', more: '<flip-page/>' })
  await ask(romeo, { set: `<after>${ids[3]}</after>` })
  t.same(await waits(writer), [1, 2])
})

t.test('flags of an entry: only what is archived shows', async (t) => {
  const { romeo, writer } = await fresh()
  await writer.say(J, R, 'queued', { received: QUEUED, sent: 0 })
  await writer.say(J, R, 'archived', { received: ARCHIVED, sent: 0 })
  await writer.say(R, J, 'sent', { received: QUEUED, sent: SENT | 8 })
  t.same((await ask(romeo)).bodies, ['archived'])
})
