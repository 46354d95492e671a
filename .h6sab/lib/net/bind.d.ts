import type { Jid } from '../base/jid.js';
import type { Outlet, Session } from '../core/sessions.js';
import type { Host } from './host.js';
/** @param wanted the resource asked for; '' lets the server choose */
export declare const bindResource: (host: Host, outlet: Outlet, account: Jid, wanted: string, lang: string) => Promise<Session>;
