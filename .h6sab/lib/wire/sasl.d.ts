import type { SaslContext, SaslExchange } from './sasl-exchange.js';
export type { BindingType, SaslContext, SaslExchange, SaslFailure, SaslLookup, SaslStep } from './sasl-exchange.js';
/** In order of preference. -PLUS only where there is something to bind to. */
export declare const offeredMechanisms: ({ encrypted, bindings, channelBinding }: SaslContext) => string[];
/** null: the mechanism is not offered. */
export declare const startSasl: (mechanism: string, context: SaslContext) => SaslExchange | null;
/**
 * RFC 6120 §6.4.2: the content of <auth/> and <response/>. null: no initial response; '=' stands for an empty one.
 * @param initial the content of <auth/>
 */
export declare const decodeBase64: (text: string, initial: boolean) => Buffer | null | "incorrect-encoding";
