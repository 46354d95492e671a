// XEP-0424: Message Retraction. Who takes back a message of its own leaves a tombstone in both archives; the retraction
// itself is a message like any other. What cannot be found, or not now, stays: a tombstone is a courtesy (§4: MAY). And it
// stands only where its retraction is in the archive, too (§4: MUST): a client that comes later would know of neither.
import { AwayError } from '../lib/base/errors.js'
import { attributeOf } from '../lib/core/forgery.js'
import { isLoggable, mayBeArchived } from '../lib/core/loggable.js'
import type { Route, Routed, Services, StepHandler } from '../lib/core/route.js'
import { idIn, RETRACT, tombstone } from '../lib/core/tombstone.js'
import { forgetWords } from '../lib/store/archive-words.js'
import { archivedXml, maybeNamed, replaceXml } from '../lib/store/retraction.js'

interface Retraction {
  /** Of the message that is retracted, and of the one that retracts it. */
  readonly id: string
  readonly by: string
  /** It is in the log already, so that what the account's preferences (XEP-0441) made of it can be seen. */
  readonly logged: boolean
}

/** By the id that the sender gave it (§5.1), whose message it is is clear by where it is looked for: only its sender retracts it (§5). */
const bury = async (account: string, peer: string, sent: boolean, { id, by, logged }: Retraction, { db, now }: Services): Promise<void> => {
  // clients that number their messages from 1 mean the latest
  const found = (await maybeNamed(db, account, peer, sent, id)).find(({ head }) => idIn(head) === id)
  if (found === undefined) return
  if (logged && !(await maybeNamed(db, account, peer, sent, by)).some(({ seq, head }) => seq > found.seq && idIn(head) === by)) return
  const original = await archivedXml(db, account, found.seq)
  const left = original === null ? null : tombstone(original, by, now())
  if (left === null) return
  await replaceXml(db, account, found.seq, left)
  await forgetWords(db, account, found.seq)
}

/** Behind the commit of what was sent before, so that the message is there; the sender's next stanza waits. */
const retract = async ({ stanza, from, to, logged }: Routed, server: Services): Promise<void> => {
  // of group chats the room keeps the archive; what is itself not to be archived (XEP-0334, headlines) takes nothing out of it
  if (stanza.id === '' || !isLoggable(stanza) || !mayBeArchived(stanza)) return
  const child = stanza.children.find(({ ns, name }) => ns === RETRACT && name === 'retract')
  const id = child === undefined ? '' : attributeOf(stanza, child, 'id')
  if (id === '') return
  try {
    await bury(to.bare, from.bare, false, { id, by: stanza.id, logged }, server)
    await bury(from.bare, to.bare, true, { id, by: stanza.id, logged }, server)
  } catch (error) {
    // the message has been taken: it is not refused for this
    if (!(error instanceof AwayError)) throw error
  }
}

const step: StepHandler = { kinds: ['message'], ns: RETRACT, run: retract }

export const retraction: Route = {
  name: 'retraction',
  spec: 'XEP-0424 0.4.2',
  isOn: ({ archive }) => archive !== 'off',
  features: [RETRACT],
  accountFeatures: [RETRACT, `${RETRACT}#tombstone`],
  on: { delivered: step, unreachable: step, committed: step },
}
