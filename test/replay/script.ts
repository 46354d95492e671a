// Scripts: what waits for what, who says what, what is rewritten and how.
import { join } from 'node:path'
import t from 'tap'
import { compile } from '../../lib/replay/script.js'
import type { Script, Step } from '../../lib/replay/script.js'
import { loadTrace, readTrace } from '../../lib/replay/trace.js'
import { chat } from '../helpers/replay.js'
import { ROOT } from '../helpers/root.js'

const scriptOf = async (client: string): Promise<Script> => compile(await loadTrace(join(ROOT, 'test', 'data', 'traces', `${client}.jsonl`)))

/** A step as text: slots by what they hold. */
const words = ({ slots }: Script, { text }: Step): string => text === null ? '' : text.literals.map((literal, i) => {
  const slot = slots[text.slots[i] ?? -1]
  return literal + (slot === undefined ? '' : slot.is === 'bare' ? `{account ${slot.account}}` : `{${slot.is}}`)
}).join('')

const extended = (more: readonly [dir: 'in' | 'out', xml: string][]): Script => {
  const { items } = chat(0)
  const lines = [...items.slice(0, -1).map(({ t: at, s, dir, xml }) => ({ t: at, s, dir, xml })), ...more.map(([dir, xml], i) => ({ t: 100 + i, s: 1, dir, xml })), { t: 1000, s: 1, dir: 'in', xml: '</stream:stream>' }]
  return compile(readTrace('x.jsonl', lines.map((line) => JSON.stringify(line)).join('\n')))
}

t.test('a conversation: each waits for the other', async (t) => {
  const script = compile(chat(2))
  t.same(script.steps.map(({ does, part }) => `${part} ${does}`), ['0 open', '0 say', '0 say', '0 say', '1 say', '0 say', '1 say', '0 close'])
  const [, , , first, echo, second] = script.steps as [Step, Step, Step, Step, Step, Step]
  t.ok(echo.waits.includes(first.message?.event ?? -1), 'the echo waits for the message')
  t.ok(second.waits.includes(echo.message?.event ?? -1), 'the next message waits for the echo')
  t.match(words(script, first), /^<message id='\{id\}' to='\{account 1\}' type='chat'><body>0<\/body><\/message>$/)
  t.match(words(script, echo), /^<message id='\{id\}' to='\{full\}' type='chat'><body>echo 0<\/body><\/message>$/, 'and its sender is left to the server')
})

t.test('a request and what comes after its answer', async (t) => {
  const script = await scriptOf('xmppjs')
  const add = script.steps.find((step) => words(script, step).includes('<item jid="{account 1}" name="Peer"/>')) as Step
  const subscribe = script.steps.find((step) => words(script, step).includes('type="subscribe"')) as Step
  const between = script.steps.slice(script.steps.indexOf(add), script.steps.indexOf(subscribe) + 1)
  t.ok(between.some(({ waits }) => waits.includes(add.request?.event ?? -1)))
  const accepts = script.steps.find((step) => step.part === 2 && words(script, step).includes('type=\'subscribed\'')) as Step
  t.equal(script.events[accepts.waits[0] ?? -1]?.kind, 'subscription', 'the contact says yes when it was asked')
  t.notOk(script.steps.some((step) => /<auth|<response|<starttls|<stream:stream/.test(words(script, step))), 'log-in is no part of it')
})

t.test('what a contact said while the client was away is said before it comes back', async (t) => {
  const script = await scriptOf('gajim')
  const offline = script.steps.findIndex((step) => words(script, step).includes('offline-682c9d43'))
  const back = script.steps.findLastIndex(({ does }) => does === 'open')
  t.ok(offline > 0 && offline < back)
  t.notMatch(words(script, script.steps[offline] as Step), /stanza-id|delay|from=/)
  t.ok((script.steps[offline] as Step).waits.length > 0, 'and after it has gone')
})

t.test('ids are the same wherever they stood, and what the server gave is taken from the server', async (t) => {
  const gajim = await scriptOf('gajim')
  const chatted = gajim.steps.find((step) => words(gajim, step).includes('hello-682c9d43')) as Step
  t.equal(chatted.text?.slots.filter((slot) => slot === chatted.message?.slot).length, 2, 'id and origin-id')
  const dino = await scriptOf('dino')
  const marker = dino.steps.find((step) => words(dino, step).includes('<displayed')) as Step
  t.match(words(dino, marker), /<displayed[^>]* id='\{id\}'/)
  const echo = dino.steps.find(({ message, part }) => part === 2 && marker.text?.slots.includes(message?.slot ?? -1))
  t.ok(echo, 'the id that the contact\'s message has in this copy')
  const query = (await scriptOf('slixmpp')).steps.find(({ text }) => text?.literals.join('').includes('<after>') === true)
  t.ok(query)
  t.match(words(await scriptOf('slixmpp'), query as Step), /<after>\{given\}<\/after>/, 'the place in the archive')
})

t.test('answers are given to who asks, not at their time', async (t) => {
  const script = await scriptOf('gajim')
  t.same([...script.answers.keys()].toSorted(), ['0 get http://jabber.org/protocol/disco#info query', '0 set jabber:iq:roster query'])
  t.notOk(script.steps.some((step) => /type="(?:result|error)"/.test(words(script, step))))
})

t.test('nothing goes to strangers: their accounts are played, their services and rooms are left out', async (t) => {
  const script = extended([
    ['in', '<message to=\'bob@elsewhere.example\' type=\'chat\' id=\'1\'><body>hi</body></message>'],
    ['in', '<iq type=\'get\' id=\'2\' to=\'pubsub.elsewhere.example\'><query xmlns=\'http://jabber.org/protocol/disco#info\'/></iq>'],
    ['in', '<message to=\'room@conference.elsewhere.example\' type=\'groupchat\' id=\'3\'><body>hi</body></message>'],
    ['in', '<iq type=\'get\' id=\'4\' to=\'pubsub.chat.test\'><query xmlns=\'http://jabber.org/protocol/disco#info\'/></iq>'],
  ])
  t.equal(script.accounts, 2)
  t.notOk(script.steps.some((step) => words(script, step).includes('elsewhere')))
  t.ok(script.steps.some((step) => words(script, step).includes('to=\'pubsub.{domain}\'')))
  t.same([...script.leftOut.values()], [1, 1])
})

t.test('a room of the recorded domain is nobody\'s account: it is the same one on the server that is replayed to', async (t) => {
  const script = extended([['in', '<presence to=\'hall@conference.chat.test/alice\'/>'], ['in', '<message to=\'hall@conference.chat.test/bob\' type=\'chat\' id=\'1\'><body>psst</body></message>']])
  t.equal(script.accounts, 1)
  t.ok(script.steps.some((step) => words(script, step).includes('<presence to=\'hall@conference.{domain}/alice\'/>')))
  t.equal(script.steps.find((step) => words(script, step).includes('psst'))?.message, null)
})

t.test('a message without an id gets one, and one that is said again is the same one', async (t) => {
  const twice: [dir: 'in', xml: string] = ['in', '<message to=\'peer@chat.test\' id=\'again\'><body>x</body></message>']
  const script = extended([['in', '<message to=\'peer@chat.test\'><body>hi</body></message>'], twice, twice])
  const said = script.steps.filter((step) => words(script, step).includes('<message'))
  t.match(words(script, said[0] as Step), /^<message id='\{id\}' to=/)
  t.same(said.map(({ message }) => message !== null), [true, true, false])
})

t.test('addresses are replaced where they stand by themselves, and nowhere else', async (t) => {
  const script = extended([['in', '<presence to=\'peer@chat.test\'><x xmlns=\'urn:chat.test\' a=\'speer@chat.test\' b=\'xmpp:alice@chat.test?join\' c=\'alice@chat.test/a\' d=\'mychat.test\' e=\'x.chat.test\'/></presence>']])
  const step = script.steps.find((one) => words(script, one).includes('urn:chat'))
  t.match(words(script, step as Step), /xmlns='urn:chat\.test' a='speer@\{domain\}' b='xmpp:\{account 0\}\?join' c='\{full\}' d='mychat\.test' e='x\.\{domain\}'/)
})
