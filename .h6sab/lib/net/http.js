// HTTP beside the streams: WebSocket's entrance, how clients find it (XEP-0156), metrics, health, the welcome page.
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { listen } from './tcp.js';
const start = async (server, entrance, port, address, what) => {
    // a request is read in seconds, or the socket is closed (slow headers, slow bodies)
    server.headersTimeout = 10_000;
    server.requestTimeout = 30_000;
    server.keepAliveTimeout = 5000;
    server.maxConnections = 10_000;
    server.on('upgrade', (request, socket, head) => entrance.upgrade(request, socket, head));
    const bound = await listen(server, port, address, what);
    return {
        port: bound,
        close: () => {
            server.close();
            server.closeIdleConnections();
            return Promise.resolve();
        },
    };
};
const handlerOf = (app) => {
    const listener = getRequestListener(app.fetch);
    return (request, response) => void listener(request, response);
};
export const listenHttp = (app, entrance, port, address) => start(createHttp({ maxHeaderSize: 16_384 }, handlerOf(app)), entrance, port, address, 'http_port');
export const listenHttps = async (app, entrance, port, address, options) => {
    const server = createHttps({ ...options, maxHeaderSize: 16_384 }, handlerOf(app));
    const listener = await start(server, entrance, port, address, 'https_port');
    return { ...listener, swap: (next) => server.setSecureContext(next) };
};
//# sourceMappingURL=http.js.map