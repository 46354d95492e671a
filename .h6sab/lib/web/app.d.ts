import { Hono } from 'hono';
import type { WelcomeFacts } from './welcome.js';
export interface WebParts {
    /** Prometheus text and its content type. */
    readonly metrics: () => Promise<{
        type: string;
        text: string;
    }>;
    /** What works and what does not; `ok` decides the status code. */
    readonly health: () => Promise<{
        ok: boolean;
    } & Record<string, unknown>>;
    /** Facts that may depend on the ports bound at start. */
    readonly facts: () => WelcomeFacts;
}
export declare const webApp: ({ metrics, health, facts }: WebParts) => Hono;
