// RFC 6121 Appendix A and §3.4, row by row. What is expected is written out here from the RFC's tables, not taken from
// lib/core/subscriptions.ts. Where the RFC says SHOULD NOT route or deliver, we do not.
import t from 'tap'
import { inbound, NOTHING, outbound, stateOf, withState } from '../../lib/core/subscriptions.js'
import type { State, SubscriptionType } from '../../lib/core/subscriptions.js'
import type { Contact } from '../../lib/core/ports.js'

/** A.1: the nine states, as they are called there. */
const STATES = {
  'None': {},
  'None + Pending Out': { out: true },
  'None + Pending In': { in: true },
  'None + Pending Out+In': { out: true, in: true },
  'To': { to: true },
  'To + Pending In': { to: true, in: true },
  'From': { from: true },
  'From + Pending Out': { from: true, out: true },
  'Both': { to: true, from: true },
} satisfies Record<string, Partial<State>>
type Name = keyof typeof STATES
const NAMES = Object.keys(STATES) as Name[]

const state = (name: Name): State => ({ ...NOTHING, ...STATES[name] })

const SAME = 'no state change'
const APPROVED = 'pre-approval'
/** In the order of the nine states: routed or delivered, and the new state. */
type Rows = readonly (readonly [boolean, Name | typeof SAME | typeof APPROVED])[]

const after = (before: Name, expected: Rows[number][1]): State =>
  expected === SAME ? state(before) : expected === APPROVED ? { ...state(before), approved: true } : state(expected)

const OUTBOUND: readonly [string, SubscriptionType, Rows][] = [
  ['A.2.1', 'subscribe', [
    [true, 'None + Pending Out'], [true, SAME], [true, 'None + Pending Out+In'], [true, SAME], [true, SAME],
    [true, SAME], [true, 'From + Pending Out'], [true, SAME], [true, SAME],
  ]],
  ['A.2.2', 'unsubscribe', [
    [true, SAME], [true, 'None'], [true, SAME], [true, 'None + Pending In'], [true, 'None'],
    [true, 'None + Pending In'], [true, SAME], [true, 'From'], [true, 'From'],
  ]],
  ['A.2.3', 'subscribed', [
    [false, APPROVED], [false, APPROVED], [true, 'From'], [true, 'From + Pending Out'], [false, APPROVED],
    [true, 'Both'], [false, SAME], [false, SAME], [false, SAME],
  ]],
  ['A.2.4', 'unsubscribed', [
    [false, SAME], [false, SAME], [true, 'None'], [true, 'None + Pending Out'], [false, SAME],
    [true, 'To'], [true, 'None'], [true, 'None + Pending Out'], [true, 'To'],
  ]],
]

for (const [section, type, rows] of OUTBOUND) {
  for (const [i, [routed, expected]] of rows.entries()) {
    const before = NAMES[i] as Name
    t.test(`RFC 6121 ${section}: "${type}" sent in state "${before}"`, async (t) => {
      t.same(outbound(type, state(before)), { route: routed, state: after(before, expected) })
    })
  }
}

const INBOUND: readonly [string, SubscriptionType, Rows][] = [
  ['A.3.1', 'subscribe', [
    [true, 'None + Pending In'], [true, 'None + Pending Out+In'], [false, SAME], [false, SAME], [true, 'To + Pending In'],
    [false, SAME], [false, SAME], [false, SAME], [false, SAME],
  ]],
  ['A.3.2', 'unsubscribe', [
    [false, SAME], [false, SAME], [true, 'None'], [true, 'None + Pending Out'], [false, SAME],
    [true, 'To'], [true, 'None'], [true, 'None + Pending Out'], [true, 'To'],
  ]],
  ['A.3.3', 'subscribed', [
    [false, SAME], [true, 'To'], [false, SAME], [true, 'To + Pending In'], [false, SAME],
    [false, SAME], [false, SAME], [true, 'Both'], [false, SAME],
  ]],
  ['A.3.4', 'unsubscribed', [
    [false, SAME], [true, 'None'], [false, SAME], [true, 'None + Pending In'], [true, 'None'],
    [true, 'None + Pending In'], [false, SAME], [true, 'From'], [true, 'From'],
  ]],
]
/** A.3.1, note 2: the server answers for its user, who has granted it before. */
const ANSWERED: readonly Name[] = ['From', 'From + Pending Out', 'Both']

for (const [section, type, rows] of INBOUND) {
  for (const [i, [delivered, expected]] of rows.entries()) {
    const before = NAMES[i] as Name
    t.test(`RFC 6121 ${section}: "${type}" received in state "${before}"`, async (t) => {
      const reply = type === 'subscribe' && ANSWERED.includes(before) ? 'subscribed' : null
      t.same(inbound(type, state(before)), { deliver: delivered, reply, state: after(before, expected) })
    })
  }
}

// §3.4.2: pre-approval stands in those states in which the contact has no subscription and has not asked for one
const APPROVABLE: readonly [Name, Name][] = [['None', 'From'], ['None + Pending Out', 'From + Pending Out'], ['To', 'Both']]

for (const [before, granted] of APPROVABLE) {
  const approved = { ...state(before), approved: true }
  t.test(`RFC 6121 §3.4.2: a pre-approved contact asks in state "${before}"`, async (t) => {
    t.same(inbound('subscribe', approved), { deliver: false, reply: 'subscribed', state: state(granted) }, 'answered, never delivered')
  })
  t.test(`RFC 6121 §3.4.2: "subscribed" sent again to a pre-approved contact in state "${before}"`, async (t) => {
    t.same(outbound('subscribed', approved), { route: false, state: approved })
  })
  t.test(`RFC 6121 §3.2.2 case 2: "unsubscribed" takes a pre-approval back in state "${before}"`, async (t) => {
    t.same(outbound('unsubscribed', approved), { route: false, state: state(before) })
  })
  t.test(`RFC 6121 §3.4: what else comes and goes leaves a pre-approval alone in state "${before}"`, async (t) => {
    for (const type of ['subscribe', 'unsubscribe'] as const) t.ok(outbound(type, approved).state.approved, `${type} sent`)
    for (const type of ['unsubscribe', 'subscribed', 'unsubscribed'] as const) t.ok(inbound(type, approved).state.approved, `${type} received`)
  })
}

t.test('RFC 6121 A.1: a row of the roster and back, in every state', async (t) => {
  for (const name of NAMES) {
    for (const approved of [false, true]) {
      const given = { ...state(name), approved }
      const row: Contact = { ...withState('romeo@localhost', null, given, '<presence/>'), ver: 1 }
      t.same(stateOf(row), given, name)
      // a request that waits for an answer puts nobody on the list (§3.1.3, security warning)
      t.equal(row.listed, approved || (name !== 'None' && name !== 'None + Pending In'), `${name}: listed`)
      t.equal(row.request, given.in ? '<presence/>' : null, `${name}: the request is kept while it waits`)
    }
  }
  t.same(stateOf(null), NOTHING)
})

t.test('RFC 6121 A.1: a contact that the user has put on the list stays there, with name and groups', async (t) => {
  const row: Contact = { ...withState('romeo@localhost', null, NOTHING, null), name: 'R', groups: ['Lovers'], listed: true, ver: 1 }
  t.match(withState(row.jid, row, state('None + Pending In'), '<presence/>'), { name: 'R', groups: ['Lovers'], listed: true, subscription: 'none' })
  t.match(withState(row.jid, row, NOTHING, null), { name: 'R', groups: ['Lovers'], listed: true })
})

t.test('RFC 6121 §3.1.3 case 4: of several requests one is kept, the first', async (t) => {
  const row: Contact = { ...withState('romeo@localhost', null, state('None + Pending In'), '<presence id="1"/>'), ver: 1 }
  t.equal(withState(row.jid, row, state('None + Pending In'), '<presence id="2"/>').request, '<presence id="1"/>')
})
