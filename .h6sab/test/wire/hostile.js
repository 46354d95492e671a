// A hundred thousand broken streams, made from what real clients sent, and the classic attacks on XML parsers: each gets the
// verdict that the oracle gives, by the error that RFC 6120 §4.9.3 names; nothing crashes, and memory stays as it was.
import t from 'tap';
import { StreamError } from '../../lib/base/errors.js';
import { Framer } from '../../lib/wire/framer.js';
import { dependence, disagreement, everyByte, frame, LIMITS } from '../helpers/agreement.js';
import { mutate, random } from '../helpers/generate.js';
import { used } from '../helpers/memory.js';
import { clients, sentElements, sentStreams } from '../helpers/traces.js';
const STREAMS = 100_000;
const SEED = 20_251_124;
const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
/** Streams of a few elements each: the real headers, and what the same client sent. */
const material = () => clients().flatMap((client) => {
    const headers = sentStreams(client).map((stream) => /^(?:<\?xml[^>]*>\s*)?<stream:stream[^>]*>/.exec(stream)?.[0] ?? HEADER);
    const elements = sentElements(client);
    return Array.from({ length: Math.ceil(elements.length / 3) }, (_, i) => Buffer.from(`${headers[i % headers.length] ?? HEADER}${elements.slice(i * 3, i * 3 + 3).join(i % 2 ? '\n' : '')}${i % 4 ? '' : '</stream:stream>'}`));
});
t.test('100,000 broken streams get the verdict of the oracle, and leave no memory behind', async (t) => {
    const base = material();
    t.ok(base.length > 200, `${base.length} streams to start from`);
    const below = random(SEED);
    const seen = new Map();
    let wrong = 0;
    let early = 0;
    for (let i = 0; i < STREAMS; i++) {
        const octets = mutate(base[below(base.length)], below);
        const small = below(4) === 0;
        const limits = small ? { bytes: 200 + below(1500), depth: 1 + below(6), attributes: 1 + below(8), children: below(6) } : LIMITS;
        const { verdict, condition } = frame(octets, limits);
        const key = `${verdict} ${condition}`.trim();
        seen.set(key, (seen.get(key) ?? 0) + 1);
        // whole contents and every byte by itself take longer; one in ten
        const problem = disagreement(octets, limits, i % 10 === 0) || (i % 10 === 1 ? dependence(octets, everyByte(octets), limits) : '');
        if (problem !== '' && wrong++ < 5)
            t.fail(problem, { octets: octets.toString('latin1'), limits });
        if (i === STREAMS / 10)
            early = used().rss;
    }
    const late = used().rss;
    t.equal(wrong, 0, 'framer and oracle agree about each');
    t.comment([...seen].map(([key, n]) => `${key}: ${n}`).join(', '));
    for (const key of ['open', 'ended', 'refused not-well-formed', 'refused restricted-xml', 'refused unsupported-encoding', 'refused bad-format', 'refused policy-violation']) {
        t.ok((seen.get(key) ?? 0) >= 500, `${key}: ${seen.get(key) ?? 0} times`);
    }
    t.ok(late < early * 1.2, `${(late / 2 ** 20).toFixed(0)} MiB in the end, ${(early / 2 ** 20).toFixed(0)} after the first tenth`);
});
/** Feed `chunk` again and again; how many octets were taken before the framer refused, and how. */
const flood = (before, chunk, most, limits) => {
    const framer = new Framer({ header: () => { }, element: () => true, end: () => { } }, limits);
    let taken = 0;
    try {
        framer.write(Buffer.from(before));
        for (; taken < most; taken += chunk.length)
            framer.write(chunk);
    }
    catch (error) {
        if (error instanceof StreamError)
            return { taken, condition: error.condition };
        throw error;
    }
    return { taken, condition: '' };
};
const GIGABYTE = 2 ** 30;
const limits = { bytes: 262_144, depth: 64, attributes: 128, children: 1000 };
t.test('what never ends is refused early, in constant memory', async (t) => {
    const attacks = {
        'a start tag of 1 GB, in one value': [`${HEADER}<message to='`, 'x', 'policy-violation'],
        'a start tag of 1 GB, in its name': [`${HEADER}<`, 'x', 'policy-violation'],
        'a start tag of 1 GB of white space': [`${HEADER}<message `, ' ', 'policy-violation'],
        'a start tag with 1,000,000 attributes': [`${HEADER}<message`, " a='1'", 'policy-violation'],
        'a text of 1 GB': [`${HEADER}<message><body>`, 'x', 'policy-violation'],
        'a text of 1 GB of references': [`${HEADER}<message><body>`, '&amp;', 'policy-violation'],
        'a CDATA section of 1 GB': [`${HEADER}<message><![CDATA[`, ']', 'policy-violation'],
        'an end tag of 1 GB': [`${HEADER}<a></a`, ' ', 'policy-violation'],
        'nesting without end': [`${HEADER}`, '<a>', 'policy-violation'],
        'children without end': [`${HEADER}<a>`, '<b/>', 'policy-violation'],
        'a stream header of 1 GB': ["<stream:stream to='", 'x', 'policy-violation'],
        'an XML declaration of 1 GB': ["<?xml version='1.0'", ' ', 'policy-violation'],
        'the end of a stream of 1 GB': [`${HEADER}</stream:stream`, ' ', 'policy-violation'],
        'a billion laughs': [`<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY lol 'lol'>`, "<!ENTITY lol1 '&lol;&lol;'>", 'restricted-xml'],
    };
    const before = used();
    for (const [attack, [start, piece, condition]] of Object.entries(attacks)) {
        for (const size of [65_536, 1000]) {
            const chunk = Buffer.from(piece.repeat(Math.ceil(size / piece.length)));
            const { taken, condition: found } = flood(start, chunk, GIGABYTE, limits);
            t.equal(found, condition, attack);
            t.ok(taken <= limits.bytes + chunk.length, `${attack}: refused after ${taken} octets`);
        }
    }
    const after = used();
    t.ok(after.heap + after.buffers < before.heap + before.buffers + 4_000_000, `${after.heap + after.buffers - before.heap - before.buffers} octets more`);
});
t.test('100,000 levels and 1,000,000 attributes are refused at the limit, in one piece too', async (t) => {
    const wide = { ...limits, bytes: 100_000_000 };
    t.equal(frame(Buffer.from(HEADER + '<a>'.repeat(100_000)), wide).condition, 'policy-violation');
    const names = Array.from({ length: 1_000_000 }, (_, i) => ` a${i}=''`).join('');
    const start = performance.now();
    t.equal(frame(Buffer.from(`${HEADER}<a${names}/>`), wide).condition, 'policy-violation');
    t.ok(performance.now() - start < 1000);
    const deep = 10_000;
    const told = frame(Buffer.from(`${HEADER}${'<p:a xmlns:p="u">'.repeat(deep)}${'</p:a>'.repeat(deep)}`), { ...wide, depth: deep });
    t.equal(told.frames.length, 1, 'and where the limit allows it, nesting costs no stack');
});
t.test('names and namespaces without end do not fill the table of known names', async (t) => {
    const framer = new Framer({ header: () => { }, element: () => true, end: () => { } }, limits);
    framer.write(Buffer.from(HEADER));
    const round = (n) => {
        for (let i = 0; i < 20_000; i++)
            framer.write(Buffer.from(`<message type='t${n}-${i}'><e${n}-${i} xmlns='urn:${n}:${i}:${'x'.repeat(i % 90)}'/></message>`));
    };
    round(0);
    const before = used();
    round(1);
    const after = used();
    t.ok(after.heap - before.heap < 1_000_000, `${after.heap - before.heap} octets more`);
});
//# sourceMappingURL=hostile.js.map