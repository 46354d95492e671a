// RFC 6121 §4: presence from a session to all that may see it. Every session is a log-in, over rosters in memory.
import { parse } from 'ltx'
import type { Element } from 'ltx'
import t from 'tap'
import { NODE, memoryStore, testCore } from '../helpers/core.js'
import type { MemoryStore, TestCore as Core, TestSession } from '../helpers/core.js'
import { testDatabase } from '../helpers/database.js'
import { addUsers } from '../helpers/server.js'
import { NOTHING, withState } from '../../lib/core/subscriptions.js'
import type { State } from '../../lib/core/subscriptions.js'
import type { Db } from '../../lib/core/ports.js'
import { departureStore } from '../../lib/store/departure.js'
import { blockStore } from '../../lib/store/blocking.js'
import { memberStore } from '../../lib/store/members.js'
import { logStore } from '../../lib/store/log.js'
import { resumptionStore } from '../../lib/store/resumption.js'
import { presenceStore } from '../../lib/store/presence.js'
import { rosterStore } from '../../lib/store/roster.js'

const ROMEO = 'romeo@localhost'
const JULIET = 'juliet@localhost'
const TYBALT = 'tybalt@localhost'

const read = (octets: string): Element => parse(octets) as Element

/** A stanza in a few words: who, what, and to whom where that is no session's own account. */
const brief = (octets: string): string => {
  const e = read(octets)
  const { from = '', type = '' } = e.attrs as { from?: string; type?: string }
  const error = e.getChild('error')
  if (error !== undefined) return `error ${error.getChildElements()[0]?.name} ${error.attrs['type']}`
  const words = e.getChildText('status') ?? e.getChildText('body') ?? e.getChildText('show') ?? ''
  return [from.replace('@localhost', ''), type, words].filter((s) => s !== '').join(' ')
}
/** What a session was given since it was last asked. */
const got = (session: TestSession): string[] => session.got.splice(0).map(brief)

const BOTH: Partial<State> = { to: true, from: true }

/** How one account has another in its roster; the other way round follows. */
const befriend = ({ contacts }: MemoryStore, one: string, other: string, state: Partial<State> = BOTH): void => {
  const put = (account: string, jid: string, s: State): void => {
    const rows = contacts.get(account) ?? new Map()
    rows.set(jid, { ...withState(jid, null, s, s.in ? `<presence from='${jid}' to='${account}' type='subscribe'/>` : null), ver: 1 })
    contacts.set(account, rows)
  }
  const s = { ...NOTHING, ...state }
  put(one, other, s)
  put(other, one, { to: s.from, from: s.to, out: s.in, in: s.out, approved: false })
}

/** Juliet is Romeo's friend, Tybalt nobody's. */
const scene = (): { store: MemoryStore; core: Core } => {
  const store = memoryStore([ROMEO, JULIET, TYBALT])
  befriend(store, ROMEO, JULIET)
  return { store, core: testCore({ store }) }
}

const online = async (core: Core, full: string, inner = ''): Promise<TestSession> => {
  const session = await core.login(full)
  await core.from(session, inner === '' ? '<presence/>' : `<presence>${inner}</presence>`)
  return session
}

/** The connection is over, in order or not. */
const end = (core: Core, session: TestSession): void => {
  session.takes = false
  void core.sessionOver(session, true)
}

t.test('§4.2.2: initial presence goes to contacts, to one\'s own sessions, and back to its sender', async (t) => {
  const { core } = scene()
  const juliet = await online(core, `${JULIET}/balcony`)
  const chamber = await online(core, `${JULIET}/chamber`)
  const tybalt = await online(core, `${TYBALT}/street`)
  const desk = await online(core, `${ROMEO}/desk`)
  for (const s of [juliet, chamber, tybalt, desk]) got(s)
  const romeo = await core.login(`${ROMEO}/orchard`)
  t.equal(await core.from(romeo, '<presence id=\'p1\'><status>here</status></presence>'), 'answered')
  t.same(got(juliet), ['romeo/orchard here'])
  t.same(got(chamber), ['romeo/orchard here'], '§4.2.3: all available resources of a contact')
  t.same(got(desk), ['romeo/orchard here'])
  t.same(got(tybalt), [])
  t.same(got(romeo), ['romeo/orchard here', 'romeo/desk', 'juliet/balcony', 'juliet/chamber'], 'itself, its own, its contacts (§4.3)')
})

t.test('§4.2.2: presence is stamped with the full JID and addressed to the account', async (t) => {
  const { core } = scene()
  const juliet = await online(core, `${JULIET}/balcony`)
  await online(core, `${ROMEO}/orchard`, '<show>away</show>')
  t.equal(juliet.got.at(-1), `<presence from='${ROMEO}/orchard' to='${JULIET}'><show>away</show></presence>`)
})

t.test('§4.2.2: a subscription in one direction is seen in one direction', async (t) => {
  const { core, store } = scene()
  befriend(store, ROMEO, JULIET, { to: true })
  const juliet = await online(core, `${JULIET}/balcony`)
  const romeo = await online(core, `${ROMEO}/orchard`)
  t.same(got(juliet), ['juliet/balcony'], 'she does not see him')
  t.same(got(romeo), ['romeo/orchard', 'juliet/balcony'], 'he sees her')
})

t.test('§4.2.2: a session that is not available hears nothing', async (t) => {
  const { core } = scene()
  const juliet = await core.login(`${JULIET}/balcony`)
  await online(core, `${ROMEO}/orchard`)
  t.same(got(juliet), [])
})

t.test('§4.4.2: an update goes where the first presence went; probes are not answered again', async (t) => {
  const { core } = scene()
  const juliet = await online(core, `${JULIET}/balcony`)
  const romeo = await online(core, `${ROMEO}/orchard`)
  got(juliet)
  got(romeo)
  await core.from(romeo, '<presence><status>busy</status></presence>')
  t.same([got(juliet), got(romeo)], [['romeo/orchard busy'], ['romeo/orchard busy']])
  await core.from(romeo, '<presence><priority>5</priority><status>more</status></presence>')
  t.same([got(juliet), got(romeo)], [['romeo/orchard more'], ['romeo/orchard more']])
  const later = await online(core, `${JULIET}/chamber`)
  t.same(got(later), ['juliet/chamber', 'juliet/balcony', 'romeo/orchard more'], 'who comes later gets the last one')
})

t.test('§4.4.2: an update is written behind, the last of several counts', async (t) => {
  const { core, store } = scene()
  const romeo = await online(core, `${ROMEO}/orchard`)
  for (const n of [1, 2, 3]) await core.from(romeo, `<presence><status>${n}</status></presence>`)
  await core.idle(1000)
  t.match(store.rows.get(`${ROMEO}/orchard`)?.presence, /<status>3</)
})

t.test('a presence that is being written behind does not overwrite the next one, nor are both written at once', async (t) => {
  const { core, store } = scene()
  const { presence } = store
  let running = 0
  const alone = <R>(work: () => Promise<R>) => async (): Promise<R> => {
    t.equal(++running, 1, 'two statements would lock the rows of sessions in two orders')
    await new Promise((resolve) => setTimeout(resolve, 5))
    running--
    return work()
  }
  const [save, update] = [presence.save, presence.update]
  Object.assign(presence, { save: (rows: never) => alone(() => save(rows))(), update: (rows: never) => alone(() => update(rows))() })
  const romeo = await online(core, `${ROMEO}/orchard`)
  await core.from(romeo, '<presence><status>before</status></presence>')
  await new Promise((resolve) => setImmediate(resolve))
  await core.from(romeo, '<presence><status>after</status><priority>5</priority></presence>')
  await core.idle(1000)
  t.match(store.rows.get(`${ROMEO}/orchard`), { presence: /after/, priority: 5 })
})

t.test('a log-in among many contacts goes in pieces, and does not make its client a slow reader', async (t) => {
  const names = Array.from({ length: 300 }, (_, i) => `c${i}@localhost`)
  const store = memoryStore([ROMEO, ...names])
  for (const name of names) befriend(store, ROMEO, name)
  const core = testCore({ store, settings: { writeBufferBytes: 65_536 } })
  for (const name of names) await online(core, `${name}/x`, `<status>${'x'.repeat(1000)}</status>`)
  const romeo = await core.login(`${ROMEO}/orchard`)
  let [unread, most] = [0, 0]
  Object.assign(romeo.outlet, {
    write: (octets: string) => {
      most = Math.max(most, unread += octets.length)
      return romeo.got.push(octets) > 0
    },
    flushed: async () => {
      unread = 0
      return true
    },
  })
  await core.from(romeo, '<presence/>')
  t.equal(romeo.got.length, 301, 'all of them, and its own')
  t.ok(most < 65_536 >> 2, `${most} octets at a time`)
})

t.test('§4.5.2: unavailable presence goes to contacts, own sessions and back; messages go elsewhere from then on', async (t) => {
  const { core, store } = scene()
  const juliet = await online(core, `${JULIET}/balcony`)
  const desk = await online(core, `${ROMEO}/desk`)
  const romeo = await online(core, `${ROMEO}/orchard`, '<priority>5</priority>')
  for (const s of [juliet, desk, romeo]) got(s)
  await core.from(romeo, '<presence type=\'unavailable\'><status>gone home</status></presence>')
  for (const s of [juliet, desk, romeo]) t.same(got(s), ['romeo/orchard unavailable gone home'])
  await core.from(juliet, `<message to='${ROMEO}' type='chat'><body>x</body></message>`)
  t.same([got(desk), got(romeo)], [['juliet/balcony chat x'], []])
  t.equal(store.rows.get(`${ROMEO}/orchard`)?.priority, null)
  end(core, romeo)
  t.same(got(juliet), [], 'once, though the session ends after it')
  t.equal(await core.from(desk, '<presence type=\'unavailable\'/>'), 'answered')
  t.same(await core.from(desk, '<presence type=\'unavailable\'/>'), { ignored: 'RFC 6121 §4.5.2' }, 'who is away cannot go')
})

t.test('§4.5.2: the server says for a session that ends without a word that it is gone', async (t) => {
  const { core } = scene()
  const juliet = await online(core, `${JULIET}/balcony`)
  const desk = await online(core, `${ROMEO}/desk`)
  const romeo = await online(core, `${ROMEO}/orchard`)
  for (const s of [juliet, desk]) got(s)
  end(core, romeo)
  t.same([got(juliet), got(desk)], [['romeo/orchard unavailable'], ['romeo/orchard unavailable']])
})

t.test('§4.5.2, implementation note: presence after unavailable presence begins a new session of it', async (t) => {
  const { core } = scene()
  const juliet = await online(core, `${JULIET}/balcony`)
  const romeo = await online(core, `${ROMEO}/orchard`)
  await core.from(romeo, '<presence type=\'unavailable\'/>')
  got(juliet)
  got(romeo)
  await core.from(romeo, '<presence/>')
  t.same(got(juliet), ['romeo/orchard'])
  t.same(got(romeo), ['romeo/orchard', 'juliet/balcony'], 'and asks for its contacts\' again')
})

t.test('§4.3.2: one who left with words is heard at the next log-in, as the account, with the time', async (t) => {
  const { core, store } = scene()
  const romeo = await online(core, `${ROMEO}/orchard`)
  core.clock.time = Date.UTC(2026, 0, 2, 3, 4, 5)
  await core.from(romeo, '<presence type=\'unavailable\'><status>on holiday</status></presence>')
  await core.idle(1000)
  core.clock.time += 60_000
  const juliet = await online(core, `${JULIET}/balcony`)
  t.equal(juliet.got.at(-1), `<presence to='${JULIET}' from='${ROMEO}' type='unavailable'><status>on holiday</status>` +
    '<delay xmlns=\'urn:xmpp:delay\' from=\'localhost\' stamp=\'2026-01-02T03:04:05.000Z\'/></presence>')
  t.same(await core.services.presence.lastSeen(ROMEO), { at: Date.UTC(2026, 0, 2, 3, 4, 5), presence: store.departed.get(ROMEO)?.presence })
  await core.from(romeo, '<presence/>')
  t.equal(await core.services.presence.lastSeen(ROMEO), null, 'who is here was not last seen')
  end(core, romeo)
  await core.idle(1000)
  const again = await online(core, `${JULIET}/chamber`)
  t.same(got(again), ['juliet/chamber', 'juliet/balcony'], 'who leaves without words is silent')
})

t.test('§4.3.2: the last word is the account\'s: not said while another session is there', async (t) => {
  const { core, store } = scene()
  const romeo = await online(core, `${ROMEO}/orchard`)
  const desk = await online(core, `${ROMEO}/desk`)
  await core.from(romeo, '<presence type=\'unavailable\'><status>x</status></presence>')
  await core.idle(1000)
  t.notOk(store.departed.has(ROMEO))
  await core.from(desk, '<presence type=\'unavailable\'><status>y</status></presence>')
  await core.idle(1000)
  t.match(store.departed.get(ROMEO)?.presence, /<status>y</)
})

t.test('§4.3.2: a probe is answered to who is subscribed; a stranger learns nothing', async (t) => {
  const { core } = scene()
  const romeo = await online(core, `${ROMEO}/orchard`, '<status>here</status>')
  const juliet = await online(core, `${JULIET}/balcony`)
  const tybalt = await online(core, `${TYBALT}/street`)
  got(juliet)
  got(tybalt)
  const probe = (to: string): string => `<presence type='probe' to='${to}'/>`
  await core.from(juliet, probe(ROMEO))
  t.same(got(juliet), ['romeo/orchard here'])
  await core.from(juliet, probe(`${ROMEO}/orchard`))
  t.equal(juliet.got.pop(), `<presence from='${ROMEO}/orchard' to='${JULIET}'/>`, 'of a full JID only that it is there')
  await core.from(juliet, probe(`${ROMEO}/desk`))
  t.same(got(juliet), [], 'and of no other')
  for (const to of [ROMEO, `${ROMEO}/orchard`, JULIET, 'nobody@localhost']) {
    t.same(await core.from(tybalt, probe(to)), { ignored: 'RFC 6121 §4.3.2' }, to)
  }
  t.same(got(tybalt), [])
  t.same(got(romeo), ['romeo/orchard here', 'juliet/balcony'], 'nobody hears of a probe')
})

t.test('§4.6.6: who was sent directed presence may ask whether that resource is still there', async (t) => {
  const { core } = scene()
  const romeo = await online(core, `${ROMEO}/orchard`, '<status>here</status>')
  await online(core, `${ROMEO}/desk`)
  const tybalt = await online(core, `${TYBALT}/street`)
  await core.from(romeo, `<presence to='${TYBALT}'/>`)
  got(tybalt)
  await core.from(tybalt, `<presence type='probe' to='${ROMEO}/orchard'/>`)
  t.equal(tybalt.got.pop(), `<presence from='${ROMEO}/orchard' to='${TYBALT}'/>`)
  await core.from(tybalt, `<presence type='probe' to='${ROMEO}/desk'/>`)
  await core.from(tybalt, `<presence type='probe' to='${ROMEO}'/>`)
  t.same(got(tybalt), [])
  await core.from(romeo, `<presence to='${TYBALT}' type='unavailable'/>`)
  got(tybalt)
  await core.from(tybalt, `<presence type='probe' to='${ROMEO}/orchard'/>`)
  t.same(got(tybalt), [])
})

t.test('§4.6.3 case 2: who was sent directed presence hears of its end, and of nothing between', async (t) => {
  for (const leave of ['unavailable', 'in words', 'unclean'] as const) {
    const { core } = scene()
    const romeo = await online(core, `${ROMEO}/orchard`)
    const tybalt = await online(core, `${TYBALT}/street`)
    got(tybalt)
    await core.from(romeo, `<presence to='${TYBALT}'><status>en garde</status></presence>`)
    await core.from(romeo, '<presence><status>to all others</status></presence>')
    if (leave === 'unclean') end(core, romeo)
    else await core.from(romeo, `<presence type='unavailable'>${leave === 'in words' ? '<status>bye</status>' : ''}</presence>`)
    t.same(got(tybalt), ['romeo/orchard en garde', leave === 'in words' ? 'romeo/orchard unavailable bye' : 'romeo/orchard unavailable'], leave)
    await core.from(romeo, '<presence/>')
    await core.from(romeo, '<presence type=\'unavailable\'/>')
    t.same(got(tybalt), [], 'once')
  }
})

t.test('§4.6.3 case 2: who was told the end directly is not told again', async (t) => {
  const { core } = scene()
  const romeo = await online(core, `${ROMEO}/orchard`)
  const tybalt = await online(core, `${TYBALT}/street`)
  await core.from(romeo, `<presence to='${TYBALT}/street'/>`)
  await core.from(romeo, `<presence to='${TYBALT}/street' type='unavailable'/>`)
  got(tybalt)
  end(core, romeo)
  t.same(got(tybalt), [])
})

t.test('§4.6.3 case 3: directed presence needs no other, and its end is told all the same', async (t) => {
  for (const unclean of [true, false]) {
    const { core } = scene()
    const romeo = await core.login(`${ROMEO}/orchard`)
    const tybalt = await online(core, `${TYBALT}/street`)
    const juliet = await online(core, `${JULIET}/balcony`)
    await core.from(romeo, `<presence to='${TYBALT}'/>`)
    await core.from(romeo, `<presence to='${JULIET}'/>`)
    got(tybalt)
    got(juliet)
    if (unclean) end(core, romeo)
    else await core.from(romeo, '<presence type=\'unavailable\'/>')
    t.same([got(tybalt), got(juliet)], [['romeo/orchard unavailable'], ['romeo/orchard unavailable']])
  }
})

t.test('§4.6.1: a subscriber who was sent directed presence too hears of the end once', async (t) => {
  const { core } = scene()
  const romeo = await core.login(`${ROMEO}/orchard`)
  const desk = await online(core, `${ROMEO}/desk`)
  const juliet = await online(core, `${JULIET}/balcony`)
  await core.from(romeo, `<presence to='${JULIET}/balcony'/>`)
  await core.from(romeo, '<presence/>')
  await core.from(romeo, `<presence to='${ROMEO}/desk'/>`)
  got(juliet)
  got(desk)
  end(core, romeo)
  t.same([got(juliet), got(desk)], [['romeo/orchard unavailable'], ['romeo/orchard unavailable']])
})

t.test('§4.6.3: a resource that is bound but not available hears of the end as it heard of the beginning', async (t) => {
  const { core } = scene()
  const romeo = await online(core, `${ROMEO}/orchard`)
  const tybalt = await core.login(`${TYBALT}/street`)
  await core.from(romeo, `<presence to='${TYBALT}/street'/>`)
  end(core, romeo)
  t.same(got(tybalt), ['romeo/orchard', 'romeo/orchard unavailable'])
})

t.test('directed presence has a bound, of addresses at a time', async (t) => {
  const store = memoryStore([ROMEO, TYBALT])
  const core = testCore({ store, settings: { maxDirectedPresence: 2 } })
  const romeo = await online(core, `${ROMEO}/orchard`)
  got(romeo)
  for (const n of [1, 2, 1]) await core.from(romeo, `<presence to='${TYBALT}/${n}'/>`)
  t.same(got(romeo), [])
  await core.from(romeo, `<presence to='${TYBALT}/3'/>`)
  t.same(got(romeo), ['error resource-constraint wait'])
  await core.from(romeo, `<presence to='${TYBALT}/1' type='unavailable'/>`)
  await core.from(romeo, `<presence to='${TYBALT}/3'/>`)
  t.same(got(romeo), [])
})

t.test('XEP-0191 §3.2: where one blocks the other, neither sees the other\'s presence', async (t) => {
  for (const [blocker, blocked] of [[ROMEO, JULIET], [JULIET, ROMEO]] as const) {
    const { core } = scene()
    // words of before the block
    const first = await online(core, `${ROMEO}/orchard`)
    await core.from(first, '<presence type=\'unavailable\'><status>words</status></presence>')
    end(core, first)
    await core.idle(1000)
    await core.services.blocklists.add(blocker, [blocked], 10, null)
    const juliet = await online(core, `${JULIET}/balcony`)
    t.same(got(juliet), ['juliet/balcony'], `${blocker} blocks: no last words`)
    const romeo = await online(core, `${ROMEO}/orchard`)
    await core.from(romeo, '<presence><status>x</status></presence>')
    await core.from(juliet, `<presence type='probe' to='${ROMEO}'/>`)
    await core.from(juliet, `<presence type='probe' to='${ROMEO}/orchard'/>`)
    end(core, romeo)
    // what the blocker asks is refused (§3.3), what the blocked one asks is not answered
    t.same(got(juliet), blocker === JULIET ? Array(2).fill('error not-acceptable cancel') : [], 'nothing of a whole session')
    t.same(got(romeo).filter((s) => s.startsWith('juliet')), [])
  }
})

t.test('§4.7.2.3: a priority is a number from -128 to 127, in the namespace of the stream', async (t) => {
  const { core } = scene()
  const romeo = await online(core, `${ROMEO}/orchard`)
  got(romeo)
  for (const bad of ['128', '-129', '1.5', '', 'x', '0x1']) {
    await core.from(romeo, `<presence><priority>${bad}</priority></presence>`)
    t.same(got(romeo), ['error bad-request modify'], bad)
  }
  t.equal(romeo.priority, 0)
  for (const [text, priority] of [['-128', -128], ['127', 127], [' +5\n', 5]] as const) {
    await core.from(romeo, `<presence><priority>${text}</priority></presence>`)
    t.equal(romeo.priority, priority)
  }
  await core.from(romeo, '<presence><priority xmlns=\'urn:other\'>9</priority></presence>')
  t.equal(romeo.priority, 0, 'another namespace is another element')
})

t.test('one who logs in while another\'s presence row is being written hears of it exactly once', async (t) => {
  for (const first of ['romeo', 'juliet']) {
    const { core, store } = scene()
    const save = store.presence.save
    const gates = new Map<string, () => void>()
    // each log-in is written when the test says so, in the order it says
    Object.assign(store.presence, { save: async (rows: Parameters<typeof save>[0]) => {
      await Promise.all(rows.map((row) => new Promise<void>((resolve) => void gates.set(row.account, resolve))))
      return save(rows)
    } })
    const sessions = [await core.login(`${ROMEO}/orchard`), await core.login(`${JULIET}/balcony`)] as const
    const coming = sessions.map((s) => core.from(s, '<presence/>'))
    const order = first === 'romeo' ? [ROMEO, JULIET] : [JULIET, ROMEO]
    for (const account of order) {
      while (!gates.has(account)) {
        for (const [other, open] of gates) if (other !== account && order.indexOf(other) < order.indexOf(account)) open()
        await new Promise(setImmediate)
        if (!gates.has(account)) for (const open of gates.values()) open()
      }
      gates.get(account)?.()
      await new Promise(setImmediate)
    }
    await Promise.all(coming)
    t.same(got(sessions[0]).filter((s) => s.startsWith('juliet')), ['juliet/balcony'], `${first} first`)
    t.same(got(sessions[1]).filter((s) => s.startsWith('romeo')), ['romeo/orchard'], `${first} first`)
  }
})

t.test('presence that comes while a mailbox is being read is not lost, and follows in order', async (t) => {
  const { core, store } = scene()
  const juliet = await online(core, `${JULIET}/balcony`)
  for (const n of [1, 2, 3, 4, 5]) await core.from(juliet, `<message to='${ROMEO}' type='chat'><body>${n}</body></message>`)
  t.equal(store.messages.length, 5)
  const page = store.log.pull
  let more: () => void = () => {}
  const reading = new Promise<void>((resolve) => {
    Object.assign(store.log, { pull: async (...asked: Parameters<typeof page>) => {
      resolve()
      await new Promise<void>((go) => {
        more = go
      })
      return page(...asked)
    } })
  })
  const romeo = await core.login(`${ROMEO}/orchard`)
  const coming = core.from(romeo, '<presence/>')
  await reading
  await core.from(juliet, '<presence><status>while</status></presence>')
  const again = core.from(romeo, '<presence><status>changed</status><priority>3</priority></presence>')
  const until = Promise.all([coming, again])
  let done = false
  void until.then(() => {
    done = true
  })
  while (!done) {
    more()
    await new Promise(setImmediate)
  }
  t.same(got(juliet).filter((s) => s.startsWith('romeo')), ['romeo/orchard', 'romeo/orchard changed'])
  const all = got(romeo)
  t.same(all.filter((s) => s.startsWith('juliet/balcony chat')).map((s) => s.slice(-1)), ['1', '2', '3', '4', '5'])
  t.same(all.filter((s) => s.startsWith('juliet') && !s.includes('chat')), ['juliet/balcony', 'juliet/balcony while'])
  t.equal(romeo.priority, 3, 'and the last priority counts')
  core.tick() // its client is asked for the last of them
  await new Promise(setImmediate)
  await core.acks.flush()
  t.equal(store.messages.length, 0)
})

t.test('D20: with the database away presence waits, changes nothing, and is told when it is back: its client would take itself for online', async (t) => {
  const { core, store } = scene()
  const juliet = await online(core, `${JULIET}/balcony`)
  const romeo = await core.login(`${ROMEO}/orchard`)
  got(juliet)
  const whileAway = async (xml: string): Promise<string[]> => {
    store.broken = true
    const waiting = core.from(romeo, xml)
    await new Promise((resolve) => setTimeout(resolve, 700))
    t.same(got(juliet), [], 'she is not told what the table does not say')
    store.broken = false
    await waiting
    return got(juliet)
  }
  const first = whileAway('<presence/>')
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.same([romeo.wanted, romeo.priority, romeo.presence], [null, null, null])
  t.same(await first, ['romeo/orchard'])
  t.same(await whileAway('<presence type=\'unavailable\'/>'), ['romeo/orchard unavailable'])
  t.notOk(romeo.got.some((xml) => xml.includes('error')))
  t.same(core.bugs, [])
})

t.test('last words that cannot be read cost nobody the log-in', async (t) => {
  const { core, store } = scene()
  Object.assign(store.others.departures, { load: () => Promise.reject(new Error('the database is away')) })
  const romeo = await online(core, `${ROMEO}/orchard`)
  t.same(got(romeo), ['romeo/orchard'])
  t.equal(romeo.priority, 0, 'it gets messages')
})

t.test('presence to a thousand contacts is made once and written once to each', async (t) => {
  const copies = async (contacts: number): Promise<{ made: number; written: number }> => {
    const names = Array.from({ length: contacts }, (_, i) => `c${i}@localhost`)
    const store = memoryStore([ROMEO, ...names])
    for (const name of names) befriend(store, ROMEO, name)
    const core = testCore({ store })
    const others = await Promise.all(names.map((name) => online(core, `${name}/x`)))
    const romeo = await online(core, `${ROMEO}/orchard`)
    for (const other of others) got(other)
    // octets are copied out of the stream once (ownCopy), which is the only thing here that makes new ones
    const from = Buffer.from
    let made = 0
    Buffer.from = ((...args: Parameters<typeof from>) => {
      made++
      return from(...args)
    }) as typeof from
    try {
      await core.from(romeo, '<presence><status>x</status></presence>')
    } finally {
      Buffer.from = from
    }
    t.equal(new Set(others.map(({ got: [octets] }) => octets?.replace(/ to='[^']*'/, ''))).size, 1, 'the same octets but for `to`')
    return { made, written: others.reduce((n, { got: all }) => n + all.length, 0) }
  }
  const [ten, thousand] = [await copies(10), await copies(1000)]
  t.same([ten.written, thousand.written], [10, 1000])
  t.equal(thousand.made, ten.made)
})

t.test('the questions to the database that a log-in asks do not grow with the contacts', async (t) => {
  const db = await testDatabase(t)
  const asked: string[] = []
  const counting: Db = {
    query: (text, values) => {
      asked.push(text.trim().split('\n')[0] as string)
      return db.query(text, values)
    },
    transaction: (run) => db.transaction((tx) => {
      asked.push('begin')
      return run(tx)
    }),
  }
  const login = async (user: string, contacts: number): Promise<string[]> => {
    const names = Array.from({ length: contacts }, (_, i) => `${user}${i}`)
    await addUsers(db, [user])
    const account = `${user}@localhost`
    // half of them have left with words, as many are there
    await db.query(`insert into account (account) select n || '@localhost' from unnest($1::text[]) n`, [names])
    await db.query(`insert into roster (account, jid, subscription) select $1, n || '@localhost', 'both' from unnest($2::text[]) n`, [account, names])
    await departureStore(db).save(names.filter((_, i) => i % 2 === 0).map((n) => ({ account: `${n}@localhost`, at: 1, presence: `<presence from='${n}@localhost' type='unavailable'><status>x</status></presence>` })))
    const core = testCore({ store: memoryStore([]), db: counting, stores: {
      presence: presenceStore(counting), log: logStore(counting, NODE, 'always'), resumption: resumptionStore(counting, NODE), rosters: rosterStore(counting),
      members: memberStore(counting), blocks: blockStore(counting), departures: departureStore(counting),
    } })
    const session = await core.login(`${account}/x`)
    await core.rows.bind(session)
    asked.length = 0
    await core.from(session, '<iq type=\'get\' id=\'r\'><query xmlns=\'jabber:iq:roster\'/></iq>')
    await core.from(session, '<presence/>')
    t.match(read(session.got[0] as string).getChild('query')?.getChildElements().length, contacts)
    t.equal(session.got.filter((s) => s.includes('<delay')).length, Math.ceil(contacts / 2), 'last words of those away')
    const queries = [...asked]
    await core.from(session, '<presence type=\'unavailable\'/>')
    await core.idle(5000)
    return queries
  }
  const few = await login('few', 2)
  const many = await login('many', 1000)
  t.same(many, few, `${few.length}: ${few.join(' · ')}`)
})

t.test('XEP-0191 §5: who blocks the domain that it is at sees its own sessions all the same', async (t) => {
  const { core } = scene()
  const romeo = await online(core, `${ROMEO}/orchard`)
  await core.from(romeo, "<iq type='set' id='1'><block xmlns='urn:xmpp:blocking'><item jid='localhost'/></block></iq>")
  got(romeo)
  await core.from(romeo, `<presence type='probe' to='${ROMEO}'/>`)
  t.same(got(romeo), ['romeo/orchard'])
})
