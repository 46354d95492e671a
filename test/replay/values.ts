// The slots of a copy: each copy has addresses and ids of its own, and what the server gives takes the recorded place.
import { join } from 'node:path'
import t from 'tap'
import { accountOf, numbered } from '../../lib/replay/accounts.js'
import { compile } from '../../lib/replay/script.js'
import { render } from '../../lib/replay/template.js'
import type { Template } from '../../lib/replay/template.js'
import { loadTrace } from '../../lib/replay/trace.js'
import { makeValues } from '../../lib/replay/values.js'
import { frameOf } from '../../lib/wire/framer.js'
import { ROOT } from '../helpers/root.js'

const script = compile(await loadTrace(join(ROOT, 'test', 'data', 'traces', 'slixmpp.jsonl')))
const valuesOf = (first: number): ReturnType<typeof makeValues> => makeValues(script, [accountOf(first, `a${first}@new.example`, 'x'), accountOf(first + 1, 'd\'artagnan@new.example', 'x')], 'new.example')
const said = (values: ReturnType<typeof makeValues>): string => script.steps.map(({ text }) => (text === null ? '' : render(text, values.list))).join('\n')

t.test('nothing of the recorded addresses is left, and what is spliced in is escaped', async (t) => {
  const values = valuesOf(0)
  values.renew('run-1')
  const text = said(values)
  t.notMatch(text, /alice@chat|peer@chat|chat\.test/)
  t.match(text, 'd&apos;artagnan@new.example')
  t.match(text, 'to="new.example"')
})

t.test('ids differ from copy to copy and from pass to pass, and from those recorded', async (t) => {
  const ids = (values: ReturnType<typeof makeValues>): Set<string> => new Set([...said(values).matchAll(/<iq[^>]*\sid="([^"]+)"/g)].map(([, id = '']) => id))
  const values = valuesOf(0)
  values.renew('run-1')
  const first = ids(values)
  t.ok(first.size > 10)
  values.renew('run-2')
  t.same([...ids(values)].filter((id) => first.has(id)), [])
})

t.test('a stanza-id is taken out of the message that comes in this run, and asked for where the recorded one was', async (t) => {
  const values = valuesOf(0)
  const query = script.steps.find(({ text }) => text?.literals.some((literal) => literal.endsWith('<after>')))?.text as Template
  const brings = script.events.find(({ captures }) => captures.some(({ slot }) => query.slots.includes(slot)))
  t.match(render(query, values.list), '<after>JH13ds5j_FavH8AaubEcl_sH</after>', 'until then it is the recorded one')
  values.capture(brings?.captures ?? [], frameOf('<message><stanza-id id=\'fresh\' xmlns=\'urn:xmpp:sid:0\' by=\'a0@new.example\'/></message>'))
  t.match(render(query, values.list), '<after>fresh</after>')
})

t.test('an address that the server gave takes the place of the recorded one', async (t) => {
  const values = valuesOf(0)
  values.bind('alice@chat.test/slix', 'a0@new.example/given')
  const full = script.slots.findIndex(({ is }) => is === 'full')
  t.equal(values.list[full], 'a0@new.example/given')
})

t.test('names with numbers', async (t) => t.equal(numbered('u%d-%d', 7), 'u7-7'))
