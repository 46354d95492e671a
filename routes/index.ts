// The features of this server. Deleting a line leaves a working server without it; within a step of the hot path the
// order is the order here.
import type { Route } from '../lib/core/route.js'
import { archive } from './archive.js'
import { archivePreferences } from './archive-preferences.js'
import { blocking } from './blocking.js'
import { caps } from './caps.js'
import { carbons } from './carbons.js'
import { clientState } from './client-state.js'
import { contact } from './contact.js'
import { delay } from './delay.js'
import { disco } from './disco.js'
import { hints } from './hints.js'
import { last } from './last.js'
import { offline } from './offline.js'
import { ping } from './ping.js'
import { privateXml } from './private.js'
import { registration } from './register.js'
import { retraction } from './retraction.js'
import { roster } from './roster.js'
import { session } from './session.js'
import { stanzaId } from './stanza-id.js'
import { time } from './time.js'
import { vcard } from './vcard.js'
import { version } from './version.js'

export const ROUTES: readonly Route[] = [
  session, disco, caps, ping, version, time, contact, registration,
  roster, privateXml,
  blocking, // before what changes or copies a stanza
  last, vcard,
  archive, archivePreferences,
  stanzaId, delay,
  carbons, // behind what refuses or cleans a message: what is copied is what goes out
  clientState,
  retraction, // before what ends the walk of a message that nobody is there for
  hints, offline, // hints first: what must not be stored never reaches the store
]
