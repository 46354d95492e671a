// The part of `doctor` that looks at a node among others: its lease, NATS, what goes over it, and the routes that it remembers.
import type { Settings } from '../base/config.js'
import { checkFits } from '../core/hand-over.js'
import type { ClusterFacts, Deps } from './deps.js'
import { bad, ok, warn } from './finding.js'
import type { Finding } from './finding.js'

type Wanted = Pick<Settings, 'lease' | 'grace' | 'maxStanzaBytes' | 'maxSessionsPerAccount'>

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** Where no server runs that could tell. */
export const checkNats = async (settings: Settings, deps: Pick<Deps, 'inspectNats'>): Promise<Finding[]> => {
  if (settings.natsUrl === null) return []
  try {
    return [judgeLargest(settings, await deps.inspectNats(settings.natsUrl), 'reachable')]
  } catch (error) {
    return [bad('nats', (error as Error).message, 'check NATS_URL, and that this NATS runs and lets you in')]
  }
}

const judgeLargest = (settings: Wanted, largest: number, state: string): Finding => {
  try {
    checkFits(settings, largest)
    return ok('nats', `${state}; stanzas of up to ${largest} octets fit`)
  } catch (error) {
    return bad('nats', (error as Error).message, 'a node does not start with that, and one that runs cannot hand over its longest stanzas')
  }
}

export const judgeCluster = (facts: ClusterFacts, settings: Wanted): Finding[] =>
  [judgeLease(facts, settings), judgeConnection(facts, settings), ...judgeBus(facts.bus), judgeRoutes(facts)]

/** Routing.md, steps 8 and 9. */
const judgeLease = ({ mayAct, renewed }: ClusterFacts, { lease, grace }: Wanted): Finding => {
  const since = `last renewed ${seconds(renewed)} ago`
  if (!mayAct) return bad('lease', `${since}: this node is silent, and others may take its sessions`, 'does the database answer? if nobody has taken them, the node goes on by itself')
  return renewed > lease * 1000
    ? warn('lease', since, `does the database answer? others may take this node's sessions after ${lease + grace} s`)
    : ok('lease', since)
}

const judgeConnection = ({ connected, largest }: ClusterFacts, settings: Wanted): Finding => (connected ? judgeLargest(settings, largest, 'connected')
  : bad('nats', 'no connection: what is for sessions on other nodes waits in the log', 'does NATS run? this node connects again by itself'))

/** Stanzas before which a share says little. */
const SOME = 1000

const judgeBus = ({ accepted = 0, refused = 0, gone = 0, busy = 0, unknown = 0, tooLarge = 0, unknownVersions = 0 }: ClusterFacts['bus']): Finding[] => {
  const all = accepted + refused + gone + busy + unknown + tooLarge
  const late = busy + unknown
  const text = `${all} stanzas handed to other nodes, ${late} of them not taken in time`
  return [
    late > all / 100 && all >= SOME ? warn('bus', text, 'is another node, or NATS, stopped or too busy? messages are late, presence and requests may be lost') : ok('bus', text),
    ...(tooLarge > 0 ? [warn('bus', `${tooLarge} stanzas did not fit`, 'raise max_payload of NATS')] : []),
    ...(unknownVersions > 0 ? [warn('bus', `${unknownVersions} requests or answers were of another version`, 'bring all nodes to the same version')] : []),
  ]
}

const judgeRoutes = ({ routes: { entries, most, hits, misses, lookups, evicted, stanzas, stalest } }: ClusterFacts): Finding => {
  const share = hits + misses === 0 ? '' : `, ${(100 * hits / (hits + misses)).toFixed(1)} % hits`
  const rate = stanzas === 0 ? '' : `, ${(1000 * lookups / stanzas).toFixed(1)} look-ups for 1,000 stanzas`
  const text = `${entries} of at most ${most} remembered${share}${rate}; ${stalest === 0 ? 'none was found wrong in time' : `of those found wrong the oldest was ${seconds(stalest)} old`}`
  return lookups >= SOME && evicted > lookups / 2 ? warn('routes', `${text}; most look-ups push out another route`, 'raise route_cache_entries') : ok('routes', text)
}
