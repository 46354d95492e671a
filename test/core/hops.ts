// Mode `routed`, messages to other nodes: a stream does not wait for each to be taken, and order is kept all the same.
import t from 'tap'
import type { HandOver, Location } from '../../lib/core/ports.js'
import { settled } from '../../lib/core/sessions.js'
import { frame, memoryStore, scriptedBus, testCore } from '../helpers/core.js'
import type { TestCore, TestSession } from '../helpers/core.js'

const [ROMEO, JULIET, NURSE] = ['romeo@localhost', 'juliet@localhost', 'nurse@localhost']
const there = (resource: string, node = 'there'): Location => ({ resource, priority: 0, sessionId: `s-${resource}`, node, epoch: 1 })

interface Scene {
  readonly core: TestCore
  readonly store: ReturnType<typeof memoryStore>
  readonly romeo: TestSession
  /** Handed to other nodes, in order: node and text; nothing is answered before `answer` is called, for the oldest or the one behind it. */
  readonly handed: string[]
  answer(what: HandOver, which?: number): Promise<void>
  say(to: string, text: string): unknown
}
const scene = async (): Promise<Scene> => {
  const store = memoryStore([ROMEO, JULIET, NURSE])
  store.log.unfenced = true // these sessions have no rows
  store.elsewhere.set(JULIET, [there('phone')])
  store.elsewhere.set(NURSE, [there('kitchen', 'third')])
  const bus = scriptedBus()
  const handed: string[] = []
  const open: ((answer: HandOver) => void)[] = []
  bus.hand = (to, _account, xml, _declared, settle) => {
    if (!xml.startsWith('<message')) return settle('accepted')
    handed.push(`${to.node} ${/<body>([^<]*)/.exec(xml)?.[1]}`)
    open.push(settle)
  }
  bus.send = (to, account, xml) => new Promise((resolve) => bus.hand(to, account, xml, false, resolve))
  const core = testCore({ store, bus })
  const romeo = core.session(`${ROMEO}/orchard`)
  const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))
  const say = (to: string, text: string): unknown => core.router.fromClient(romeo, frame(`<message to='${to}' type='chat'><body>${text}</body></message>`))
  const answer = async (what: HandOver, which = 0): Promise<void> => {
    open.splice(which, 1)[0]?.(what)
    await turn()
  }
  // routes and block lists are known
  for (const to of [JULIET, NURSE]) {
    await say(to, 'zero')
    await answer('accepted')
  }
  handed.length = 0
  return { core, store, romeo, handed, say, answer }
}

t.test('messages do not wait for one another; what is not one of them waits for all', async (t) => {
  const { core, romeo, handed, answer, say } = await scene()
  t.same([say(JULIET, 'one'), say(JULIET, 'two'), say(NURSE, 'three')], ['logged', 'logged', 'logged'])
  t.same(handed, ['there one', 'there two', 'third three'])
  t.equal(romeo.uncommitted, 3)
  const ping = core.router.fromClient(romeo, frame("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"))
  await answer('accepted')
  await answer('accepted')
  t.same(romeo.got, [])
  await answer('accepted')
  await ping
  t.match(romeo.got, [/id='p'/])
  t.same([romeo.uncommitted, romeo.hops, core.counters.delivered], [0, null, 5])
  t.same(core.bugs, [])
})

t.test('a count covers no message that is under way, though a later one is done', async (t) => {
  const { romeo, answer, say } = await scene()
  const done: number[] = []
  let received = 0
  romeo.stream = { get received() { return received }, messageDone: (n: number) => void done.push(n) } as unknown as TestSession['stream']
  for (const [to, text] of [[JULIET, 'one'], [NURSE, 'two'], [JULIET, 'three']] as const) {
    received++
    say(to, text)
  }
  const [first] = romeo.hops ?? []
  t.equal(first?.number, 1)
  // the second is answered first: the nurse's node is faster
  await answer('accepted', 1)
  t.same(done, [])
  await answer('accepted')
  t.same(done, [1, 2])
  await answer('accepted')
  t.same(done, [1, 2, 3])
})

t.test('a route that was wrong: all that went that way goes once more, in order, and what comes meanwhile waits', async (t) => {
  const { store, romeo, handed, answer, say } = await scene()
  say(JULIET, 'one')
  say(JULIET, 'two')
  store.elsewhere.set(JULIET, [there('phone', 'third')])
  await answer('refused')
  const late = say(JULIET, 'three')
  t.type(late, Promise, 'its way is another one by now')
  await answer('refused')
  t.same(handed, ['there one', 'there two', 'third one', 'third two'])
  await answer('accepted')
  await answer('accepted')
  await late
  t.same(handed.slice(4), ['third three'])
  await answer('accepted')
  await settled(romeo, 0)
  t.same(romeo.got, [], 'nobody hears of any error')
})

t.test('who has come here meanwhile gets nothing before what went elsewhere is done', async (t) => {
  const { core, store, handed, answer, say } = await scene()
  say(JULIET, 'one')
  store.elsewhere.delete(JULIET)
  const juliet = core.session(`${JULIET}/balcony`)
  const next = say(JULIET, 'two')
  t.same(juliet.got, [])
  await answer({ generation: 1 }) // that one is gone: it comes here
  await next
  t.match(juliet.got, [/<body>one/, /<body>two/])
  t.same(handed, ['there one'])
})
