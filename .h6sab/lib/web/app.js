// The pages and machine-readable answers that a jidway gives over HTTP.
import { Hono } from 'hono';
import { welcomePage } from './welcome.js';
const REL = 'urn:xmpp:alt-connections:websocket';
export const webApp = ({ metrics, health, facts }) => {
    const app = new Hono();
    app.use(async (c, next) => {
        await next();
        c.header('X-Content-Type-Options', 'nosniff');
        c.header('Content-Security-Policy', 'default-src \'none\'; style-src \'unsafe-inline\'');
    });
    app.get('/', (c) => c.html(welcomePage(facts())));
    // XEP-0156 §3: for web clients, hence readable from every page (§7)
    const links = () => facts().websockets.map((href) => ({ rel: REL, href }));
    app.get('/.well-known/host-meta', (c) => {
        c.header('Access-Control-Allow-Origin', '*');
        c.header('Content-Type', 'application/xrd+xml; charset=utf-8');
        return c.body(`<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>${links().map(({ rel, href }) => `\n  <Link rel='${rel}' href='${href.replaceAll('&', '&amp;')}'/>`).join('')}\n</XRD>\n`);
    });
    app.get('/.well-known/host-meta.json', (c) => {
        c.header('Access-Control-Allow-Origin', '*');
        return c.json({ links: links() });
    });
    app.get('/metrics', async (c) => {
        const { type, text } = await metrics();
        c.header('Content-Type', type);
        return c.body(text);
    });
    app.get('/health', async (c) => {
        const state = await health();
        return c.json(state, state.ok ? 200 : 503);
    });
    app.notFound((c) => c.text('Nothing here. Try /, /health, /metrics or /.well-known/host-meta\n', 404));
    return app;
};
//# sourceMappingURL=app.js.map