// A small client for tests that need to say exactly which octets go over the wire. Real clients are in test/clients/.
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Element as LtxElement, Parser } from 'ltx';
export const STREAM_NS = 'http://etherx.jabber.org/streams';
export const header = (to = 'localhost', more = '') => `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${STREAM_NS}' to='${to}' version='1.0'${more}>`;
/** ms that a test waits for something that should come at once. */
const PATIENCE = 15_000;
let ids = 0;
export const rawClient = async (port, options = {}) => {
    const { tls, host = '127.0.0.1', localAddress } = options;
    const first = tls === undefined ? connectTcp({ port, host, ...(localAddress === undefined ? {} : { localAddress }) })
        : connectTls({ port, host, servername: 'localhost', ALPNProtocols: ['xmpp-client'], ...tls });
    await new Promise((resolve, reject) => {
        first.once(tls === undefined ? 'connect' : 'secureConnect', resolve);
        first.once('error', reject);
    });
    const elements = [];
    let unread = [];
    const waiting = [];
    let parser;
    let over = false;
    let end = () => { };
    const ended = new Promise((resolve) => {
        end = resolve;
    });
    const arrived = (element) => {
        elements.push(element);
        const i = waiting.findIndex((w) => w.fits(element));
        if (i < 0)
            unread.push(element);
        else
            waiting.splice(i, 1)[0]?.resolve(element);
    };
    const reset = () => {
        parser = new Parser();
        let depth = 0;
        let current = null;
        parser.on('startElement', (name, attrs) => void build(name, attrs));
        parser.on('endElement', () => {
            depth--;
            if (depth === 1 && current !== null) {
                arrived(current.root());
                current = null;
            }
            else if (depth === 0)
                end();
            else
                current = current?.parent ?? null;
        });
        parser.on('text', (text) => {
            if (depth > 1)
                current?.t(text);
        });
        const build = (name, attrs) => {
            depth++;
            if (depth === 1)
                arrived(makeElement(name, attrs));
            else if (depth === 2)
                current = makeElement(name, attrs);
            else
                current = current.c(name, attrs);
        };
    };
    reset();
    const listen = (socket) => {
        socket.on('data', (data) => parser.write(data.toString()));
        socket.on('close', () => {
            over = true;
            end();
        });
        socket.on('error', () => { });
    };
    listen(first);
    const client = {
        socket: first,
        elements,
        ended,
        jid: '',
        send: (xml) => void client.socket.write(xml),
        next: (fits = () => true, ms = PATIENCE) => {
            const i = unread.findIndex(fits);
            if (i >= 0)
                return Promise.resolve(unread.splice(i, 1)[0]);
            return new Promise((resolve, reject) => {
                const timer = setTimeout(() => {
                    reject(new Error(`nothing that fits came in ${ms} ms${over ? ' (connection over)' : ''}; unread: ${unread.map(String).join(' ')}`));
                }, ms);
                waiting.push({ fits, resolve: (element) => {
                        clearTimeout(timer);
                        resolve(element);
                    } });
            });
        },
        nothing: async (fits = () => true) => {
            await client.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>');
            const found = unread.find(fits);
            if (found !== undefined)
                throw new Error(`this should not have come: ${String(found)}`);
        },
        iq: (type, payload, to) => {
            const id = `t${++ids}`;
            client.send(`<iq type='${type}' id='${id}'${to === undefined ? '' : ` to='${to}'`}>${payload}</iq>`);
            return client.next((e) => e.name === 'iq' && e.attrs['id'] === id);
        },
        startTls: async (more = {}) => {
            client.send('<starttls xmlns=\'urn:ietf:params:xml:ns:xmpp-tls\'/>');
            const answer = await client.next((e) => e.name === 'proceed' || e.name === 'failure');
            if (answer.name !== 'proceed')
                throw new Error(String(answer));
            const raw = client.socket;
            raw.removeAllListeners('data');
            const secure = connectTls({ socket: raw, servername: 'localhost', ...more });
            await new Promise((resolve, reject) => {
                secure.once('secureConnect', resolve);
                secure.once('error', reject);
            });
            client.socket = secure;
            reset();
            listen(secure);
        },
        open: async (to = 'localhost', more = '') => {
            reset();
            unread = [];
            client.send(header(to, more));
            return client.next((e) => e.name === 'stream:features');
        },
        login: async (user, password, resource = '') => {
            await client.open();
            client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0${password}`).toString('base64')}</auth>`);
            const answer = await client.next((e) => e.name === 'success' || e.name === 'failure');
            if (answer.name !== 'success')
                throw new Error(String(answer));
            await client.open();
            const bound = await client.iq('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${resource === '' ? '' : `<resource>${resource}</resource>`}</bind>`);
            if (bound.attrs['type'] !== 'result')
                throw new Error(String(bound));
            client.jid = bound.getChild('bind')?.getChildText('jid') ?? '';
            return client;
        },
        presence: async (inner = '') => {
            client.send(inner === '' ? '<presence/>' : `<presence>${inner}</presence>`);
            await client.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>'); // answered after it: RFC 6120 §10.1
        },
        close: async () => {
            client.send('</stream:stream>');
            await ended;
            client.socket.destroy();
        },
        destroy: () => void client.socket.destroy(),
    };
    return client;
};
const makeElement = (name, attrs) => new LtxElement(name, attrs);
//# sourceMappingURL=client.js.map