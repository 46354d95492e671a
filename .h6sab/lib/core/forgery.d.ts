import type { Jid } from '../base/jid.js';
import type { Child, Stanza } from '../base/stanza.js';
/** An attribute of a child, decoded; '' where absent. */
export declare const attributeOf: (stanza: Stanza, child: Child, name: string) => string;
/** Without the children for which `forged` says so. Children are cut, nothing else changes; framed anew. */
export declare const without: (stanza: Stanza, forged: (child: Child) => boolean) => Stanza;
/** An address of ours, or of this stanza's sender or receiver, whatever its spelling. */
export declare const isOurs: (address: Jid | null, from: Jid, to: Jid, domains: ReadonlySet<string>) => boolean;
