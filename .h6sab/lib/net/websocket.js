import { TLSSocket } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';
import { NS } from '../base/namespaces.js';
import { Connection } from './connection.js';
import { plainAddress } from './link.js';
/** RFC 7395 §3.1 */
const PROTOCOL = 'xmpp';
export const WEBSOCKET_PATH = '/xmpp-websocket';
/** RFC 7395 §3.3.3: a stanza's namespace is declared in its own frame. */
const framed = (octets, declared) => declared ? octets : octets.replace(/^<(message|presence|iq)/, `<$1 xmlns='${NS.client}'`);
const websocketLink = (ws, address, encrypted, events) => {
    let closed = false;
    let lastSent = Promise.resolve(true);
    const over = () => {
        if (closed)
            return;
        closed = true;
        events.closed();
    };
    ws.on('message', (data, binary) => {
        // RFC 7395 §3.2: text frames only
        if (binary)
            ws.close(1003, 'XMPP is text');
        else
            events.data(data);
    });
    ws.on('close', over);
    // 'close' follows
    ws.on('error', () => { });
    return {
        kind: 'websocket',
        address,
        encrypted,
        tls: null,
        send: (octets, declared) => {
            if (closed)
                return;
            lastSent = new Promise((resolve) => {
                ws.send(Buffer.from(framed(octets, declared), 'latin1'), { binary: false }, (error) => resolve(error === undefined || error === null));
            });
        },
        buffered: () => ws.bufferedAmount,
        flushed: () => (closed ? Promise.resolve(false) : lastSent),
        pause: () => ws.pause(),
        resume: () => ws.resume(),
        end: () => ws.close(1000),
        destroy: () => {
            ws.terminate();
            over();
        },
    };
};
export const webSocketEntrance = (host) => {
    const server = new WebSocketServer({
        noServer: true,
        maxPayload: host.settings.maxStanzaBytes,
        perMessageDeflate: false, // compressed secrets beside chosen text give themselves away, and every socket would hold 300 KiB
        handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
    });
    const refuse = (socket, status) => {
        socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    return {
        upgrade: (request, socket, head) => {
            socket.on('error', () => { });
            const path = (request.url ?? '').split('?')[0];
            if (path !== WEBSOCKET_PATH)
                return refuse(socket, '404 Not Found');
            const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(',').map((p) => p.trim());
            if (!offered.includes(PROTOCOL))
                return refuse(socket, '400 Bad Request');
            const address = plainAddress(request.socket.remoteAddress);
            if (!host.gate.arrive(address))
                return refuse(socket, '503 Service Unavailable');
            let welcomed = false;
            socket.once('close', () => {
                if (!welcomed)
                    host.gate.closed(address, false);
            });
            server.handleUpgrade(request, socket, head, (ws) => {
                welcomed = true;
                host.connections.add(new Connection(host, (events) => websocketLink(ws, address, request.socket instanceof TLSSocket, events)));
            });
        },
    };
};
//# sourceMappingURL=websocket.js.map