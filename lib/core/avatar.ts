// The hash of an account's avatar in its sessions' presence (XEP-0153), put there by the server, so that a client need not
// load its own vCard at each log-in to know it (XEP-0398 §4). Spliced in; where there is nothing to say, nothing is done.
import type { Child, Stanza } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { treeOf } from '../wire/tree.js'
import type { Elsewhere } from './elsewhere.js'
import type { Members } from './members.js'
import type { Presence } from './presence.js'

export const AVATAR_UPDATE = 'vcard-temp:x:update'

const isUpdate = ({ ns, name }: Child): boolean => ns === AVATAR_UPDATE && name === 'x'

/** What a client's own element says: a hash; '' for no avatar; null for "not ready to say" (XEP-0153 §4.1). */
const saidBy = (stanza: Stanza, { start, end }: Child): string | null =>
  treeOf(stanza.xml.slice(start, end)).getChild('photo')?.getText().trim() ?? null

/**
 * An available presence as a client sent it → as it goes out. The same object where nothing is to be changed.
 * @param photo the avatar's hash in hexadecimal; '' where the account has none
 */
export const withAvatar = (stanza: Stanza, photo: string): Stanza => {
  const { children } = stanza
  const own = children.find(isUpdate)
  if (own === undefined) return photo === '' ? stanza : statingAvatar(stanza, photo)
  const said = saidBy(stanza, own)
  // XEP-0398 §4: an empty <photo/> is the client's decision; what names another hash, or none yet, is overwritten
  return said === '' || said?.toLowerCase() === photo ? stanza : statingAvatar(stanza, photo)
}

/** With this hash, whatever was said before. XEP-0153 §4.1: empty where there is no avatar. */
export const statingAvatar = (stanza: Stanza, photo: string): Stanza => {
  const { xml, empty, children } = stanza
  let kept = ''
  let from = 0
  for (const child of children) {
    if (!isUpdate(child)) continue
    kept += xml.slice(from, child.start)
    from = child.end
  }
  const end = empty ? xml.length - '/>'.length : xml.lastIndexOf('</')
  const update = `<x xmlns='${AVATAR_UPDATE}'>${photo === '' ? '<photo/>' : `<photo>${photo}</photo>`}</x>`
  return frameOf(kept + xml.slice(from, end) + (empty ? `>${update}</presence>` : update + xml.slice(end))) as Stanza
}

export interface Avatars {
  /** The account has another one now. @param photo its hash; '' for none */
  set(account: string, photo: string): void
  /** Another node says so, of the account's sessions here. */
  heard(account: string, photo: string): void
}

/** @param elsewhere null: there are no other nodes */
export const makeAvatars = (members: Members, presence: Presence, elsewhere: Elsewhere | null): Avatars => {
  // XEP-0153 §3.1: contacts hear of a new avatar by presence; of all sessions, for it is the account's. Directed presence
  // is not sent again (XEP-0398 §5.1)
  const heard = (account: string, photo: string): void => {
    const before = members.get(account)?.photo
    members.change(account, (member) => {
      member.photo = photo
    })
    if (photo !== before) presence.restate(account, (said) => statingAvatar(said, photo))
  }
  return {
    set: (account, photo) => {
      elsewhere?.word(account, ['photo', photo])
      heard(account, photo)
    },
    heard,
  }
}
