// The judge: from the ledger alone, which promises (durability.md) were kept and which messages show that they were not.
// One pass over the receipts in the order in which they came, one over the messages.
import { ABANDONED, CHAT, FORMS, NAMED, namelessKey, REFUSED, RESENT, STATE } from './ledger.js'
import type { Ledger, Life, Party } from './ledger.js'

/** What must be 0. */
export const PROMISES = {
  ackedAndLost: 'acknowledged and lost',
  lost: 'lost',
  duplicated: 'duplicated in one session',
  copyAndOriginal: 'in one session as a carbon copy and as itself',
  resentTwice: 'delivered twice because sent again, though with an id',
  cameAgain: 'came again though acknowledged',
  reordered: 'reordered',
  misdelivered: 'delivered to the wrong session',
  astray: 'not delivered to the session addressed, which was there',
  withheld: 'held back from a session that was there',
  renamed: 'another stanza-id on another copy',
  refusedAndDelivered: 'refused and delivered',
  carbonMissing: 'carbon copies missing',
  archiveMissing: 'missing in an archive',
  archiveExtra: 'more than once in an archive',
  archiveReordered: 'reordered in an archive',
} as const

export type Promised = keyof typeof PROMISES

/** What may be, and should be known. */
export interface Allowed {
  /** Sent by a client without stream management, whose connection broke before anything proved them taken; not delivered. */
  readonly unproven: number
  readonly refused: number
  /** Delivered to a session, and to a later one of the account. */
  readonly repeated: number
  /** Delivered twice because sent again without an id to know it by. */
  readonly resentNameless: number
  /** Sent again in a later session. */
  readonly resent: number
  /** Chat states that came twice, before and after a crash: nothing of them is written down, so their sender cannot know. */
  readonly stateTwice: number
}

export interface Offender {
  readonly promise: Promised
  readonly message: number
  readonly life: number
  /** What came before it and should not have; -1: not about order. */
  readonly behind: number
}

export interface Verdict {
  readonly counts: Record<Promised, number>
  readonly offenders: readonly Offender[]
  readonly allowed: Allowed
  readonly texts: number
  readonly acked: number
  readonly delivered: number
  readonly chatStates: number
  readonly copies: number
}

export interface Circumstances {
  /** Archives were read: each message is wanted in its sender's and its receiver's. */
  readonly archives: boolean
  /** When the clients began to leave. */
  readonly end: number
}

/** Offenders kept of each kind. */
const KEPT = 20

export const reconcile = (ledger: Ledger, { archives, end }: Circumstances): Verdict => {
  const { messages, receipts, lives, parties } = ledger
  const counts = Object.fromEntries(Object.keys(PROMISES).map((key) => [key, 0])) as Record<Promised, number>
  const offenders: Offender[] = []
  const accuse = (promise: Promised, message: number, life: number, behind = -1): void => {
    counts[promise]++
    if (counts[promise] <= KEPT) offenders.push({ promise, message, life, behind })
  }
  const flagsOf = (message: number): number => messages.get('flags', message)
  const is = (message: number, bit: number): boolean => (flagsOf(message) & bit) !== 0
  const partyOf = (client: number): Party => parties[client] as Party
  const siblings = parties.reduce<number[][]>((all, { account }, client) => {
    (all[account] ??= []).push(client)
    return all
  }, [])

  /** The last session of each client. */
  const latest: Life[] = []
  for (const life of lives) if (!life.drain) latest[life.client] = life

  // in order of arrival: what a session may not see
  const last = new Map<number, number>()
  const copies = byMessage(ledger)
  for (let r = 0; r < receipts.size; r++) {
    const message = receipts.get('message', r)
    const life = lives[receipts.get('life', r)] as Life
    const form = FORMS[receipts.get('form', r)]
    if (form === 'original' && isMisdelivered(ledger, message, life)) accuse('misdelivered', message, life.id)
    // sent again in another session: no longer of one stream; late from an expired session: may be late (D11)
    if (is(message, RESENT)) continue
    if (form !== 'archive' && receipts.get('delayed', r) === 1 && (siblings[life.account] as number[]).length > 1) continue
    // which session of which sender, in which session
    const key = (messages.get('life', message) * 0x200000 + life.id) * 2 + (form === 'archive' ? 1 : 0)
    const before = last.get(key) ?? -1
    if (message > before) last.set(key, message)
    else if (!cameBefore(r, message)) accuse(form === 'archive' ? 'archiveReordered' : 'reordered', message, life.id, before)
  }

  const nameless = new Map(ledger.namelessRefusals)
  let repeated = 0
  let resentNameless = 0
  let stateTwice = 0
  let unproven = 0
  let refused = 0
  let resent = 0
  let chatStates = 0
  let copied = 0
  for (let m = 0; m < messages.size; m++) {
    const flags = flagsOf(m)
    const account = messages.get('account', m)
    const sender = messages.get('client', m)
    const here: { life: Life; form: string; name: number; receipt: number }[] = []
    for (let i = copies.start(m); i < copies.start(m + 1); i++) {
      const receipt = copies.at(i)
      here.push({ life: lives[receipts.get('life', receipt)] as Life, form: FORMS[receipts.get('form', receipt)] as string, name: receipts.get('name', receipt), receipt })
    }
    const seen = here.filter(({ form }) => form !== 'archive')
    copied += seen.filter(({ form }) => form !== 'original').length
    const originals = seen.filter(({ form, life }) => form === 'original' && life.account === account)

    // in one session: once, whatever it came as
    let twice = false
    for (const [i, { life, form }] of seen.entries()) {
      const first = seen.findIndex((other) => other.life === life)
      if (first === i) continue
      if ((flags & STATE) !== 0 && ledger.crashed(messages.get('sentAt', m), receipts.get('at', (seen[i] as (typeof seen)[number]).receipt))) stateTwice++
      else if ((flags & RESENT) === 0) accuse(seen[first]?.form === form ? 'duplicated' : 'copyAndOriginal', m, life.id)
      else if ((flags & NAMED) !== 0) accuse('resentTwice', m, life.id)
      else twice = true
    }
    if (twice) resentNameless++
    if ((flags & STATE) !== 0) {
      chatStates++
      continue
    }
    if ((flags & RESENT) !== 0) resent++
    if ((flags & REFUSED) !== 0) {
      refused++
      if (originals.length > 0 && (flags & RESENT) === 0) accuse('refusedAndDelivered', m, (originals[0] as (typeof originals)[number]).life.id)
      continue
    }

    const arrived = originals.length > 0
    const archived = here.some(({ form, life }) => form === 'archive' && life.account === account)
    if (!arrived) {
      // it came back, but did not say that it was this one
      const key = namelessKey(sender, account)
      const back = nameless.get(key) ?? 0
      // one that was given up needs no such excuse
      const givenUp = messages.get('ackedAt', m) === 0 && (flags & ABANDONED) !== 0 && !archived
      if (back > 0 && !givenUp) {
        nameless.set(key, back - 1)
        refused++
        continue
      }
      if (messages.get('ackedAt', m) !== 0) accuse('ackedAndLost', m, -1)
      else if (givenUp) unproven++
      else accuse('lost', m, -1)
    }
    const sessions = new Set(originals.map(({ life }) => life))
    // sessions of the same client, one after the other, or the fetcher at the end
    if (sessions.size > 1 && (distinct([...sessions].map(({ client }) => client)) < sessions.size || [...sessions].some(({ drain }) => drain))) repeated++
    if (distinct(here.filter(({ form, life, name }) => name !== 0 && life.account === account && (form === 'original' || form === 'archive')).map(({ name }) => name)) > 1 && (flags & RESENT) === 0) {
      accuse('renamed', m, (originals[0]?.life ?? { id: -1 }).id)
    }
    if (arrived) judgePlaces(m, originals)
    if ((flags & CHAT) !== 0 && (flags & RESENT) === 0) judgeCarbons(m, seen)
    if (archives) judgeArchives(m, arrived, sender, account, here.filter(({ form }) => form === 'archive').map(({ life }) => life.account))
  }

  /** A duplicate: counted as that, and not as reordered. */
  function cameBefore(receipt: number, message: number): boolean {
    for (let i = copies.start(message); copies.at(i) < receipt; i++) {
      if (receipts.get('life', copies.at(i)) === receipts.get('life', receipt)) return true
    }
    return false
  }

  function judgePlaces(m: number, originals: readonly { readonly life: Life; readonly name: number }[]): void {
    const got = originals.map(({ life }) => life)
    const target = messages.get('target', m)
    const account = messages.get('account', m)
    const drained = got.find(({ drain }) => drain)
    if (target >= 0) {
      const there = standing(target, messages.get('sentAt', m))
      if (there !== null && !got.includes(there)) accuse('astray', m, there.id)
    } else if (drained !== undefined && got.every(({ drain }) => drain)) {
      // only the fetcher at the very end got it, though somebody had been there to take it
      const reader = (siblings[account] as number[]).find((client) => partyOf(client).priority >= 0 && endsClean(client))
      if (reader !== undefined) accuse('withheld', m, drained.id)
    }
    // sent again without an id it may be there more than once, under as many stanza-ids
    const late = originals.filter(({ life }) => life.drain).map(({ name }) => name)
    if (drained !== undefined && originals.some(({ life, name }) => !life.drain && life.managed && life.clean && late.includes(name))) accuse('cameAgain', m, drained.id)
  }

  /** Sessions that stood all the time, with carbons, next to one that got or sent the message. */
  function judgeCarbons(m: number, seen: readonly { readonly life: Life; readonly form: string }[]): void {
    const sentAt = messages.get('sentAt', m)
    const sender = messages.get('client', m)
    const account = messages.get('account', m)
    const got = seen.filter(({ form, life }) => form === 'original' && life.account === account && !life.drain).map(({ life }) => life)
    if (got.some((life) => life === standing(life.client, sentAt))) {
      for (const client of siblings[account] as number[]) lacking(client)
    }
    if (messages.get('ackedAt', m) !== 0) for (const client of siblings[partyOf(sender).account] as number[]) if (client !== sender) lacking(client)

    function lacking(client: number): void {
      const life = standing(client, sentAt)
      if (life !== null && life.carbons < sentAt && !seen.some((s) => s.life === life)) accuse('carbonMissing', m, life.id)
    }
  }

  function judgeArchives(m: number, arrived: boolean, sender: number, account: number, where: readonly number[]): void {
    const must = arrived || messages.get('ackedAt', m) !== 0
    const most = is(m, RESENT) && !is(m, NAMED) ? messages.get('sends', m) : 1
    for (const owner of new Set([partyOf(sender).account, account])) {
      const times = where.filter((a) => a === owner).length
      if (times === 0 && must) accuse('archiveMissing', m, -1)
      else if (times > most) accuse('archiveExtra', m, -1)
    }
  }

  /** The resumable session of a client that was there from this time to the end; null: there is none. */
  function standing(client: number, from: number): Life | null {
    if (!partyOf(client).resumes) return null
    const life = latest[client]
    return life !== undefined && life.managed && life.from < from && life.to >= end ? life : null
  }

  function endsClean(client: number): boolean {
    return latest[client]?.clean === true
  }

  return {
    counts, offenders, texts: ledger.texts, acked: ledger.acked, delivered: ledger.delivered, chatStates, copies: copied,
    allowed: { unproven, refused, repeated, resentNameless, resent, stateTwice },
  }
}

const isMisdelivered = ({ messages, parties }: Ledger, message: number, life: Life): boolean => {
  if (life.account !== messages.get('account', message)) return true
  const target = messages.get('target', message)
  // RFC 6121 §8.5.2.1.1: never to a negative priority, but where it is named
  return !life.drain && target !== life.client && (parties[life.client]?.priority ?? 0) < 0
}

const distinct = (list: readonly number[]): number => new Set(list).size

/** Receipts by message, each message's in order of arrival. */
const byMessage = ({ messages, receipts }: Ledger): { readonly start: (message: number) => number; readonly at: (i: number) => number } => {
  const starts = new Int32Array(messages.size + 1)
  for (let r = 0; r < receipts.size; r++) starts[receipts.get('message', r) + 1]!++
  for (let m = 0; m < messages.size; m++) starts[m + 1]! += starts[m] as number
  const next = starts.slice()
  const order = new Int32Array(receipts.size)
  for (let r = 0; r < receipts.size; r++) order[next[receipts.get('message', r)]!++] = r
  return { start: (message) => starts[message] as number, at: (i) => order[i] as number }
}
