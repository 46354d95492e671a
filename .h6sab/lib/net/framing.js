// How a stream is opened and closed on each kind of link: an XML document over TCP (RFC 6120 §4), one element a frame over
// WebSocket (RFC 7395 §3). The rest of the stream is the same.
import { NS } from '../base/namespaces.js';
import { streamErrorOf } from '../wire/replies.js';
import { attribute } from '../wire/writer.js';
// RFC 6120 §4.7: the answering header. The language is that of the texts that we write
const common = ({ id, from, to }) => `${attribute('id', id)}${attribute('from', from)}${attribute('to', to)} version='1.0' xml:lang='en'`;
export const DOCUMENT = {
    open: (stream) => `<?xml version='1.0'?><stream:stream xmlns='${NS.client}' xmlns:stream='${NS.stream}'${common(stream)}>`,
    features: (inner) => `<stream:features>${inner}</stream:features>`,
    error: streamErrorOf,
    close: () => '</stream:stream>',
};
export const FRAMES = {
    open: (stream) => `<open xmlns='${NS.framing}'${common(stream)}/>`,
    features: (inner) => `<stream:features xmlns:stream='${NS.stream}'>${inner}</stream:features>`,
    error: (error) => streamErrorOf(error).replace('<stream:error>', `<stream:error xmlns:stream='${NS.stream}'>`),
    close: () => `<close xmlns='${NS.framing}'/>`,
};
//# sourceMappingURL=framing.js.map