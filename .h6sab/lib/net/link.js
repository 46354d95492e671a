import { TLSSocket } from 'node:tls';
import { soon, waits } from './turn.js';
/** IPv4 addresses come mapped into IPv6 on a dual-stack listener. */
export const plainAddress = (address) => (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');
export const isLoopback = (address) => address === '::1' || /^127\./.test(address);
export const tcpLink = (first, events) => {
    let socket = first;
    let out = '';
    let closed = false;
    let waiting = null;
    const over = () => {
        if (closed)
            return;
        closed = true;
        out = '';
        for (const tell of waiting ?? [])
            tell(false);
        waiting = null;
        events.closed();
    };
    const data = (chunk) => events.data(chunk);
    const listen = () => {
        socket.on('data', data);
        socket.on('close', over);
        // 'close' follows; a reset is no event of its own for a stream
        socket.on('error', () => { });
    };
    const link = {
        kind: 'tcp',
        address: plainAddress(socket.remoteAddress),
        get encrypted() {
            return socket instanceof TLSSocket;
        },
        get tls() {
            return socket instanceof TLSSocket ? socket : null;
        },
        send: (octets) => {
            if (closed)
                return;
            if (out === '')
                soon(link);
            out += octets;
            waits(octets.length);
        },
        flush: () => {
            if (out === '' || closed)
                return;
            const octets = out;
            out = '';
            if (waiting === null) {
                socket.write(octets, 'latin1');
                return;
            }
            const tellThem = waiting;
            waiting = null;
            socket.write(octets, 'latin1', (error) => {
                for (const tell of tellThem)
                    tell(error === null || error === undefined);
            });
        },
        buffered: () => out.length + socket.writableLength,
        flushed: () => new Promise((resolve) => {
            if (closed)
                resolve(false);
            else if (out !== '')
                (waiting ??= []).push(resolve);
            else if (socket.writableLength === 0)
                resolve(true);
            else
                socket.write('', (error) => resolve(error === null || error === undefined));
        }),
        pause: () => {
            socket.pause();
        },
        resume: () => {
            socket.resume();
        },
        end: () => {
            link.flush();
            socket.end();
        },
        destroy: () => {
            socket.destroy();
            over();
        },
        startTls: (context) => {
            link.flush();
            const raw = socket;
            raw.removeListener('data', data);
            raw.removeListener('close', over);
            // XEP-0368 §3: the name of the protocol, where the client asks by ALPN
            socket = new TLSSocket(raw, { isServer: true, secureContext: context, requestCert: false, ALPNProtocols: ['xmpp-client'] });
            listen();
        },
    };
    listen();
    return link;
};
//# sourceMappingURL=link.js.map