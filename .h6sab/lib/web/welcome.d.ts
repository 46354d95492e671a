import type { HtmlEscapedString } from 'hono/utils/html';
export interface WelcomeFacts {
    readonly version: string;
    readonly domains: readonly string[];
    readonly c2sPort: number | null;
    readonly c2sTlsPort: number | null;
    /** Addresses of the WebSocket entrance, the best first. */
    readonly websockets: readonly string[];
}
export declare const welcomePage: ({ version, domains, c2sPort, c2sTlsPort, websockets }: WelcomeFacts) => HtmlEscapedString | Promise<HtmlEscapedString>;
