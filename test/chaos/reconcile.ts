// The judge on planted violations: each is found, as what it is, and nothing else is accused.
import t from 'tap'
import type { Test } from 'tap'
import { ABANDONED, CHAT, makeLedger, NAMED, REFUSED, RESENT, STATE } from '../../lib/chaos/ledger.js'
import type { Ledger, Life, Party } from '../../lib/chaos/ledger.js'
import { PROMISES, reconcile } from '../../lib/chaos/reconcile.js'
import type { Promised, Verdict } from '../../lib/chaos/reconcile.js'
import { history } from '../../lib/chaos/history.js'

const ROMEO = 0 // the only client of its account
const JULIET = 1 // three clients: this one first
const JULIET_TWO = 2 // with carbons
const JULIET_NEGATIVE = 3
const NURSE = 4 // the only one of its account, without stream management

const PARTIES: readonly Party[] = [
  { account: 0, full: 'romeo@localhost/orchard', priority: 0, resumes: true },
  { account: 1, full: 'juliet@localhost/balcony', priority: 5, resumes: true },
  { account: 1, full: 'juliet@localhost/chamber', priority: 0, resumes: true },
  { account: 1, full: 'juliet@localhost/tomb', priority: -1, resumes: true },
  { account: 2, full: 'nurse@localhost/house', priority: 0, resumes: false },
]
const END = 1000

interface Scene {
  readonly ledger: Ledger
  readonly lives: readonly Life[]
  /** From Romeo, acknowledged at once. */
  say(to: number, target?: number, flags?: number): number
  get(message: number, client: number, more?: { form?: 'original' | 'received' | 'sent'; delayed?: boolean; name?: number; life?: Life }): void
  /** The client that comes at the end. */
  fetcher(account: number): Life
  judge(archives?: boolean): Verdict
}

const scene = (): Scene => {
  const ledger = makeLedger(PARTIES, ['romeo@localhost', 'juliet@localhost', 'nurse@localhost'])
  const lives = PARTIES.map(({ resumes }, client) => ledger.born(client, 1, resumes))
  let at = 10
  return {
    ledger, lives,
    say: (to, target = -1, flags = 0) => {
      const message = ledger.sent(lives[ROMEO] as Life, to, target, at++, flags)
      if ((flags & ABANDONED) === 0) ledger.ack(message, at++)
      return message
    },
    get: (message, client, { form = 'original', delayed = false, name = 0, life } = {}) => ledger.received(message, life ?? lives[client] as Life, at++, form, delayed, name),
    fetcher: (account) => ledger.born(PARTIES.findIndex((p) => p.account === account), END + 1, false, true),
    judge: (archives = false) => {
      for (const life of lives) {
        if (life.to !== Infinity) continue
        life.to = END
        life.clean = true
      }
      return reconcile(ledger, { archives, end: END })
    },
  }
}

/** Exactly these promises are broken, so often. */
const broken = (t: Test, verdict: Verdict, expected: Partial<Record<Promised, number>>): void => {
  const found = Object.fromEntries(Object.entries(verdict.counts).filter(([, n]) => n > 0))
  t.same(found, expected)
  t.same([...new Set(verdict.offenders.map(({ promise }) => promise))].toSorted(), Object.keys(expected).toSorted())
}

t.test('a run in which all went well', async (t) => {
  const s = scene()
  for (let i = 0; i < 50; i++) s.get(s.say(1), JULIET)
  const verdict = s.judge()
  broken(t, verdict, {})
  t.match(verdict, { texts: 50, acked: 50, delivered: 50 })
  t.equal(s.ledger.waiting, 0)
})

t.test('a message that was acknowledged and reached nobody is lost', async (t) => {
  const s = scene()
  s.get(s.say(1), JULIET)
  const lost = s.say(1)
  t.equal(s.ledger.waiting, 1)
  const verdict = s.judge()
  broken(t, verdict, { ackedAndLost: 1 })
  t.equal(verdict.offenders[0]?.message, lost)
})

t.test('a message that waits at the end and is fetched is not lost, but held back from whoever was there', async (t) => {
  const s = scene()
  const toNurse = s.say(2)
  s.get(toNurse, NURSE, { life: s.fetcher(2), delayed: true })
  broken(t, s.judge(), { withheld: 1 })
  const away = scene()
  const waits = away.say(2)
  ;(away.lives[NURSE] as Life).to = 5 // gone before, and not back
  away.get(waits, NURSE, { life: away.fetcher(2), delayed: true })
  broken(t, away.judge(), {})
})

t.test('a message that its sender could not know taken may be lost; one that it did not give up may not', async (t) => {
  const s = scene()
  s.say(1, -1, ABANDONED)
  const verdict = s.judge()
  broken(t, verdict, {})
  t.equal(verdict.allowed.unproven, 1)
  const other = scene()
  other.ledger.sent(other.lives[ROMEO] as Life, 1, -1, 10, 0) // never acknowledged
  broken(t, other.judge(), { lost: 1 })
})

t.test('a message that is in its receiver\'s archive was taken: it is lost, whatever its sender could know', async (t) => {
  const s = scene()
  const message = s.say(1, -1, ABANDONED)
  const [romeo, juliet] = [s.fetcher(0), s.fetcher(1)]
  s.ledger.received(message, romeo, 2000, 'archive', false, 0)
  s.ledger.received(message, juliet, 2000, 'archive', false, 0)
  broken(t, s.judge(true), { lost: 1 })
})

t.test('a duplicate in one session is found, and is not called a reorder', async (t) => {
  const s = scene()
  const [a, b] = [s.say(1), s.say(1)]
  s.get(a, JULIET)
  s.get(b, JULIET)
  s.get(a, JULIET)
  broken(t, s.judge(), { duplicated: 1 })
})

t.test('a message and its carbon copy in one session are one too many', async (t) => {
  const s = scene()
  const message = s.say(1)
  s.get(message, JULIET)
  s.get(message, JULIET_TWO)
  s.get(message, JULIET_TWO, { form: 'received' })
  broken(t, s.judge(), { copyAndOriginal: 1 })
})

t.test('two sessions of one account may both get a message', async (t) => {
  const s = scene()
  const message = s.say(1)
  s.get(message, JULIET)
  s.get(message, JULIET_TWO)
  broken(t, s.judge(), {})
})

t.test('a chat state may be lost, but not doubled', async (t) => {
  const s = scene()
  s.say(1, -1, STATE)
  const doubled = s.say(1, -1, STATE)
  s.get(doubled, JULIET)
  s.get(doubled, JULIET)
  const verdict = s.judge()
  broken(t, verdict, { duplicated: 1 })
  t.match(verdict, { texts: 0, chatStates: 2 })
})

t.test('across a crash a chat state may come twice, a message may not', async (t) => {
  const s = scene()
  const [state, message] = [s.say(1, -1, STATE), s.say(1)]
  for (const m of [state, message]) s.get(m, JULIET)
  s.ledger.fault('kill', 14, true).to = 15
  s.get(state, JULIET)
  const verdict = s.judge()
  broken(t, verdict, {})
  t.equal(verdict.allowed.stateTwice, 1)
  const other = scene()
  const twice = other.say(1)
  other.get(twice, JULIET)
  other.ledger.fault('kill', 12, true).to = 13
  other.get(twice, JULIET)
  broken(t, other.judge(), { duplicated: 1 })
})

t.test('what a later session gets again is allowed, with the same stanza-id', async (t) => {
  const s = scene()
  const message = s.say(2)
  s.get(message, NURSE, { name: 7 })
  ;(s.lives[NURSE] as Life).to = 500
  s.get(message, NURSE, { name: 7, life: s.ledger.born(NURSE, 501, false) })
  const verdict = s.judge()
  broken(t, verdict, {})
  t.equal(verdict.allowed.repeated, 1)
})

t.test('another stanza-id on the second copy is found', async (t) => {
  const s = scene()
  const message = s.say(2)
  s.get(message, NURSE, { name: 7 })
  s.get(message, NURSE, { name: 8, life: s.ledger.born(NURSE, 501, false) })
  broken(t, s.judge(), { renamed: 1 })
})

t.test('what a session acknowledged and the last one gets again is found', async (t) => {
  const s = scene()
  const message = s.say(1)
  s.get(message, JULIET)
  s.get(message, JULIET, { life: s.fetcher(1), delayed: true })
  broken(t, s.judge(), { cameAgain: 1 })
  // sent again without an id, it is there twice, and one of the two was acknowledged
  const twice = scene()
  const nameless = twice.say(1)
  twice.ledger.resent(nameless)
  twice.get(nameless, JULIET, { name: 7 })
  twice.get(nameless, JULIET, { name: 8, life: twice.fetcher(1), delayed: true })
  broken(t, twice.judge(), {})
})

t.test('a message sent again with an id and got twice is found; without an id it is allowed', async (t) => {
  const s = scene()
  const message = s.say(1, -1, NAMED)
  s.ledger.resent(message)
  s.get(message, JULIET)
  s.get(message, JULIET)
  broken(t, s.judge(), { resentTwice: 1 })
  const nameless = scene()
  const other = nameless.say(1)
  nameless.ledger.mark(other, RESENT)
  nameless.get(other, JULIET)
  nameless.get(other, JULIET)
  const verdict = nameless.judge()
  broken(t, verdict, {})
  t.equal(verdict.allowed.resentNameless, 1)
})

t.test('a reorder of one sender in one session is found, with what overtook it', async (t) => {
  const s = scene()
  const [a, b] = [s.say(1), s.say(1)]
  s.get(b, JULIET)
  s.get(a, JULIET)
  const verdict = s.judge()
  broken(t, verdict, { reordered: 1 })
  t.match(verdict.offenders[0], { message: a, behind: b, life: (s.lives[JULIET] as Life).id })
})

t.test('a chat state may not overtake a message', async (t) => {
  const s = scene()
  const message = s.say(1)
  const state = s.say(1, -1, STATE)
  s.get(state, JULIET)
  s.get(message, JULIET)
  broken(t, s.judge(), { reordered: 1 })
})

t.test('messages of two senders have no order', async (t) => {
  const s = scene()
  const first = s.say(1)
  const second = s.ledger.sent(s.lives[NURSE] as Life, 1, -1, 50, 0)
  s.ledger.ack(second, 51)
  s.get(second, JULIET)
  s.get(first, JULIET)
  broken(t, s.judge(), {})
})

t.test('what comes late may be out of order where an account has several clients, not where it has one', async (t) => {
  const s = scene()
  const [a, b] = [s.say(1), s.say(1)]
  s.get(b, JULIET)
  s.get(a, JULIET, { delayed: true })
  broken(t, s.judge(), {})
  const one = scene()
  const [c, d] = [one.say(2), one.say(2)]
  one.get(d, NURSE)
  one.get(c, NURSE, { delayed: true })
  broken(t, one.judge(), { reordered: 1 })
})

t.test('a message in another account, or to a bare JID in a session of negative priority, went astray', async (t) => {
  const s = scene()
  const [a, b, named] = [s.say(1), s.say(1), s.say(1, JULIET_NEGATIVE)]
  for (const message of [a, b]) s.get(message, JULIET)
  s.get(a, NURSE)
  s.get(b, JULIET_NEGATIVE)
  s.get(named, JULIET_NEGATIVE) // it was asked for
  broken(t, s.judge(), { misdelivered: 2 })
})

t.test('a message to a session that was there, and that only another got', async (t) => {
  const s = scene()
  s.get(s.say(1, JULIET_TWO), JULIET)
  broken(t, s.judge(), { astray: 1 })
  const gone = scene()
  ;(gone.lives[JULIET_TWO] as Life).to = 5
  gone.get(gone.say(1, JULIET_TWO), JULIET)
  broken(t, gone.judge(), {})
})

t.test('a refused message is not lost, and may not be delivered', async (t) => {
  const s = scene()
  s.ledger.mark(s.say(1, JULIET), REFUSED)
  const verdict = s.judge()
  broken(t, verdict, {})
  t.equal(verdict.allowed.refused, 1)
  const both = scene()
  const message = both.say(1)
  both.get(message, JULIET)
  both.ledger.mark(message, REFUSED)
  broken(t, both.judge(), { refusedAndDelivered: 1 })
})

t.test('a refusal that does not say of which message excuses one to that account', async (t) => {
  const s = scene()
  s.say(1)
  s.say(1)
  s.ledger.nameless(ROMEO, 1)
  broken(t, s.judge(), { ackedAndLost: 1 })
})

t.test('a carbon copy that a session was to get and did not is found', async (t) => {
  const s = scene()
  ;(s.lives[JULIET_TWO] as Life).carbons = 2
  const [a, b, c] = [s.say(1, -1, CHAT), s.say(1, -1, CHAT), s.say(1, -1, 0)]
  for (const message of [a, b, c]) s.get(message, JULIET)
  s.get(a, JULIET_TWO, { form: 'received' })
  broken(t, s.judge(), { carbonMissing: 1 }) // b; c is no chat
})

t.test('archives hold each message once, with its sender and its receiver, in order', async (t) => {
  const s = scene()
  const [a, b, c, d] = [s.say(1), s.say(1), s.say(1), s.say(1)]
  for (const message of [a, b, c, d]) s.get(message, JULIET)
  const [romeo, juliet] = [s.fetcher(0), s.fetcher(1)]
  const archive = (message: number, life: Life): void => s.ledger.received(message, life, 2000, 'archive', false, 0)
  for (const message of [a, b, c, d]) archive(message, romeo)
  for (const message of [a, a, d, c]) archive(message, juliet) // b is missing, a is there twice
  broken(t, s.judge(true), { archiveMissing: 1, archiveExtra: 1, archiveReordered: 1 })
})

t.test('the archive\'s id of a message is its stanza-id', async (t) => {
  const s = scene()
  const message = s.say(1)
  s.get(message, JULIET, { name: 7 })
  s.ledger.received(message, s.fetcher(0), 2000, 'archive', false, 5) // the sender's own entry has another
  s.ledger.received(message, s.fetcher(1), 2000, 'archive', false, 8)
  broken(t, s.judge(true), { renamed: 1 })
})

t.test('every promise has a way to be broken in these tests', async (t) => {
  // a promise without a planted violation would be one that nothing proves to be watched
  const source = (await import('node:fs')).readFileSync(new URL(import.meta.url).pathname, 'utf8')
  for (const promise of Object.keys(PROMISES)) t.match(source, new RegExp(`${promise}: [1-9]`), promise)
})

t.test('the story of an offender tells who, when and what happened around', async (t) => {
  const s = scene()
  const message = s.say(1)
  s.ledger.step(ROMEO, 12, 'cut: drop, away for 100 ms')
  s.ledger.step(NURSE, 12, 'nothing to do with it')
  const fault = s.ledger.fault('kill', 11, true)
  fault.to = 900
  const [offender] = s.judge().offenders
  const story = history(s.ledger, offender as NonNullable<typeof offender>)
  t.match(story, new RegExp(`acknowledged and lost: message ${message}`))
  t.match(story, /0\.010 s sent by romeo@localhost\/orchard in session 0 to juliet@localhost/)
  t.match(story, /0\.012 s romeo@localhost\/orchard: cut: drop/)
  t.match(story, /0\.011 s–0\.900 s FAULT kill/)
  t.notMatch(story, /nothing to do with it/)
})
