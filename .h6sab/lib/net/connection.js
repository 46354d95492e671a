// One connection and the stream on it: bytes in through the framer, stanzas to the router, octets out through the link.
// Before a session is bound, elements go to negotiation.ts instead.
//
// Order (RFC 6120 §10.1): a stanza whose handling must wait for something holds its stream; the framer keeps what follows,
// and reading stops when that is too much. Fairness: a connection that has used its share of a turn goes on in the next.
import { randomBytes } from 'node:crypto';
import { StreamError } from '../base/errors.js';
import { NS } from '../base/namespaces.js';
import { Framer } from '../wire/framer.js';
import { DOCUMENT, FRAMES } from './framing.js';
import { acceptHeader, negotiate } from './negotiation.js';
import { turn } from './turn.js';
export class Connection {
    host;
    link;
    framing;
    framer;
    phase = 'opening';
    /** What is known while logging in; null once bound. */
    login;
    session = null;
    authenticated = false;
    headerSent = false;
    /** A stanza is being handled that the next has to wait for. */
    held = false;
    paused = false;
    /** The peer is gone; what was read of it is still handled. */
    gone = false;
    turn = 0;
    usedStanzas = 0;
    usedBytes = 0;
    /** Octets read before authentication. */
    early = 0;
    /** Coarse clock (host.time): last octets read; when the phase began that has a deadline; our ping's time or 0. */
    lastRead;
    deadline;
    pinged = 0;
    constructor(host, makeLink) {
        this.host = host;
        this.framer = new Framer(this, host.limits.unauthenticated);
        this.login = { header: null, username: null, exchange: null, attempts: 0, busy: false };
        this.lastRead = host.time();
        this.deadline = this.lastRead + host.settings.authTimeout * 1000;
        this.link = makeLink(this);
        this.framing = this.link.kind === 'tcp' ? DOCUMENT : FRAMES;
        if (this.link.kind === 'websocket')
            this.framer.fragments();
    }
    // LinkEvents
    data(chunk) {
        if (this.phase === 'closing' || this.phase === 'over')
            return;
        this.lastRead = this.host.time();
        this.pinged = 0;
        if (!this.authenticated) {
            this.early += chunk.length;
            if (this.early > this.host.limits.early) {
                this.fail(new StreamError('policy-violation', 'too much before authentication'));
                return;
            }
        }
        this.guarded(() => this.framer.write(chunk));
        // held back: keep a little, then stop reading
        if (this.framer.waiting > this.host.settings.turnBytes)
            this.pause();
    }
    closed() {
        this.gone = true;
        if (!this.held)
            this.finish();
    }
    // FramerSink
    header(header) {
        acceptHeader(this, header);
    }
    element(frame) {
        const { session } = this;
        if (this.phase === 'closing' || this.phase === 'over')
            return false;
        if (session === null)
            return this.wait(negotiate(this, frame));
        if (frame.kind === '')
            return this.nonza(frame);
        // RFC 6120 §8.1.2.1: `from` may be one's own full or bare JID. Clients send either (or none)
        if (frame.from !== '' && frame.from !== session.jid.full && frame.from !== session.jid.bare && !this.host.sameAddress(frame.from, session.jid)) {
            throw new StreamError('invalid-from');
        }
        const ending = this.host.router.fromClient(session, frame);
        if (ending instanceof Promise)
            return this.wait(ending);
        return this.mayGoOn(frame.xml.length);
    }
    end() {
        // RFC 6120 §4.4: they closed their stream; we close ours, everything before is handled
        this.close(null);
    }
    // Outlet
    write(octets, declared) {
        if (this.phase === 'closing' || this.phase === 'over' || this.gone)
            return false;
        if (this.link.buffered() + octets.length > this.host.settings.writeBufferBytes) {
            // The reader is too slow. It cannot be told, its buffer is full; what it did not read is lost with the session
            this.host.log.warn({ jid: this.session?.jid.full, bytes: this.link.buffered() }, 'connection closed: it does not read what it is sent');
            this.drop();
            return false;
        }
        this.link.send(octets, declared);
        return true;
    }
    flushed() {
        return this.link.flushed();
    }
    /** End the stream: with an error, or (null) as agreed (RFC 6120 §4.4, §4.9). */
    close(error) {
        if (this.phase === 'closing' || this.phase === 'over')
            return;
        if (error !== null && !this.headerSent)
            this.openStream(this.host.defaultDomain, ''); // RFC 6120 §4.9.1.2
        if (error !== null)
            this.link.send(this.framing.error(error), true);
        if (this.headerSent)
            this.link.send(this.framing.close(), true);
        this.phase = 'closing';
        this.deadline = this.host.time() + CLOSING;
        this.framer.discard();
        if (!this.held)
            this.leave();
        this.link.end();
    }
    // For negotiation
    openStream(from, to) {
        this.headerSent = true;
        this.link.send(this.framing.open({ id: randomBytes(12).toString('hex'), from, to }), true);
    }
    sendFeatures(inner) {
        this.link.send(this.framing.features(inner), true);
    }
    send(octets) {
        this.link.send(octets, true);
    }
    opened() {
        if (this.phase === 'opening')
            this.phase = 'negotiating';
    }
    /** A new stream follows on the same connection (RFC 6120 §6.3.2). */
    restart() {
        this.phase = 'opening';
        this.headerSent = false;
        if (this.link.kind === 'tcp')
            this.framer.restart();
    }
    /** The same stream anew inside TLS (RFC 6120 §5.4.3.3): nothing that came in clear counts any more. */
    secure(context) {
        if (this.phase === 'over' || this.gone)
            return;
        this.framer.discard();
        this.framer.restart();
        this.phase = 'opening';
        this.headerSent = false;
        this.link.startTls(context);
    }
    /** SASL succeeded: the account is known, limits are those of a user. */
    authenticate() {
        this.authenticated = true;
        this.framer.setLimits(this.host.limits.authenticated);
        this.host.gate.authenticated(this.link.address);
    }
    bind(session) {
        this.session = session;
        this.login = null;
        if (this.phase === 'over' || this.phase === 'closing') {
            this.leave();
            return;
        }
        this.phase = 'bound';
        this.deadline = 0;
    }
    // The rest
    nonza(frame) {
        if (frame.ns === NS.sm && frame.name === 'enable') {
            // XEP-0198 §3: not built yet, and said so, instead of silence
            this.send(`<failed xmlns='${NS.sm}'><feature-not-implemented xmlns='${NS.stanzas}'/></failed>`);
            return true;
        }
        if (frame.ns === NS.framing && frame.name === 'close') {
            this.end();
            return true;
        }
        throw new StreamError('unsupported-stanza-type', `<${frame.name}/> is not understood here`); // RFC 6120 §4.9.3.24
    }
    /** True while this connection's share of the turn lasts. */
    mayGoOn(bytes) {
        if (this.turn !== turn.number) {
            this.turn = turn.number;
            this.usedStanzas = this.usedBytes = 0;
        }
        this.usedBytes += bytes;
        if (++this.usedStanzas < this.host.settings.turnStanzas && this.usedBytes < this.host.settings.turnBytes)
            return true;
        this.usedStanzas = this.usedBytes = 0;
        this.held = true;
        this.pause();
        setImmediate(() => this.goOn());
        return false;
    }
    wait(work) {
        if (typeof work === 'boolean')
            return work;
        this.held = true;
        work.then(() => this.goOn(), (error) => {
            this.held = false;
            this.fail(error);
        });
        return false;
    }
    goOn() {
        this.held = false;
        if (this.phase === 'closing')
            this.leave();
        else if (this.phase !== 'over')
            this.guarded(() => this.framer.resume());
        if (this.held)
            return;
        if (this.gone)
            this.finish();
        else if (this.paused && this.phase !== 'over') {
            this.paused = false;
            this.link.resume();
        }
    }
    pause() {
        if (this.paused || this.phase === 'closing')
            return;
        this.paused = true;
        this.link.pause();
    }
    guarded(work) {
        try {
            work();
        }
        catch (error) {
            this.fail(error);
        }
    }
    fail(error) {
        if (error instanceof StreamError) {
            this.host.log.debug({ address: this.link.address, condition: error.condition, reason: error.message }, 'stream error');
            this.close(error);
        }
        else {
            this.host.log.error({ err: error }, 'a stream failed');
            this.close(new StreamError('internal-server-error'));
        }
    }
    /** No goodbye is possible any more. */
    drop() {
        this.finish();
        this.link.destroy();
    }
    /** The session is over, whatever becomes of the socket. */
    leave() {
        const { session } = this;
        if (session === null || !session.open)
            return;
        session.open = false;
        this.host.sessionOver(session);
    }
    finish() {
        if (this.phase === 'over')
            return;
        this.phase = 'over';
        this.leave();
        this.host.gate.closed(this.link.address, this.authenticated);
        this.host.connections.delete(this);
    }
    /** Called about once a second: deadlines and silent peers. */
    tick(now) {
        const { pingAfter, deadAfter } = this.host.settings;
        if (this.deadline !== 0 && now > this.deadline) {
            if (this.phase === 'closing')
                this.drop();
            else
                this.close(new StreamError('connection-timeout', 'not logged in in time')); // RFC 6120 §4.9.3.4
        }
        else if (this.phase === 'bound' && this.session !== null) {
            if (this.pinged !== 0 && now - this.pinged > deadAfter * 1000) {
                this.close(new StreamError('connection-timeout', 'no answer to a ping'));
            }
            else if (this.pinged === 0 && now - this.lastRead > pingAfter * 1000) {
                // RFC 6120 §4.6.1; any octet that comes back shows that the peer lives
                this.pinged = now;
                const { jid } = this.session;
                this.host.ping(this, jid);
            }
        }
    }
}
/** ms that a peer has to close its side after we said goodbye. */
const CLOSING = 5000;
//# sourceMappingURL=connection.js.map