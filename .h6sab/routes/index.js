import { delay } from './delay.js';
import { disco } from './disco.js';
import { hints } from './hints.js';
import { offline } from './offline.js';
import { ping } from './ping.js';
import { privateXml } from './private.js';
import { roster } from './roster.js';
import { session } from './session.js';
import { stanzaId } from './stanza-id.js';
import { time } from './time.js';
import { version } from './version.js';
export const ROUTES = [
    session, disco, ping, version, time,
    roster, privateXml,
    stanzaId, delay,
    hints, offline, // hints first: what must not be stored never reaches the store
];
//# sourceMappingURL=index.js.map