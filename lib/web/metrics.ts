// /metrics: what the server counted, in Prometheus' format. Counting itself is raising plain numbers; only a scrape
// turns them into metrics.
import { AggregatorRegistry, Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Counters } from '../core/counters.js'

export interface Gauges {
  readonly sessions: () => number
  readonly connections: () => number
  readonly unauthenticated: () => number
  readonly routes: () => number
  /** Messages that wait for a group commit. */
  readonly uncommitted: () => number
}

/** A node among others. */
export interface ClusterFacts {
  readonly bus: Readonly<Record<string, number>>
  /** Its lease holds. */
  readonly mayAct: () => boolean
}

/** A counter whose value is read from the counters when it is asked for. */
const counter = (registry: Registry, name: string, help: string, labels: string[], read: () => [Record<string, string>, number][]): void => {
  new Counter({
    name, help, labelNames: labels, registers: [registry],
    collect() {
      this.reset()
      for (const [values, n] of read()) this.inc(values, n)
    },
  })
}

/** @param together what it is of several workers */
const gauge = (registry: Registry, name: string, help: string, read: () => number, together: 'sum' | 'max' | 'min' = 'sum'): void => {
  new Gauge({ name, help, registers: [registry], aggregator: together, collect() { this.set(read()) } })
}

/**
 * @param durabilities each domain's mode
 * @param all of a worker: what all of them have counted, put together by who started them (prom-client asks each by node:cluster)
 */
export const makeMetrics = (
  counters: Counters, gauges: Gauges, durabilities: readonly (readonly [domain: string, mode: string])[], cluster: ClusterFacts | null = null, all?: () => Promise<string>,
): () => Promise<{ type: string; text: string }> => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry }) // memory, CPU, event-loop delay, garbage collection
  counter(registry, 'jidway_stanzas_total', 'Stanzas by how their way ended', ['ending'], () => [
    ...(['delivered', 'stored', 'answered', 'refused'] as const).map((ending): [Record<string, string>, number] => [{ ending }, counters[ending]]),
    [{ ending: 'ignored' }, [...counters.ignored.values()].reduce((sum, n) => sum + n, 0)],
  ])
  counter(registry, 'jidway_ignored_total', 'Stanzas ignored, by the rule that says so', ['rule'], () =>
    [...counters.ignored].map(([rule, n]) => [{ rule }, n]))
  counter(registry, 'jidway_bugs_total', 'Stanzas answered with internal-server-error', [], () => [[{}, counters.bugs]])
  counter(registry, 'jidway_route_total', 'Route cache: what its look-ups found, and what became of them. Look-ups for 1,000 routed stanzas: 1000 * {event="lookups"} / the sum of jidway_stanzas_total', ['event'], () =>
    Object.entries(counters.route).map(([event, n]) => [{ event: event.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`) }, n]))
  gauge(registry, 'jidway_route_staleness_seconds', 'The longest time since the start that an entry of the route cache had been there when a commit or a refusal showed that it was wrong', () => counters.stalest / 1000, 'max')
  gauge(registry, 'jidway_sessions', 'Sessions bound on this node', gauges.sessions)
  gauge(registry, 'jidway_connections', 'Connections, logged in or not', gauges.connections)
  gauge(registry, 'jidway_unauthenticated', 'Connections not logged in yet', gauges.unauthenticated)
  gauge(registry, 'jidway_route_entries', 'Accounts in the route cache', gauges.routes)
  counter(registry, 'jidway_log_commits_total', 'Group commits of the message log', [], () => [[{}, counters.log.commits]])
  counter(registry, 'jidway_log_commit_seconds_total', 'Time that they took together: divided by their number, what a message waits for', [], () => [[{}, counters.log.ms / 1000]])
  counter(registry, 'jidway_log_entries_total', 'Entries that they have written', [], () => [[{}, counters.log.entries]])
  gauge(registry, 'jidway_log_waiting', 'Messages that wait for a group commit', gauges.uncommitted)
  if (cluster !== null) {
    counter(registry, 'jidway_bus_total', 'Bus to other nodes: stanzas handed over by how that ended, and what came from them', ['event'], () =>
      Object.entries(cluster.bus).map(([event, n]) => [{ event: event.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`) }, n]))
    gauge(registry, 'jidway_lease', '1: this node may act; 0: it could not renew its lease, and is silent', () => (cluster.mayAct() ? 1 : 0), 'min')
  }
  const durability = new Gauge({
    name: 'jidway_durability', help: 'Always 1; mode says what an acknowledgement means in the domain: durable, committed; routed, only routed', labelNames: ['domain', 'mode'], registers: [registry], aggregator: 'first',
  })
  for (const [domain, mode] of durabilities) durability.set({ domain, mode }, 1)
  if (all !== undefined) {
    AggregatorRegistry.setRegistries(registry)
    new AggregatorRegistry() // hears from now on who asks for them
  }
  return async () => ({ type: registry.contentType, text: await (all ?? (() => registry.metrics()))() })
}
