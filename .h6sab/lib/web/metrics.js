// /metrics: what the server counted, in Prometheus' format. Counting itself is raising plain numbers; only a scrape
// turns them into metrics.
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
/** A counter whose value is read from the counters when it is asked for. */
const counter = (registry, name, help, labels, read) => {
    new Counter({
        name, help, labelNames: labels, registers: [registry],
        collect() {
            this.reset();
            for (const [values, n] of read())
                this.inc(values, n);
        },
    });
};
const gauge = (registry, name, help, read) => {
    new Gauge({ name, help, registers: [registry], collect() { this.set(read()); } });
};
export const makeMetrics = (counters, gauges) => {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry }); // memory, CPU, event-loop delay, garbage collection
    counter(registry, 'jidway_stanzas_total', 'Stanzas by how their way ended', ['ending'], () => [
        ...['delivered', 'stored', 'answered', 'refused'].map((ending) => [{ ending }, counters[ending]]),
        [{ ending: 'ignored' }, [...counters.ignored.values()].reduce((sum, n) => sum + n, 0)],
    ]);
    counter(registry, 'jidway_ignored_total', 'Stanzas ignored, by the rule that says so', ['rule'], () => [...counters.ignored].map(([rule, n]) => [{ rule }, n]));
    counter(registry, 'jidway_bugs_total', 'Stanzas answered with internal-server-error', [], () => [[{}, counters.bugs]]);
    counter(registry, 'jidway_route_total', 'Route cache: what its look-ups found, and what became of them', ['event'], () => Object.entries(counters.route).map(([event, n]) => [{ event: event.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`) }, n]));
    gauge(registry, 'jidway_sessions', 'Sessions bound on this node', gauges.sessions);
    gauge(registry, 'jidway_connections', 'Connections, logged in or not', gauges.connections);
    gauge(registry, 'jidway_unauthenticated', 'Connections not logged in yet', gauges.unauthenticated);
    gauge(registry, 'jidway_route_entries', 'Accounts in the route cache', gauges.routes);
    return async () => ({ type: registry.contentType, text: await registry.metrics() });
};
//# sourceMappingURL=metrics.js.map