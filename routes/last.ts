// XEP-0012: Last Activity. How long ago an account's last session left, for who may see its presence; how long the server
// has been up, for anybody.
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../lib/base/errors.js'
import type { Jid } from '../lib/base/jid.js'
import { readElement } from '../lib/core/payload.js'
import type { Request, Route, Services } from '../lib/core/route.js'
import type { Session } from '../lib/core/sessions.js'

const NS = 'jabber:iq:last'

const answerOf = (ms: number, words = ''): Element => el('query', { xmlns: NS, seconds: String(Math.max(0, Math.floor(ms / 1000))) }, words)

/** §8: only who is subscribed to its presence; and everybody is to oneself. */
const maySee = (session: Session | null, { bare }: Jid): boolean => session !== null && (bare === session.account || session.member.to.includes(bare))

const ofAccount = async ({ session, to }: Request, { presence, now }: Services): Promise<Element> => {
  // §3; the same where there is no such account, so that nobody learns who is here
  if (!maySee(session, to)) throw new StanzaError('forbidden')
  // §3: 0 with a session. Of a contact, only what its presence tells: one that is not available looks away
  if (session?.account === to.bare || await presence.isAvailable(to.bare)) return answerOf(0)
  const left = await presence.lastSeen(to.bare)
  if (left === null) throw new StanzaError('item-not-found', 'it is not known when')
  const words = left.presence === null ? '' : readElement(left.presence).getChildText('status') ?? ''
  return answerOf(now().getTime() - left.at, words)
}

export const last: Route = {
  name: 'last',
  spec: 'XEP-0012 2.0',
  features: [NS],
  accountFeatures: [NS],
  iq: [
    { type: 'get', to: 'anyone', ns: NS, name: 'query', answer: ofAccount },
    // §5
    { type: 'get', to: 'server', ns: NS, name: 'query', answer: (_request, { uptime }) => answerOf(uptime()) },
  ],
  on: {
    // §4: nor does a session's own client get to answer who may not see its presence, whether it is there or not
    received: {
      kinds: ['iq'],
      ns: NS,
      run: ({ stanza, session, to }) => {
        if (to.resource !== '' && stanza.type === 'get' && !maySee(session, to)) throw new StanzaError('forbidden')
      },
    },
  },
}
