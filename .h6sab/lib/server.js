// The roof of the library: a server made from its settings and its routes. Everything is composed here and nowhere else;
// no part finds another by itself.
import { createSecureContext } from 'node:tls';
import { StreamError } from './base/errors.js';
import { jidParser, makeJid, prepDomain } from './base/jid.js';
import { NS } from './base/namespaces.js';
import { VERSION } from './base/version.js';
import { makeCounters } from './core/counters.js';
import { makeDelivery } from './core/delivery.js';
import { compile } from './core/dispatch.js';
import { makeMailbox } from './core/mailbox.js';
import { makePresence } from './core/presence.js';
import { makePresenceRows } from './core/presence-rows.js';
import { makeRouteCache } from './core/route-cache.js';
import { makeRouter } from './core/router.js';
import { makeSessions } from './core/sessions.js';
import { makeGate } from './net/gate.js';
import { listenHttp, listenHttps } from './net/http.js';
import { listenTcp, listenTls } from './net/tcp.js';
import { WEBSOCKET_PATH, webSocketEntrance } from './net/websocket.js';
import { credentialsOf } from './store/accounts.js';
import { RENEW, registerNode, renew, signOff } from './store/node.js';
import { offlineStore } from './store/offline.js';
import { presenceStore } from './store/presence.js';
import { applySchema } from './store/schema.js';
import { secret } from './store/secret.js';
import { webApp } from './web/app.js';
import { makeMetrics } from './web/metrics.js';
import { loadTls, tlsOptions } from './wire/tls-context.js';
import { frameOf } from './wire/framer.js';
import { serialize, attribute } from './wire/writer.js';
const SYSTEM_CLOCK = { now: () => Date.now(), monotonic: () => performance.now() };
/** Without other nodes there is nobody to ask or to tell. */
const ALONE = { connected: false, send: () => Promise.resolve('refused'), invalidate: () => { } };
/** ms between looks at deadlines. */
const TICK = 1000;
export const startServer = async (options) => {
    const undo = [];
    try {
        return await assemble(options, undo);
    }
    catch (error) {
        // what was started is stopped again, last first
        for (const step of undo.reverse())
            await step().catch((err) => options.log.warn({ err }, 'while giving up'));
        throw error;
    }
};
const assemble = async (options, undo) => {
    const { settings, routes, log, db, bus = ALONE, clock = SYSTEM_CLOCK } = options;
    const domains = new Set(settings.domain.map((d) => prepDomain(d) ?? d));
    const defaultDomain = [...domains][0];
    const dispatch = compile(routes);
    undo.push(() => db.close());
    await applySchema(db);
    const node = await registerNode(db, options.node);
    undo.push(() => signOff(db, node));
    const lease = setInterval(() => {
        renew(db, node).catch((err) => log.warn({ err }, 'the lease could not be renewed'));
    }, RENEW);
    undo.push(() => Promise.resolve(clearInterval(lease)));
    const counters = makeCounters();
    const jid = jidParser();
    const sessions = makeSessions();
    const store = presenceStore(db);
    const cache = makeRouteCache(sessions, store, clock, counters, {
        entries: settings.routeCacheEntries, ttl: settings.routeTtl * 1000,
        negativeEntries: settings.routeNegativeEntries, negativeTtl: settings.routeNegativeTtl * 1000,
        node: node.id, epoch: node.epoch, clustered: bus.connected,
    });
    const mailbox = makeMailbox(offlineStore(db, {
        messages: settings.offlineMaxMessages, bytes: settings.offlineMaxBytes, perSender: settings.offlineMaxPerSender,
    }), settings.offlinePage);
    const rows = makePresenceRows(store, bus, node);
    const presence = makePresence(sessions, rows, mailbox);
    const bug = (error, stanza) => {
        log.error({ err: error, kind: stanza.kind, id: stanza.id, to: stanza.to }, 'a stanza failed; this is a bug');
    };
    const services = {
        db, settings, domains, routes, jid,
        now: () => new Date(clock.now()),
        sessionsOf: (account) => sessions.of(account).all,
        send: async (element) => router.fromServer(frameOf(serialize(element))),
        keep: (routed) => router.keep(routed),
    };
    const router = makeRouter({
        domains, jid, sessions, cache, mailbox, presence, dispatch, services, counters, clock, bug,
        delivery: makeDelivery(cache, bus, counters),
    });
    let tls = options.tls === null ? null : await loadTls(options.tls);
    let context = tls === null ? null : createSecureContext(tlsOptions(tls));
    const gate = makeGate({
        unauthenticated: settings.maxUnauthenticated, unauthenticatedPerAddress: settings.maxUnauthenticatedPerAddress,
        connections: settings.maxConnections, failuresPerAddress: settings.loginFailuresPerAddress, failuresPerAccount: settings.loginFailuresPerAccount,
    }, clock);
    let time = clock.monotonic();
    const connections = new Set();
    const limits = { depth: settings.maxDepth, attributes: settings.maxAttributes, children: settings.maxChildren };
    const host = {
        settings, domains, defaultDomain, log, gate, router, sessions, rows, connections, jid,
        time: () => time,
        limits: {
            unauthenticated: { ...limits, bytes: settings.maxStanzaBytesUnauthenticated, depth: Math.min(16, limits.depth), attributes: Math.min(64, limits.attributes) },
            authenticated: { ...limits, bytes: settings.maxStanzaBytes },
            // a header, STARTTLS, and every attempt at SASL that is allowed, each with its answer
            early: settings.maxStanzaBytesUnauthenticated * 4,
        },
        tls: () => context,
        credentials: (domain) => (username) => credentialsOf(db, makeJid(username, domain).bare),
        decoySecret: await secret(db, 'decoy'),
        sameAddress: (text, own) => {
            const parsed = jid(text);
            return parsed !== null && (parsed.full === own.full || parsed.full === own.bare);
        },
        sessionOver: (session) => {
            sessions.remove(session);
            rows.remove(session);
        },
        ping: (connection, to) => {
            connection.write(`<iq type='get'${attribute('id', `ping-${Math.round(time)}`)} from='${to.domain}'${attribute('to', to.full)}><ping xmlns='${NS.ping}'/></iq>`, false);
        },
    };
    const ticker = setInterval(() => {
        time = clock.monotonic();
        for (const connection of connections)
            connection.tick(time);
    }, TICK);
    undo.push(() => Promise.resolve(clearInterval(ticker)));
    const metrics = makeMetrics(counters, {
        sessions: () => sessions.size, connections: () => gate.connections, unauthenticated: () => gate.unauthenticated, routes: () => cache.size,
    });
    const health = async () => {
        const database = await db.query('select 1').then(() => 'ok', (error) => error.message);
        return { ok: database === 'ok', version: VERSION, database, sessions: sessions.size };
    };
    const ports = { c2s: null, c2sTls: null, http: null, https: null };
    const app = webApp({
        metrics, health,
        facts: () => ({
            version: VERSION, domains: [...domains], c2sPort: ports.c2s, c2sTlsPort: ports.c2sTls,
            websockets: [
                ...(ports.https === null ? [] : [`wss://${defaultDomain}:${ports.https}${WEBSOCKET_PATH}`]),
                // without TLS nobody may log in, but on loopback where that is allowed
                ...(ports.http !== null && settings.insecureLoopback ? [`ws://${defaultDomain}:${ports.http}${WEBSOCKET_PATH}`] : []),
            ],
        }),
    });
    const entrance = webSocketEntrance(host);
    const listeners = [];
    let https = null;
    undo.push(async () => {
        for (const listener of listeners)
            await listener.close();
    });
    const { host: address } = settings;
    if (settings.c2sPort !== null) {
        const listener = await listenTcp(host, settings.c2sPort, address);
        listeners.push(listener);
        ports.c2s = listener.port;
    }
    if (settings.c2sTlsPort !== null && context !== null) {
        const listener = await listenTls(host, settings.c2sTlsPort, address);
        listeners.push(listener);
        ports.c2sTls = listener.port;
    }
    if (settings.httpPort !== null) {
        const listener = await listenHttp(app, entrance, settings.httpPort, address);
        listeners.push(listener);
        ports.http = listener.port;
    }
    if (settings.httpsPort !== null && tls !== null) {
        https = await listenHttps(app, entrance, settings.httpsPort, address, tlsOptions(tls));
        listeners.push(https);
        ports.https = https.port;
    }
    const endSessions = (account) => {
        for (const session of sessions.of(account).all)
            session.outlet.close(new StreamError('not-authorized', 'the account is gone'));
    };
    return {
        ports, db, counters, sessions, gate, endSessions,
        reload: async () => {
            if (options.tls === null)
                return;
            const fresh = await loadTls(options.tls);
            tls = fresh;
            context = createSecureContext(tlsOptions(fresh));
            https?.swap(tlsOptions(fresh));
            log.info('certificate read again');
        },
        stop: async () => {
            for (const listener of listeners)
                await listener.close();
            for (const connection of connections)
                connection.close(new StreamError('system-shutdown')); // RFC 6120 §4.9.3.20
            const until = Date.now() + settings.stopTimeout * 1000;
            while (connections.size > 0 && Date.now() < until)
                await new Promise((resolve) => setTimeout(resolve, 20));
            for (const connection of connections)
                connection.drop();
            clearInterval(ticker);
            clearInterval(lease);
            await rows.idle(settings.stopTimeout * 1000);
            await signOff(db, node);
            await db.close();
        },
    };
};
//# sourceMappingURL=server.js.map