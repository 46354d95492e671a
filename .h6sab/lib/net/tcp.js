// Listeners for clients over TCP: with STARTTLS (RFC 6120 §5) and with TLS from the first byte (XEP-0368).
import { createServer } from 'node:net';
import { UsageError } from '../base/errors.js';
import { Connection } from './connection.js';
import { plainAddress, tcpLink } from './link.js';
/** Listen, or say why not in words that help. */
export const listen = (server, port, host, what) => new Promise((resolve, reject) => {
    server.once('error', (error) => {
        const why = error.code === 'EADDRINUSE' ? 'it is in use: stop the other program, or choose another port (0: any free one)'
            : error.code === 'EACCES' ? 'that is not allowed to this user; ports below 1024 need rights'
                : error.message;
        reject(new UsageError(`cannot listen on ${host} port ${port} (${what}): ${why}`, { cause: error }));
    });
    // many clients come at once after a restart
    server.listen({ port, host, backlog: 4096 }, () => resolve(server.address().port));
});
/** Take a socket in, if the gate lets it. */
const welcome = (host, socket, tls = false) => {
    socket.setNoDelay(true);
    if (!host.gate.arrive(plainAddress(socket.remoteAddress))) {
        socket.destroy();
        return;
    }
    const connection = new Connection(host, (events) => tcpLink(socket, events));
    host.connections.add(connection);
    if (tls)
        connection.secure(host.tls());
};
export const listenTcp = async (host, port, address) => {
    const server = createServer((socket) => welcome(host, socket));
    const bound = await listen(server, port, address, 'c2s_port');
    return { port: bound, close: () => closing(server) };
};
/** TLS from the first byte: the same connection, with the handshake before the stream instead of in it. */
export const listenTls = async (host, port, address) => {
    const server = createServer((socket) => welcome(host, socket, true));
    const bound = await listen(server, port, address, 'c2s_tls_port');
    return { port: bound, close: () => closing(server) };
};
const closing = (server) => {
    // does not wait for connections: the caller closes those
    server.close();
    return Promise.resolve();
};
//# sourceMappingURL=tcp.js.map