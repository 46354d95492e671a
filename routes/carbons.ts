// XEP-0280: Message Carbons. What one session of an account sends or gets is copied to its other sessions that want it, so
// that a conversation can move from one device to the next. `urn:xmpp:carbons:rules:0` is not announced: that an error
// answers a message that was eligible (§6.1) is guessed from what the error still holds of it, not known.
import { CARBONS, carbonCopy, enclosable, isCopy, isEligible } from '../lib/core/carbon-copy.js'
import type { Direction } from '../lib/core/carbon-copy.js'
import { post } from '../lib/core/deferred.js'
import { without } from '../lib/core/forgery.js'
import type { Request, Route, Routed } from '../lib/core/route.js'
import type { Session } from '../lib/core/sessions.js'

const NOBODY: readonly Session[] = []

const copy = (direction: Direction, routed: Routed, sessions: readonly Session[], taken: readonly Session[]): void => {
  const { stanza, session: sender } = routed
  let original = ''
  for (const session of sessions) {
    // §7, §8: not to whom the original was delivered, nor to who sent it
    if (!session.carbons || session === sender || taken.includes(session)) continue
    if (original === '') {
      if (!isEligible(stanza, routed.from, direction)) return
      original = enclosable(stanza, sender)
    }
    post(session, carbonCopy(direction, session, stanza.type, original), false)
  }
}

/** §10.1: any number of times. */
const want = (carbons: boolean) => ({ session }: Request): void => {
  if (session === null || !session.open || session.carbons === carbons) return
  session.carbons = carbons
  session.member.copies += carbons ? 1 : -1
  session.stream?.changed()
}

export const carbons: Route = {
  name: 'carbons',
  spec: 'XEP-0280 1.0.1',
  features: [CARBONS],
  iq: [
    { type: 'set', to: 'account', ns: CARBONS, name: 'enable', answer: want(true) },
    { type: 'set', to: 'account', ns: CARBONS, name: 'disable', answer: want(false) },
  ],
  on: {
    sent: {
      kinds: ['message'],
      run: (routed, { sessionsOf, copyElsewhere, domains }) => {
        const { session, to } = routed
        // copies of what goes into the log are made of its entries (lib/core/feed.ts)
        if (session === null || routed.logged) return
        // what goes to the account itself is copied as received, where it is known who got it: one copy each (§7).
        // The server itself reads no messages: it refuses them
        if (to.bare === session.account || (to.local === '' && domains.has(to.domain))) return
        if (session.member.copies > 0) copy('sent', routed, sessionsOf(session.account), NOBODY)
        return copyElsewhere('sent', routed)
      },
    },
    // §11: a copy is the server's own word, written to a session and never routed. What comes this way is a forgery; not
    // every client looks closely at `from` (CVE-2017-5589), so it is cut out, as a forged stanza-id is
    received: { kinds: ['message'], ns: CARBONS, run: ({ stanza }) => without(stanza, isCopy) },
    delivered: {
      kinds: ['message'],
      run: (routed, { sessionsOf, copyElsewhere }, taken, elsewhere) => {
        // whoever took it is of the receiver's account; where nobody here did, nobody here is left out either
        if (taken[0]?.member.copies !== 0) copy('received', routed, sessionsOf(routed.to.bare), taken)
        // of one session that is elsewhere, and nobody here, it is known who took it
        if (elsewhere.length > 1 || (elsewhere.length === 1 && taken.length > 0)) return copyElsewhere('received', routed)
      },
    },
  },
}
