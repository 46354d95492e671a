// XML on its way through the server is held as an *octet string*: a JavaScript string with one char (U+0000–U+00FF)
// per UTF-8 byte. Slices and splices of it are V8 string operations, nothing is decoded on the way, and one 'latin1'
// write puts it on a socket unchanged. ASCII text is the same in both forms, which is the common case.
// Whatever is read for its meaning (a JID, a password, a body) is decoded first; whatever is spliced in is encoded first.
// oxlint-disable-next-line no-control-regex
const NOT_ASCII = /[^\u0000-\u007f]/;
/** Text → octet string (UTF-8). */
export const toOctets = (text) => NOT_ASCII.test(text) ? Buffer.from(text, 'utf8').latin1Slice() : text;
/** Octet string → text. The octets must be valid UTF-8 (the framer has checked them). */
export const toText = (octets) => NOT_ASCII.test(octets) ? Buffer.from(octets, 'latin1').utf8Slice() : octets;
/** A copy that shares no memory: a slice keeps the whole string alive that it was cut from. For what is kept long. */
export const ownCopy = (octets) => Buffer.from(octets, 'latin1').latin1Slice();
//# sourceMappingURL=octets.js.map