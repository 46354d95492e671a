import fc from 'fast-check'
import t from 'tap'
import { makeHold } from '../../lib/core/hold.js'
import type { HoldLimits } from '../../lib/core/hold.js'

const LIMITS = { stanzas: 1000, bytes: 262_144 }

/** An outlet with a hold in front of it, as a connection asks it. */
const inactive = (limits: HoldLimits = LIMITS) => {
  const got: string[] = []
  const state = { takes: true }
  const outlet = {
    write: (octets: string, declared: boolean): boolean => {
      if (hold.take(octets, declared, false)) return true
      if (state.takes) got.push(octets)
      return state.takes
    },
    flushed: () => Promise.resolve(true), close: () => {}, drop: () => {},
  }
  const hold = makeHold(outlet, limits)
  return { got, state, hold, write: (...all: string[]) => all.map((octets) => outlet.write(octets, octets.includes("xmlns='jabber:client'"))) }
}

const here = (from: string, inner = '<show>away</show>') => `<presence from='${from}'>${inner}</presence>`
const gone = (from: string) => `<presence from='${from}' type='unavailable'/>`
const state = (from: string, name: string) => `<message from='${from}' type='chat'><${name} xmlns='http://jabber.org/protocol/chatstates'/></message>`
const message = (from: string) => `<message from='${from}' type='chat'><body>hello</body></message>`
const muc = (from: string, inner: string, type = '') => `<presence from='${from}'${type}><x xmlns='http://jabber.org/protocol/muc#user'>${inner}</x></presence>`

t.test('of presence the last of each full JID is kept, of chat states the last of each sender', async (t) => {
  const { got, hold, write } = inactive()
  t.same(write(here('a@x/1', '1'), state('a@x/1', 'composing'), here('a@x/2', '2'), here('a@x/1', '3'), state('a@x/1', 'paused')), Array(5).fill(true))
  t.same(got, [], 'nothing is written')
  hold.release()
  t.same(got, [here('a@x/2', '2'), here('a@x/1', '3'), state('a@x/1', 'paused')])
  hold.release()
  t.equal(got.length, 3, 'once')
})

t.test('an entry of the log goes out at once, whatever is in it: it counts, and nothing replaces it', async (t) => {
  const { got, hold, write } = inactive()
  write(here('a@x/1'))
  t.equal(hold.take(state('a@x/1', 'composing'), false, true), false)
  t.same(got, [here('a@x/1')], 'and what is held goes before it')
})

t.test('anything else goes out at once, behind what is held', async (t) => {
  for (const other of [
    message('b@x/1'), "<iq type='result' id='1'/>", "<message from='a@x/1'><received xmlns='urn:xmpp:receipts' id='1'/></message>",
    "<presence from='a@x' type='subscribe'/>", "<presence from='a@x' type='unsubscribed'/>", "<presence from='a@x/1' type='error'/>", '<presence/>',
    muc('room@x/me', "<item/><status code='110'/>"), muc('room@x/me', '<destroy/>', " type='unavailable'"),
    muc('room@x/me', "<item xmlns='http://jabber.org/protocol/muc#user'/><m:status xmlns:m='http://jabber.org/protocol/muc#user' code='307'/>", " type='unavailable'"),
    "<message from='a@x/1' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/><subject>s</subject></message>",
    "<message from='a@x/1' type='error'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
  ]) {
    const { got, write } = inactive()
    write(here('a@x/1'), other)
    t.same(got, [here('a@x/1'), other])
  }
})

t.test('others coming and going in a group chat is held', async (t) => {
  const { got, write } = inactive()
  write(muc('room@x/other', "<item affiliation='none' role='participant'/>"), muc('room@x/status', "<item jid='status@x/destroy'/>"))
  t.same(got, [])
})

t.test('that a session ended is heard, though it came back', async (t) => {
  const { got, hold, write } = inactive()
  write(here('a@x/1', '1'), gone('a@x/1'), here('a@x/1', '2'), here('a@x/1', '3'))
  hold.release()
  t.same(got, [gone('a@x/1'), here('a@x/1', '3')])
})

t.test('that a session ended replaces all that it said before', async (t) => {
  const { got, hold, write } = inactive()
  write(here('a@x/1', '1'), gone('a@x/1'), here('a@x/1', '2'), gone('a@x/1'))
  hold.release()
  t.same(got, [gone('a@x/1')])
})

t.test('a chat state is one with its thread, hints and ids', async (t) => {
  const { got, write } = inactive()
  write("<message from='a@x/1'><active xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread><no-store xmlns='urn:xmpp:hints'/><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='b@x'/></message>")
  t.same(got, [])
})

t.test('copies of chat states are chat states: the last of each conversation and direction is kept', async (t) => {
  const copy = (from: string, to: string, name: string) => `<message from='me@x' to='me@x/phone' type='chat'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>` +
    `<message xmlns='jabber:client' from='${from}' to='${to}' type='chat'><${name} xmlns='http://jabber.org/protocol/chatstates'/></message></forwarded></sent></message>`
  const { got, hold, write } = inactive()
  write(copy('me@x/desk', 'a@x', 'composing'), copy('me@x/desk', 'b@x', 'composing'), copy('me@x/desk', 'a@x', 'paused'))
  t.same(got, [])
  hold.release()
  t.same(got, [copy('me@x/desk', 'b@x', 'composing'), copy('me@x/desk', 'a@x', 'paused')])
  const [text] = [copy('me@x/desk', 'a@x', 'active').replace('</message></forwarded>', '<body>hi</body></message></forwarded>')]
  write(text as string)
  t.equal(got.length, 3, 'a copy of a message goes out at once')
})

t.test('an acknowledgement passes by what is held', async (t) => {
  const { got, write } = inactive()
  write(here('a@x/1'), "<r xmlns='urn:xmpp:sm:3'/>")
  t.same(got, ["<r xmlns='urn:xmpp:sm:3'/>"])
})

t.test('one stanza more than the limit, and everything goes out in order', async (t) => {
  const { got, write } = inactive({ stanzas: 3, bytes: 10_000 })
  write(here('a@x/1'), here('a@x/2'), here('a@x/3'))
  write(here('a@x/1', 'newer')) // takes a place that it frees
  t.same(got, [])
  write(here('a@x/4'))
  t.same(got, [here('a@x/2'), here('a@x/3'), here('a@x/1', 'newer'), here('a@x/4')])
  write(here('a@x/5'))
  t.equal(got.length, 4, 'and holding begins anew')
})

t.test('one octet more than the limit, and everything goes out', async (t) => {
  const size = here('a@x/1').length
  const { got, write } = inactive({ stanzas: 100, bytes: size * 2 })
  write(here('a@x/1'), here('a@x/2'), here('a@x/1'))
  t.same(got, [], 'what is replaced counts no more')
  write(here('a@x/3'))
  t.equal(got.length, 3)
  write(here('a@x/1'), here('a@x/2'))
  t.equal(got.length, 3, 'what went out counts no more')
})

t.test('a limit of none holds nothing', async (t) => {
  const { got, write } = inactive({ stanzas: 0, bytes: 262_144 })
  write(here('a@x/1'), state('a@x/1', 'composing'))
  t.equal(got.length, 2)
})

t.test('a connection that takes nothing any more ends the writing, and says so to who comes next', async (t) => {
  const { got, state: connection, write } = inactive()
  write(here('a@x/1'), here('a@x/2'))
  connection.takes = false
  t.same(write(message('a@x/1')), [false])
  t.same(got, [])
})

t.test('whatever comes, what is written are the stanzas in the order they came, and only what is replaced is missing', async (t) => {
  const kinds = fc.constantFrom('here', 'gone', 'composing', 'message', 'subscribe')
  const traffic = fc.array(fc.tuple(kinds, fc.constantFrom('a@x/1', 'a@x/2', 'b@x/1')), { maxLength: 60 })
  fc.assert(fc.property(traffic, fc.integer({ min: 0, max: 6 }), (given, stanzas) => {
    const sent = given.map(([kind, from], i) => {
      const id = ` id='${i}'`
      return (kind === 'message' ? message(from) : kind === 'composing' ? state(from, 'composing') : kind === 'gone' ? gone(from)
        : kind === 'here' ? here(from) : `<presence from='${from}' type='subscribe'/>`).replace(' ', `${id} `)
    })
    const { got, hold, write } = inactive({ stanzas, bytes: 100_000 })
    write(...sent)
    hold.release()
    const places = got.map((octets) => sent.indexOf(octets))
    // in order, none twice
    if (places.some((place, i) => place < 0 || (i > 0 && place <= (places[i - 1] as number)))) return false
    return given.every(([kind, from], i) => {
      if (places.includes(i)) return true
      // what is missing was followed by something newer of its sender, with nothing urgent between
      const next = given.findIndex(([k, f], j) => j > i && f === from && (k === kind || (kind === 'here' && k === 'gone')))
      const urgent = given.findIndex(([k], j) => j > i && (k === 'message' || k === 'subscribe'))
      return (kind === 'here' || kind === 'gone' || kind === 'composing') && next > 0 && (urgent < 0 || next < urgent)
    })
  }))
  t.pass('for a hundred conversations')
})
