// XEP-0352: Client State Indication. While a client says that nobody looks at it, what need not wake it is held back
// (lib/core/hold.ts). A hint only: it is never answered (§4.2), and told to nobody (§6).
import { createElement as el } from 'ltx'
import { NS } from '../lib/base/namespaces.js'
import { makeHold } from '../lib/core/hold.js'
import type { Holding } from '../lib/core/hold.js'
import type { Route, Services } from '../lib/core/route.js'
import type { Hold, Session } from '../lib/core/sessions.js'

const isHolding = (hold: Hold | null): hold is Holding => hold !== null && 'release' in hold

const inactive = (session: Session, { settings }: Services): void => {
  // what is held goes out in one piece, which the write buffer must have room for
  const bytes = Math.min(settings.inactiveHoldBytes, settings.writeBufferBytes >> 1)
  session.hold ??= makeHold({ write: (octets, declared) => session.outlet.write(octets, declared) }, { stanzas: settings.inactiveHoldStanzas, bytes })
}

/** §5.1: what was held is written before anything that the client sends next is answered. */
const active = (session: Session): void => {
  const { hold } = session
  session.hold = null
  if (isHolding(hold)) hold.release()
}

export const clientState: Route = {
  name: 'client-state',
  spec: 'XEP-0352 1.0.0',
  offers: () => [el('csi', { xmlns: NS.csi })],
  nonzas: [
    { ns: NS.csi, name: 'inactive', run: inactive },
    { ns: NS.csi, name: 'active', run: active },
  ],
}
