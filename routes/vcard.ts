// XEP-0054: vcard-temp, a card that everybody may read; and XEP-0153: the hash of the picture in it goes out with presence.
import { createHash } from 'node:crypto'
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../lib/base/errors.js'
import { toOctets, toText } from '../lib/base/octets.js'
import { withAvatar } from '../lib/core/avatar.js'
import { plain, readElement, writeElement } from '../lib/core/payload.js'
import type { Request, Route, Services } from '../lib/core/route.js'
import { getVcard, setVcard } from '../lib/store/vcard.js'

const NS = 'vcard-temp'

const get = async ({ from, to }: Request, { db }: Services): Promise<Element> => {
  const found = await getVcard(db, to.bare)
  if (found !== null) return readElement(toOctets(found))
  // §3.1: to its owner, what is not there is empty
  if (to.bare === from.bare) return el('vCard', { xmlns: NS })
  // §3.3: to others, the same as for an account that is not there, so that nobody harvests addresses
  throw new StanzaError('service-unavailable')
}

/** SHA-1 of the picture, in hexadecimal; '' where there is none. XEP-0153 §4.6: white space in base64 does not count. */
const hashOf = (vcard: Element): string => {
  const texts = vcard.getChildren('PHOTO').map((photo) => photo.getChildText('BINVAL')?.replace(/\s/g, '') ?? '')
  const found = texts.find((text) => /^[A-Za-z0-9+/]+=*$/.test(text))
  return found === undefined ? '' : createHash('sha1').update(Buffer.from(found, 'base64')).digest('hex')
}

const set = async ({ payload, from, to, session }: Request, { db, settings, avatars }: Services): Promise<void> => {
  if (to.bare !== from.bare) throw new StanzaError('forbidden') // §3.2
  const xml = toText(writeElement(plain(payload)))
  const most = settings.vcardMaxBytes
  if (Buffer.byteLength(xml) > most) throw new StanzaError('resource-constraint', `a vCard of more than ${most} bytes`, { type: 'cancel' })
  const photo = hashOf(payload)
  if (!await setVcard(db, from.bare, xml, photo, session)) throw new StanzaError('service-unavailable')
  avatars.set(from.bare, photo)
}

export const vcard: Route = {
  name: 'vcard',
  spec: 'XEP-0054 1.3.0, XEP-0153 1.1.1',
  features: [NS],
  accountFeatures: [NS],
  iq: [
    { type: 'get', to: 'anyone', ns: NS, name: 'vCard', answer: get },
    { type: 'set', to: 'anyone', ns: NS, name: 'vCard', answer: set },
  ],
  on: {
    // XEP-0398 §4: directed presence too, such as goes to a group chat
    sent: {
      kinds: ['presence'],
      run: ({ stanza, session }) => {
        if (session === null || stanza.type !== '') return
        const said = withAvatar(stanza, session.member.photo)
        return said === stanza ? undefined : said
      },
    },
  },
}
