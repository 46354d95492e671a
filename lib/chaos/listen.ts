// What a client makes of the stanzas that come: messages go into the ledger, presence into what it sees, answers to its
// requests; and what it is asked itself, it answers.
import { NS } from '../base/namespaces.js'
import type { Frame } from '../base/stanza.js'
import { attribute } from '../wire/writer.js'
import type { Self } from './self.js'
import { time } from './history.js'
import { REFUSED } from './ledger.js'
import { CARBONS, hear, isWhole, MAM, messageOfId, numberIn, serialIn } from './speech.js'

/** ms around a crash in which a request may be asked, and answered, twice. */
const AROUND_CRASH = 5000

/** @param proved told how many stanzas of the session an answer proves handled */
export const makeListener = (self: Self, proved: (count: number) => void): (frame: Frame) => void => {
  const { profile, world } = self
  const { ledger, run, now } = world

  const message = (frame: Frame): void => {
    self.messages++
    if (frame.type === 'error') return refused(frame)
    if (frame.children[0]?.ns === MAM) return world.archived?.(frame)
    const heard = hear(run, frame, profile.bare)
    const { life } = self
    if (heard === null || life === null || heard.message >= ledger.messages.size) return
    ledger.received(heard.message, life, now(), heard.form, heard.delayed, heard.name)
    if (heard.text && !isWhole(heard.message, frame.xml)) ledger.incident('garbled', profile.index, now(), `message ${heard.message}: ${frame.xml.slice(0, 300)}`)
  }

  const refused = (frame: Frame): void => {
    if (frame.children.some(({ ns }) => ns === CARBONS)) return // a sibling was
    // an id that is used again may be of a session before: then only whose message it was is known
    const echoed = numberIn(run, frame.xml)
    const message = echoed >= 0 ? echoed : messageOfId(run, frame.id)
    const account = world.cast.accounts.findIndex(({ jid }) => jid === frame.from.split('/')[0])
    if (message !== null && message < ledger.messages.size) ledger.mark(message, REFUSED)
    else if (account >= 0) ledger.nameless(profile.index, account)
    else ledger.incident('refused, but which', profile.index, now(), frame.xml.slice(0, 300))
    self.note(`refused by ${frame.from}: ${message === null ? `id '${frame.id}'` : `message ${message}`}, ${conditionOf(frame)}`)
  }

  const presence = (frame: Frame): void => {
    if (frame.type === 'unavailable') return void self.sight.delete(frame.from)
    // whoever leads an account says yes to its contacts; other types are answers to that
    if (frame.type === 'subscribe' && profile.leads) return self.send(`<presence type='subscribed'${attribute('to', frame.from.split('/')[0] as string)}/>`, -1)
    if (frame.type !== '') return
    self.sight.set(frame.from, serialIn(run, frame))
  }

  const iq = (frame: Frame): void => {
    if (frame.type === 'result' || frame.type === 'error') return answered(frame)
    const to = attribute('to', frame.from)
    const [child] = frame.children
    if (child?.ns === NS.ping || child?.ns === NS.roster) return self.send(`<iq type='result'${attribute('id', frame.id)}${to}/>`, -1)
    self.send(`<iq type='error'${attribute('id', frame.id)}${to}><error type='cancel'><service-unavailable xmlns='${NS.stanzas}'/></error></iq>`, -1)
  }

  const answered = (frame: Frame): void => {
    const how = frame.type === 'result' ? 'result' : conditionOf(frame)
    const answer = self.requests.answer(frame.id, now(), how)
    if (answer.kind === 'unknown') {
      // what a session before asked others may be answered to this one, which has its address
      if (!frame.id.startsWith(`${run}-q`)) ledger.incident('answer to nobody', profile.index, now(), frame.xml.slice(0, 300))
      return
    }
    const { what, at, proves, answeredAt } = answer.request
    if (answer.kind === 'again') {
      if (!ledger.crashed(at, now(), AROUND_CRASH)) ledger.incident('answered twice', profile.index, now(), `${what}, asked at ${time(at)}: ${answer.request.how} at ${time(answeredAt)}, now ${how}`, at)
      return
    }
    if (proves > 0) proved(proves)
    self.waiting.get(frame.id)?.(frame)
    if (what.startsWith('carbons') && frame.type === 'result' && self.life !== null) self.life.carbons = now()
    if (frame.type === 'result' && what.startsWith('private')) privateData(what, frame)
  }

  /** XEP-0049: what was stored and answered must be read again; nobody else writes it. */
  const privateData = (what: string, frame: Frame): void => {
    const set = /^private set (\d+)/.exec(what)?.[1]
    if (set !== undefined) return void (self.privateSure = Math.max(self.privateSure, Number(set)))
    const sure = Number(/^private get (\d+)/.exec(what)?.[1] ?? 0)
    const read = Number(/<v>(\d+)<\/v>/.exec(frame.xml)?.[1] ?? 0)
    if (read < sure) ledger.incident('set lost', profile.index, now(), `private data: ${read} was read, ${sure} had been set and answered`)
  }

  return (frame) => {
    if (frame.kind === 'message') message(frame)
    else if (frame.kind === 'presence') presence(frame)
    else iq(frame)
  }
}

const conditionOf = ({ xml }: Frame): string => /<error[^>]*><([a-z-]+)/.exec(xml)?.[1] ?? ''
