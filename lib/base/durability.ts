// What an acknowledgement means in a domain (durability.md): `durable`, committed; or `routed`, the loud mode that gives this
// up for speed. It is the receiver's domain that decides.
import type { Settings } from './config.js'
import { prepDomain } from './jid.js'

export type Durability = Settings['durability'][string]

export const durabilityOf = ({ durability }: Pick<Settings, 'durability'>, domain: string): Durability => durability[domain] ?? durability['*'] ?? 'durable'

/** The domains served, as they are in the settings' table, each with its mode. */
export const durabilities = (settings: Pick<Settings, 'domain' | 'durability'>): readonly (readonly [domain: string, mode: Durability])[] =>
  settings.domain.map((written) => {
    const domain = prepDomain(written) ?? written
    return [domain, durabilityOf(settings, domain)]
  })

export const routedDomains = (settings: Pick<Settings, 'domain' | 'durability'>): readonly string[] =>
  durabilities(settings).filter(([, mode]) => mode === 'routed').map(([domain]) => domain)

/** Domains that the setting names and that are not served: most likely mistyped, and another one has not the mode that was meant for it. */
export const strangeDomains = (settings: Pick<Settings, 'domain' | 'durability'>): readonly string[] => {
  const served = new Set(durabilities(settings).map(([domain]) => domain))
  return Object.keys(settings.durability).filter((domain) => domain !== '*' && !served.has(domain))
}
