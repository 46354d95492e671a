// The framer: bytes → stanzas, in one pass. It finds where each top-level element of a stream ends, checks
// well-formedness (XML 1.0 fifth edition, XML Names 1.0), the restrictions of RFC 6120 §11 and the limits while it reads,
// and notes what a router needs. It never builds a tree and keeps nothing for a connection that is between stanzas.
//
// How it reads: `scan` works token by token (text run, start tag, end tag, CDATA). A token that is not complete yet is
// read again from its start when more bytes are there. So that nobody can make that quadratic by sending single bytes,
// an incomplete tag is first searched for its end by `findTagEnd`, which remembers how far it got.
//
// Offsets in a `Scratch` are relative to the start of the current element, so a partial element can move to a new buffer.
import { StreamError } from '../base/errors.js';
import { NS } from '../base/namespaces.js';
import { toText } from '../base/octets.js';
import { AMP, BAD, BLANK, codePoint, GT, isNameChar, isNameStart, LT, MULTI, NAME, PLAIN, QUOTE, TEXT, utf8Length, VALUE, WHITE } from './characters.js';
import { canonical } from './canonical.js';
import { intern } from './intern.js';
import { checkReference, decodeValue } from './references.js';
const makeScratch = (depth) => ({
    stack: new Int32Array(depth * 2 + 2), depth: 0, cdata: false, rootPrefixed: false, childPrefixed: false, empty: false,
    declared: false, rootNs: '', rootName: '', rootDefault: '', nameEnd: 0, openEnd: 0,
    type: -1, typeEnd: -1, id: -1, idEnd: -1, to: -1, toEnd: -1, from: -1, fromEnd: -1, fromAll: -1, fromAllEnd: -1,
    lang: -1, langEnd: -1, decode: false, count: 0, childStart: [], childEnd: [], childNs: [], childName: [], prefixes: [], inherited: null,
});
/** Scratch objects not in use. A framer holds one only while it is inside an element, so there are few. */
const pool = [];
/** The attributes of the tag being read: six numbers each: name start, name end, colon (or -1), value start, value end, flags. */
let attrs = new Int32Array(64 * 6);
const DECODE = 1;
/** The attribute is a namespace declaration. */
const DECLARATION = 2;
const NO_CHILDREN = [];
const NO_NAMESPACES = new Map();
const notWellFormed = (text) => new StreamError('not-well-formed', text);
/** Results of the token readers other than a new position. */
const INCOMPLETE = -1;
/** What the framer expects next. */
const PROLOG = 0; // nothing read: an XML declaration may stand here
const HEADER = 1; // the stream's opening tag
const STREAM = 2; // top-level elements
const ENDED = 3;
export class Framer {
    sink;
    limits;
    state = PROLOG;
    fragment = false;
    /** Bytes not consumed yet: the start of an incomplete element, or what came after a stop. */
    pending = null;
    pendingEnd = 0;
    /** Where the current element starts in `pending`, and where reading goes on. */
    base = 0;
    pos = 0;
    scratch = null;
    /** How far, and inside which quote, an incomplete tag was searched for its end (0: not searched). */
    searched = 0;
    quote = 0;
    stopped = false;
    headerName = '';
    defaultNs = '';
    namespaces = NO_NAMESPACES;
    constructor(sink, limits) {
        this.sink = sink;
        this.limits = limits;
    }
    /** Other limits from the next element on (after authentication). */
    setLimits(limits) {
        this.limits = limits;
    }
    /** A new stream starts on the same connection (RFC 6120 §4.3.3). What was read beyond the last element is kept. */
    restart() {
        this.state = PROLOG;
        this.defaultNs = '';
        this.namespaces = NO_NAMESPACES;
    }
    /** Forget what was received and not read: after STARTTLS nothing sent in clear may count (RFC 6120 §5.3.1). Returns whether there was any. */
    discard() {
        const had = this.pending !== null && this.pendingEnd > this.pos;
        this.release();
        this.pending = null;
        return had;
    }
    /** No header: every element stands by itself, with these declarations around it (RFC 7395 §3.3: none). */
    fragments(defaultNs = '') {
        this.state = STREAM;
        this.fragment = true;
        this.defaultNs = defaultNs;
    }
    /** Bytes received and not read yet: of an element that is not complete, or behind a stop. */
    get waiting() {
        return this.pending === null ? 0 : this.pendingEnd - this.base;
    }
    /** True between elements: nothing is held for this connection. */
    get idle() {
        return this.scratch === null && this.pending === null;
    }
    /** Take the next bytes. Throws StreamError. */
    write(chunk) {
        if (this.pending === null) {
            this.base = this.pos = 0;
            this.read(chunk, chunk.length);
        }
        else {
            this.append(chunk);
            if (!this.stopped)
                this.read(this.pending, this.pendingEnd);
        }
    }
    /** Go on after `element` returned false. */
    resume() {
        if (!this.stopped)
            return;
        this.stopped = false;
        if (this.pending !== null)
            this.read(this.pending, this.pendingEnd);
    }
    append(chunk) {
        const old = this.pending;
        const length = this.pendingEnd - this.base;
        const size = length + chunk.length;
        if (this.base === 0 && size <= old.length && this.owned)
            chunk.copy(old, this.pendingEnd);
        else {
            // doubled, so that single bytes are not copied again and again; never more than twice what is held
            const grown = Buffer.allocUnsafeSlow(Math.max(size, Math.min(size * 2, size + 65536)));
            old.copy(grown, 0, this.base, this.pendingEnd);
            chunk.copy(grown, length);
            this.pending = grown;
            this.owned = true;
            this.pos -= this.base;
            if (this.searched > 0)
                this.searched -= this.base;
            this.base = 0;
        }
        this.pendingEnd = size;
    }
    owned = false;
    read(buf, end) {
        this.scan(buf, end);
        if (this.state === ENDED || (this.base >= end && this.scratch === null)) {
            this.pending = null;
            this.owned = false;
            return;
        }
        if (end - this.base > this.limits.bytes && !this.stopped)
            throw this.tooBig();
        if (this.pending === buf)
            return;
        // A stop keeps the chunk as it is; a partial element gets a copy of its own, the socket's buffer may be far larger
        if (this.stopped) {
            this.pending = buf;
            this.owned = false;
        }
        else {
            const partial = Buffer.allocUnsafeSlow(end - this.base);
            buf.copy(partial, 0, this.base, end);
            this.pending = partial;
            this.owned = true;
            this.pos -= this.base;
            if (this.searched > 0)
                this.searched -= this.base;
            this.base = 0;
            end = partial.length;
        }
        this.pendingEnd = end;
    }
    tooBig() {
        return new StreamError('policy-violation', `more than ${this.limits.bytes} bytes in one element`);
    }
    take() {
        const scratch = pool.pop() ?? makeScratch(this.limits.depth);
        if (scratch.stack.length < this.limits.depth * 2 + 2)
            scratch.stack = new Int32Array(this.limits.depth * 2 + 2);
        scratch.depth = scratch.count = 0;
        scratch.cdata = scratch.rootPrefixed = scratch.childPrefixed = scratch.decode = false;
        scratch.type = scratch.id = scratch.to = scratch.from = scratch.lang = scratch.fromAll = scratch.fromAllEnd = -1;
        if (scratch.prefixes.length > 0)
            scratch.prefixes.length = 0;
        scratch.inherited = null;
        this.scratch = scratch;
        return scratch;
    }
    release() {
        if (this.scratch !== null && pool.length < 64)
            pool.push(this.scratch);
        this.scratch = null;
        this.searched = 0;
    }
    /** The loop over tokens. Leaves `base` and `pos` where reading has to go on. */
    scan(buf, end) {
        let pos = this.pos;
        while (pos < end) {
            const s = this.scratch;
            if (s === null) {
                // between top-level elements
                this.base = this.pos = pos;
                if (this.stopped)
                    return;
                const c = buf[pos];
                if (WHITE[c] === 1) {
                    pos++;
                    continue;
                }
                if (this.state === ENDED)
                    throw notWellFormed('something follows the end of the stream');
                if (this.state === PROLOG) {
                    const next = this.prolog(buf, pos, end);
                    if (next === INCOMPLETE)
                        return;
                    pos = next;
                    continue;
                }
                if (c !== 0x3c)
                    throw this.strayText(buf, pos, end);
                if (pos + 1 >= end)
                    return;
                if (buf[pos + 1] === 0x2f) {
                    const next = this.streamEnd(buf, pos, end);
                    if (next === INCOMPLETE)
                        return;
                    pos = next;
                    continue;
                }
                if (this.state === HEADER) {
                    const next = this.startTag(buf, pos, end);
                    if (next === INCOMPLETE)
                        return;
                    pos = next;
                    continue;
                }
                this.take();
                continue;
            }
            let next;
            if (s.cdata)
                next = this.cdata(buf, pos, end, s);
            else if (buf[pos] !== 0x3c)
                next = this.text(buf, pos, end);
            else if (pos + 1 >= end)
                next = INCOMPLETE;
            else if (buf[pos + 1] === 0x2f)
                next = this.endTag(buf, pos, end, s);
            else if (buf[pos + 1] === 0x21)
                next = this.cdataStart(buf, pos, end, s);
            else
                next = this.startTag(buf, pos, end);
            if (next === INCOMPLETE) {
                this.pos = this.resumeAt(pos);
                return;
            }
            pos = next;
        }
        this.pos = pos;
        if (this.scratch === null)
            this.base = pos;
    }
    halfway = 0;
    /** Text and CDATA go on in the middle of a run; everything else at its first byte. */
    resumeAt(pos) {
        const at = this.halfway > pos ? this.halfway : pos;
        this.halfway = 0;
        return at;
    }
    /** Character data at depth ≥ 1 up to the next '<'. Always makes progress or says INCOMPLETE. */
    text(buf, pos, end) {
        let p = pos;
        const last = end - 3;
        for (;;) {
            // four at a time: measured at 0.5 ns a byte, against 0.9 one by one
            while (p < last && (at(TEXT, buf, p) | at(TEXT, buf, p + 1) | at(TEXT, buf, p + 2) | at(TEXT, buf, p + 3)) === 0)
                p += 4;
            while (p < end && TEXT[buf[p]] === 0)
                p++;
            if (p >= end)
                return p;
            switch (TEXT[buf[p]]) {
                case LT: return p;
                case AMP: {
                    const next = checkReference(buf, p, end);
                    if (next < 0)
                        return this.incomplete(p);
                    p = next;
                    break;
                }
                case GT:
                    // XML 1.0 §2.4. The two bytes before are part of this element, so they are there
                    if (buf[p - 1] === 0x5d && buf[p - 2] === 0x5d)
                        throw notWellFormed('"]]>" in character data');
                    p++;
                    break;
                case MULTI: {
                    const n = utf8Length(buf, p, end);
                    if (n < 0)
                        throw notWellFormed('not UTF-8');
                    if (n === 0)
                        return this.incomplete(p);
                    p += n;
                    break;
                }
                default: throw notWellFormed('a character that XML does not have');
            }
        }
    }
    incomplete(at) {
        this.halfway = at;
        return INCOMPLETE;
    }
    cdataStart(buf, pos, end, s) {
        const OPEN = '<![CDATA[';
        for (let i = 2; i < OPEN.length; i++) {
            if (pos + i >= end)
                return INCOMPLETE;
            if (buf[pos + i] !== OPEN.charCodeAt(i))
                throw this.markup(buf, pos);
        }
        // before the first tag there is no element to hold it
        if (s.depth === 0)
            throw new StreamError('bad-format', 'CDATA between stanzas');
        s.cdata = true;
        return pos + OPEN.length;
    }
    cdata(buf, pos, end, s) {
        let p = pos;
        while (p < end) {
            const c = buf[p];
            if (c === 0x5d) {
                if (p + 2 >= end) {
                    if (p + 1 < end && buf[p + 1] !== 0x5d) {
                        p++;
                        continue;
                    }
                    return this.incomplete(p);
                }
                if (buf[p + 1] === 0x5d && buf[p + 2] === 0x3e) {
                    s.cdata = false;
                    return p + 3;
                }
                p++;
            }
            else if (c >= 0x80) {
                const n = utf8Length(buf, p, end);
                if (n < 0)
                    throw notWellFormed('not UTF-8');
                if (n === 0)
                    return this.incomplete(p);
                p += n;
            }
            else if (TEXT[c] === BAD)
                throw notWellFormed('a character that XML does not have');
            else
                p++;
        }
        return p;
    }
    /** '<!' or '<?' where they may not stand. RFC 6120 §11.1: comments, DTDs and processing instructions are restricted XML. */
    markup(buf, pos) {
        const c = buf[pos + 1] === 0x3f ? 0x41 : (buf[pos + 2] ?? 0);
        return c === 0x2d || NAME[c] === 1
            ? new StreamError('restricted-xml', 'comments, DTDs and processing instructions are not allowed')
            : notWellFormed('bad markup');
    }
    strayText(buf, pos, end) {
        const c = buf[pos];
        if (c === 0x26) {
            checkReference(buf, pos, end);
            return new StreamError('bad-format', 'text between stanzas');
        }
        if (this.state === HEADER) {
            // RFC 6120 §11.6: only UTF-8. A byte order mark of another encoding, or a zero byte, is one
            if (c === 0xfe || c === 0xff || c === 0)
                return new StreamError('unsupported-encoding', 'only UTF-8 is supported');
            return notWellFormed('text before the stream header');
        }
        if (TEXT[c] === BAD || (c >= 0x80 && utf8Length(buf, pos, end) < 0))
            return notWellFormed('not an XML character');
        return new StreamError('bad-format', 'text between stanzas');
    }
    /** The XML declaration (XML 1.0 §2.8), if there is one. */
    prolog(buf, pos, end) {
        const OPEN = '<?xml';
        for (let i = 0; i <= OPEN.length; i++) {
            if (i > 0 && pos + i >= end)
                return INCOMPLETE;
            // '<?xml' must be followed by white space: '<?xml-stylesheet' is a processing instruction
            if (i < OPEN.length ? buf[pos + i] !== OPEN.charCodeAt(i) : WHITE[buf[pos + i]] !== 1) {
                if (buf[pos] === 0x3c && buf[pos + 1] === 0x3f)
                    throw this.markup(buf, pos);
                this.state = HEADER;
                return pos;
            }
        }
        let p = pos;
        while (p < end && buf[p] !== 0x3e)
            p++;
        if (p >= end)
            return INCOMPLETE;
        const text = buf.latin1Slice(pos, p + 1);
        const match = /^<\?xml\s+version\s*=\s*(['"])1\.[0-9]+\1(?:\s+encoding\s*=\s*(['"])([A-Za-z][\w.-]*)\2)?(?:\s+standalone\s*=\s*(['"])(?:yes|no)\4)?\s*\?>$/.exec(text);
        if (match === null)
            throw notWellFormed('bad XML declaration');
        if (match[3] !== undefined && match[3].toLowerCase() !== 'utf-8') {
            throw new StreamError('unsupported-encoding', 'only UTF-8 is supported');
        }
        this.state = HEADER;
        return p + 1;
    }
    streamEnd(buf, pos, end) {
        const name = this.headerName;
        for (let i = 0; i < name.length; i++) {
            if (pos + 2 + i >= end)
                return INCOMPLETE;
            if (this.state !== STREAM || this.fragment || buf[pos + 2 + i] !== name.charCodeAt(i))
                throw notWellFormed('end tag without a start tag');
        }
        if (name === '')
            throw notWellFormed('end tag without a start tag');
        let p = pos + 2 + name.length;
        while (p < end && WHITE[buf[p]] === 1)
            p++;
        if (p >= end) {
            if (p - pos > this.limits.bytes)
                throw this.tooBig();
            return INCOMPLETE;
        }
        if (buf[p] !== 0x3e)
            throw notWellFormed('bad end tag');
        this.state = ENDED;
        this.sink.end();
        return p + 1;
    }
    endTag(buf, pos, end, s) {
        if (s.depth === 0)
            throw notWellFormed('end tag without a start tag');
        const top = (s.depth - 1) * 2;
        const from = this.base + s.stack[top];
        const length = s.stack[top + 1] - s.stack[top];
        let p = pos + 2;
        for (let i = 0; i < length; i++, p++) {
            if (p >= end)
                return INCOMPLETE;
            if (buf[p] !== buf[from + i])
                throw notWellFormed('end tag does not match its start tag');
        }
        while (p < end && WHITE[buf[p]] === 1)
            p++;
        if (p >= end)
            return INCOMPLETE;
        if (buf[p] !== 0x3e)
            throw notWellFormed('end tag does not match its start tag');
        p++;
        s.depth--;
        while (s.prefixes.length > 0 && s.prefixes[s.prefixes.length - 1].at > s.depth)
            s.prefixes.pop();
        if (s.depth === 1)
            s.childEnd[s.count - 1] = p - this.base;
        else if (s.depth === 0)
            this.complete(buf, p, s);
        return p;
    }
    /** Search an incomplete tag for its end, going on where the last search stopped. True: it can be read now. */
    findTagEnd(buf, pos, end) {
        let p = this.searched > pos ? this.searched : pos + 1;
        let quote = this.searched > pos ? this.quote : 0;
        for (; p < end; p++) {
            const c = buf[p];
            if (quote !== 0) {
                if (c === quote)
                    quote = 0;
                else if (c === 0x3c)
                    return true; // an error; reading says which
            }
            else if (c === 0x3e || c === 0x3c)
                return true;
            else if (c === 0x22 || c === 0x27)
                quote = c;
        }
        this.searched = p;
        this.quote = quote;
        return false;
    }
    /** A start tag at `pos`: of the stream (no scratch), of a top-level element, or below. */
    startTag(buf, pos, end) {
        if (this.searched > pos && !this.findTagEnd(buf, pos, end))
            return INCOMPLETE;
        const s = this.scratch;
        const depth = s === null ? 0 : s.depth;
        if (s !== null && depth >= this.limits.depth) {
            throw new StreamError('policy-violation', `more than ${this.limits.depth} elements deep`);
        }
        // the name; ASCII without a prefix is read here, all else by `name`
        const nameStart = pos + 1;
        let p = nameStart;
        let colon = -1;
        let c = buf[p];
        if (NAME[c] === 1) {
            do
                p++;
            while (p < end && PLAIN[(c = buf[p])] === 1);
        }
        if (p >= end || NAME[c] > 2 || p === nameStart) {
            p = this.name(buf, nameStart, end);
            if (p < 0)
                return this.outOfBytes(buf, pos, end);
            colon = lastColon;
            c = buf[p];
        }
        const nameEnd = p;
        // the attributes
        const last = end - 3;
        let count = 0;
        let empty = false;
        let prefixed = false;
        for (;;) {
            const blank = p;
            while (p < end && WHITE[(c = buf[p])] === 1)
                p++;
            if (p >= end)
                return this.outOfBytes(buf, pos, end);
            if (c === 0x3e) {
                p++;
                break;
            }
            if (c === 0x2f) {
                if (p + 1 >= end)
                    return this.outOfBytes(buf, pos, end);
                if (buf[p + 1] !== 0x3e)
                    throw notWellFormed('"/" in a tag');
                empty = true;
                p += 2;
                break;
            }
            if (p === blank)
                throw notWellFormed('no white space before an attribute');
            if (count >= this.limits.attributes) {
                throw new StreamError('policy-violation', `more than ${this.limits.attributes} attributes`);
            }
            const a = count * 6;
            if (a + 6 > attrs.length)
                growAttributes();
            const A = attrs;
            const attrStart = p;
            let attrColon = -1;
            if (NAME[c] === 1) {
                do
                    p++;
                while (p < end && PLAIN[(c = buf[p])] === 1);
            }
            if (p >= end || NAME[c] > 2 || p === attrStart) {
                p = this.name(buf, attrStart, end);
                if (p < 0)
                    return this.outOfBytes(buf, pos, end);
                attrColon = lastColon;
                c = buf[p];
            }
            A[a] = attrStart;
            A[a + 1] = p;
            A[a + 2] = attrColon;
            let flags = 0;
            if (isXmlns(buf, attrStart, attrColon < 0 ? p : attrColon))
                flags = DECLARATION;
            else if (attrColon >= 0)
                prefixed = true;
            if (c !== 0x3d) {
                while (p < end && WHITE[buf[p]] === 1)
                    p++;
                if (p >= end)
                    return this.outOfBytes(buf, pos, end);
                if (buf[p] !== 0x3d)
                    throw notWellFormed('an attribute without a value');
            }
            p++;
            while (p < end && WHITE[buf[p]] === 1)
                p++;
            if (p >= end)
                return this.outOfBytes(buf, pos, end);
            const quote = buf[p];
            if (quote !== 0x22 && quote !== 0x27)
                throw notWellFormed('an attribute value without quotes');
            p++;
            A[a + 3] = p;
            while (p < last && (at(VALUE, buf, p) | at(VALUE, buf, p + 1) | at(VALUE, buf, p + 2) | at(VALUE, buf, p + 3)) === 0)
                p += 4;
            while (p < end && VALUE[(c = buf[p])] === 0)
                p++;
            if (p >= end)
                return this.outOfBytes(buf, pos, end);
            if (c !== quote) {
                p = this.value(buf, p, end, quote);
                if (p < 0)
                    return this.outOfBytes(buf, pos, end);
                flags |= valueFlags;
            }
            A[a + 4] = p;
            A[a + 5] = flags;
            p++;
            count++;
        }
        this.searched = 0;
        if (s === null) {
            this.openStream(buf, pos, nameStart, nameEnd, colon, count);
            if (empty) {
                this.state = ENDED;
                this.sink.end();
            }
            return p;
        }
        this.element(buf, s, depth, nameStart, nameEnd, colon, count, prefixed, p);
        if (empty) {
            while (s.prefixes.length > 0 && s.prefixes[s.prefixes.length - 1].at > depth)
                s.prefixes.pop();
            if (depth === 0) {
                s.empty = true;
                this.complete(buf, p, s);
            }
            else if (depth === 1)
                s.childEnd[s.count - 1] = p - this.base;
        }
        else {
            s.stack[depth * 2] = nameStart - this.base;
            s.stack[depth * 2 + 1] = nameEnd - this.base;
            s.depth = depth + 1;
            if (depth === 0)
                s.empty = false;
        }
        return p;
    }
    outOfBytes(buf, pos, end) {
        this.findTagEnd(buf, pos, end);
        if (end - this.base > this.limits.bytes)
            throw this.tooBig();
        return INCOMPLETE;
    }
    /** A QName (XML Names 1.0 §4): returns its end, -1 when bytes are missing. Leaves its colon in `lastColon`. */
    name(buf, start, end) {
        lastColon = -1;
        let p = start;
        let first = true;
        for (; p < end; p++) {
            const kind = NAME[buf[p]];
            if (kind === 1)
                first = false;
            else if (kind === 2) {
                if (first)
                    throw notWellFormed('bad name');
            }
            else if (kind === 3) {
                if (first || lastColon >= 0)
                    throw notWellFormed('bad name');
                lastColon = p;
                first = true;
            }
            else if (kind === 4) {
                const n = utf8Length(buf, p, end);
                if (n < 0)
                    throw notWellFormed('not UTF-8');
                if (n === 0)
                    return -1;
                const c = codePoint(buf, p, n);
                if (first ? !isNameStart(c) : !isNameChar(c))
                    throw notWellFormed('bad name');
                first = false;
                p += n - 1;
            }
            else {
                if (first)
                    throw p === start && buf[p] === 0x3f && buf[p - 1] === 0x3c ? this.markup(buf, p - 1) : notWellFormed('bad name');
                return p;
            }
        }
        return -1;
    }
    /** The end of an attribute value (where its quote stands), -1 when bytes are missing. Leaves `valueFlags`. */
    value(buf, start, end, quote) {
        valueFlags = 0;
        let p = start;
        for (;;) {
            while (p < end && VALUE[buf[p]] === 0)
                p++;
            if (p >= end)
                return -1;
            switch (VALUE[buf[p]]) {
                case QUOTE:
                    if (buf[p] === quote)
                        return p;
                    p++;
                    break;
                case AMP: {
                    valueFlags = DECODE;
                    const next = checkReference(buf, p, end);
                    if (next < 0)
                        return -1;
                    p = next;
                    break;
                }
                case BLANK:
                    valueFlags = DECODE;
                    p++;
                    break;
                case MULTI: {
                    valueFlags = DECODE;
                    const n = utf8Length(buf, p, end);
                    if (n < 0)
                        throw notWellFormed('not UTF-8');
                    if (n === 0)
                        return -1;
                    p += n;
                    break;
                }
                case LT: throw notWellFormed('"<" in an attribute value');
                default: throw notWellFormed('a character that XML does not have');
            }
        }
    }
    attrValue(buf, a) {
        const octets = intern(buf, attrs[a + 3], attrs[a + 4]);
        return (attrs[a + 5] & DECODE) === 0 ? octets : decodeValue(octets);
    }
    /** Names must be unique as written (XML 1.0 §3.1), and by namespace and local name (XML Names 1.0 §6.3). */
    checkUnique(buf, count) {
        let prefixed = 0;
        for (let i = 0; i < count; i++) {
            const a = i * 6;
            const start = attrs[a];
            const length = attrs[a + 1] - start;
            if (attrs[a + 2] >= 0)
                prefixed++;
            for (let j = 0; j < i; j++) {
                const other = attrs[j * 6];
                if (attrs[j * 6 + 1] - other !== length)
                    continue;
                let k = 0;
                while (k < length && buf[start + k] === buf[other + k])
                    k++;
                if (k === length)
                    throw notWellFormed('an attribute given twice');
            }
        }
        if (prefixed > 1)
            this.checkExpanded(buf, count);
    }
    checkExpanded(buf, count) {
        const seen = new Set();
        for (let a = 0; a < count * 6; a += 6) {
            if (attrs[a + 2] < 0 || isDeclaration(a))
                continue;
            const ns = this.resolve(intern(buf, attrs[a], attrs[a + 2]));
            const name = `{${ns}}${buf.latin1Slice(attrs[a + 2] + 1, attrs[a + 1])}`;
            if (seen.has(name))
                throw notWellFormed('an attribute given twice');
            seen.add(name);
        }
    }
    /** The namespace of a prefix in scope. Throws when it is not declared. */
    resolve(prefix) {
        if (prefix === 'xml')
            return NS.xml;
        const s = this.scratch;
        if (s !== null) {
            for (let i = s.prefixes.length - 1; i >= 0; i--) {
                const declared = s.prefixes[i];
                if (declared.prefix === prefix)
                    return declared.ns;
            }
        }
        const inherited = this.namespaces.get(prefix);
        // RFC 6120 §4.9.3.13: violations of XML Names count as not well-formed
        if (inherited === undefined || prefix === 'xmlns')
            throw notWellFormed('a prefix that is not declared');
        if (s !== null)
            (s.inherited ??= new Set()).add(prefix);
        return inherited;
    }
    /** XML Names 1.0 §3: what may not be declared. */
    checkDeclaration(prefix, ns) {
        if (prefix === 'xmlns' || ns === NS.xmlns || (prefix === 'xml') !== (ns === NS.xml) || (prefix !== '' && ns === '')) {
            throw notWellFormed('a namespace declaration that is not allowed');
        }
    }
    openStream(buf, pos, nameStart, nameEnd, colon, count) {
        if (this.state !== HEADER)
            throw notWellFormed('bad markup');
        const attributes = new Map();
        const namespaces = new Map();
        for (let a = 0; a < count * 6; a += 6) {
            const value = this.attrValue(buf, a);
            const name = toText(buf.latin1Slice(attrs[a], attrs[a + 1]));
            if (isDeclaration(a)) {
                const prefix = attrs[a + 2] < 0 ? '' : buf.latin1Slice(attrs[a + 2] + 1, attrs[a + 1]);
                this.checkDeclaration(prefix, value);
                namespaces.set(prefix, value);
            }
            else
                attributes.set(name, value);
        }
        this.namespaces = namespaces;
        this.checkUnique(buf, count);
        for (let a = 0; a < count * 6; a += 6) {
            if (attrs[a + 2] >= 0 && !isDeclaration(a))
                this.resolve(intern(buf, attrs[a], attrs[a + 2]));
        }
        const ns = colon < 0 ? namespaces.get('') ?? '' : this.resolve(intern(buf, nameStart, colon));
        this.defaultNs = namespaces.get('') ?? '';
        this.headerName = buf.latin1Slice(nameStart, nameEnd);
        this.state = STREAM;
        // Only what a stanza may take from the header is kept: not the usual stream prefix, which every stream has
        this.sink.header({ ns, name: toText(buf.latin1Slice(colon < 0 ? nameStart : colon + 1, nameEnd)), attributes, namespaces });
    }
    /** Declarations, uniqueness, prefixes; for the root and its children also what the router needs. */
    element(buf, s, depth, nameStart, nameEnd, colon, count, prefixed, end) {
        const base = this.base;
        let ownNs = null;
        for (let a = 0; a < count * 6; a += 6) {
            if (!isDeclaration(a))
                continue;
            const value = this.attrValue(buf, a);
            if (attrs[a + 2] < 0) {
                this.checkDeclaration('', value);
                ownNs = value;
            }
            else {
                const prefix = buf.latin1Slice(attrs[a + 2] + 1, attrs[a + 1]);
                this.checkDeclaration(prefix, value);
                s.prefixes.push({ at: depth + 1, prefix, ns: value });
            }
        }
        if (count > 1)
            this.checkUnique(buf, count);
        if (prefixed) {
            for (let a = 0; a < count * 6; a += 6) {
                const c = attrs[a + 2];
                if (c >= 0 && !isDeclaration(a))
                    this.resolve(buf.latin1Slice(attrs[a], c));
            }
        }
        if (depth > 1) {
            if (colon >= 0)
                this.resolve(intern(buf, nameStart, colon));
            return;
        }
        const inherited = depth === 0 ? this.defaultNs : s.rootDefault;
        const ns = colon >= 0 ? this.resolve(intern(buf, nameStart, colon)) : ownNs ?? inherited;
        if (depth === 1) {
            const i = s.count++;
            if (i >= this.limits.children) {
                throw new StreamError('policy-violation', `more than ${this.limits.children} children`);
            }
            if (colon >= 0)
                s.childPrefixed = true;
            s.childStart[i] = nameStart - 1 - base;
            s.childNs[i] = ns;
            s.childName[i] = intern(buf, colon < 0 ? nameStart : colon + 1, nameEnd);
            return;
        }
        s.rootNs = ns;
        s.rootDefault = ownNs ?? inherited;
        s.declared = ownNs !== null;
        s.rootPrefixed = colon >= 0;
        s.rootName = intern(buf, colon < 0 ? nameStart : colon + 1, nameEnd);
        s.nameEnd = nameEnd - base;
        s.openEnd = end - base;
        for (let i = 0, a = 0; i < count; i++, a += 6)
            this.rootAttribute(buf, s, a, base);
    }
    /** to, id, type, from, xml:lang: told apart by length and first bytes. */
    rootAttribute(buf, s, a, base) {
        const n = attrs[a];
        const length = attrs[a + 1] - n;
        if (length !== 2 && length !== 4 && length !== 8)
            return;
        const start = attrs[a + 3] - base;
        const end = attrs[a + 4] - base;
        const c = buf[n];
        if (length === 2) {
            if (c === 0x74 && buf[n + 1] === 0x6f) {
                s.to = start;
                s.toEnd = end;
            }
            else if (c === 0x69 && buf[n + 1] === 0x64) {
                s.id = start;
                s.idEnd = end;
            }
            else
                return;
        }
        else if (length === 4) {
            if (c === 0x74 && buf[n + 1] === 0x79 && buf[n + 2] === 0x70 && buf[n + 3] === 0x65) {
                s.type = start;
                s.typeEnd = end;
            }
            else if (c === 0x66 && buf[n + 1] === 0x72 && buf[n + 2] === 0x6f && buf[n + 3] === 0x6d) {
                s.from = start;
                s.fromEnd = end;
                // the white space before it goes with it; there is always some
                let from = n - base;
                while (WHITE[buf[base + from - 1]] === 1)
                    from--;
                s.fromAll = from;
                s.fromAllEnd = end + 1;
            }
            else
                return;
        }
        else if (attrs[a + 2] === n + 3 && buf.latin1Slice(n, n + 8) === 'xml:lang') {
            s.lang = start;
            s.langEnd = end;
        }
        else
            return;
        if ((attrs[a + 5] & DECODE) !== 0)
            s.decode = true;
    }
    /** A top-level element is complete: give it away. */
    complete(buf, end, s) {
        const base = this.base;
        if (end - base > this.limits.bytes)
            throw this.tooBig();
        const xml = buf.latin1Slice(base, end);
        const name = s.rootName;
        let children = NO_CHILDREN;
        const count = s.count;
        if (count > 0) {
            const list = [];
            for (let i = 0; i < count; i++) {
                list.push({ ns: s.childNs[i], name: s.childName[i], start: s.childStart[i], end: s.childEnd[i] });
            }
            children = list;
        }
        const decode = s.decode;
        let frame = {
            kind: s.rootNs === NS.client ? kindOf(name) : '',
            ns: s.rootNs,
            name,
            type: s.type < 0 ? '' : decode ? decodeValue(xml.slice(s.type, s.typeEnd)) : intern(buf, base + s.type, base + s.typeEnd),
            id: s.id < 0 ? '' : decode ? decodeValue(xml.slice(s.id, s.idEnd)) : xml.slice(s.id, s.idEnd),
            to: s.to < 0 ? '' : decode ? decodeValue(xml.slice(s.to, s.toEnd)) : xml.slice(s.to, s.toEnd),
            from: s.from < 0 ? '' : decode ? decodeValue(xml.slice(s.from, s.fromEnd)) : xml.slice(s.from, s.fromEnd),
            lang: s.lang < 0 ? '' : decode ? decodeValue(xml.slice(s.lang, s.langEnd)) : xml.slice(s.lang, s.langEnd),
            children,
            xml,
            nameEnd: s.nameEnd,
            fromStart: s.fromAll,
            fromEnd: s.fromAllEnd,
            openEnd: s.openEnd,
            empty: s.empty,
            declared: s.declared,
        };
        // Names of children are octets so far; only odd ones are not ASCII, and no feature has such a name
        if (frame.kind !== '' && (s.inherited !== null || s.rootPrefixed || s.childPrefixed)) {
            frame = again(canonical(frame, s.inherited, this.namespaces, s.rootPrefixed || s.childPrefixed), this.limits);
        }
        this.release();
        this.base = this.pos = end;
        if (!this.sink.element(frame))
            this.stopped = true;
    }
}
/** The class of a byte. */
const at = (table, buf, p) => table[buf[p]];
const growAttributes = () => {
    const more = new Int32Array(attrs.length * 2);
    more.set(attrs);
    attrs = more;
};
const isDeclaration = (a) => (attrs[a + 5] & DECLARATION) !== 0;
/** 'xmlns' stands there. */
const isXmlns = (buf, start, end) => end - start === 5 && buf[start] === 0x78 && buf[start + 1] === 0x6d && buf[start + 2] === 0x6c &&
    buf[start + 3] === 0x6e && buf[start + 4] === 0x73;
/** Left by `name` and `value` for their caller: module state instead of an object for every attribute. */
let lastColon = -1;
let valueFlags = 0;
/** Frame a rebuilt element anew: its offsets are others now. */
const again = (octets, limits) => frameOf(octets, { ...limits, bytes: Infinity, attributes: Infinity });
const NO_LIMITS = { bytes: Infinity, depth: 1024, attributes: Infinity, children: Infinity };
/** Frame one whole element in canonical form (jabber:client by default). Throws StreamError where it is not well-formed. */
export const frameOf = (octets, limits = NO_LIMITS) => {
    let found = null;
    const framer = new Framer({
        header: () => { },
        element: (frame) => {
            found = frame;
            return true;
        },
        end: () => { },
    }, limits);
    framer.fragments(NS.client);
    framer.write(Buffer.from(octets, 'latin1'));
    if (found === null)
        throw notWellFormed('not one whole element');
    return found;
};
const kindOf = (name) => (name === 'message' || name === 'presence' || name === 'iq' ? name : '');
//# sourceMappingURL=framer.js.map