import { NS } from '../base/namespaces.js';
import { attribute, escapeText, serialize } from './writer.js';
/** `from` and `to` swapped, as the request wrote them (RFC 6120 §8.3.1): a malformed `to` too comes back as it was. */
const head = (request, type, requester) => `<${request.kind}${attribute('type', type)}${attribute('id', request.id)}${attribute('from', request.to)}${attribute('to', requester)}`;
/** The result of an IQ (RFC 6120 §8.2.3). */
export const resultOf = (request, requester, payload) => head(request, 'result', requester) + (payload === null ? '/>' : `>${serialize(payload)}</iq>`);
/** RFC 6120 §8.3. The caller has made sure that `request` is no error itself (§8.3.1: never an error for an error). */
export const errorOf = (request, requester, error) => `${head(request, 'error', requester)}><error type='${error.type}'><${error.condition} xmlns='${NS.stanzas}'/>${error.message === '' ? '' : `<text xmlns='${NS.stanzas}' xml:lang='en'>${escapeText(error.message)}</text>`}${error.detail}</error></${request.kind}>`;
/** RFC 6120 §4.9.2. Needs the `stream` prefix declared around it. */
export const streamErrorOf = (error) => `<stream:error><${error.condition} xmlns='${NS.streams}'/>${error.message === '' ? '' : `<text xmlns='${NS.streams}' xml:lang='en'>${escapeText(error.message)}</text>`}</stream:error>`;
//# sourceMappingURL=replies.js.map