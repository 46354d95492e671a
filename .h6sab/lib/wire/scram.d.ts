import type { SaslContext, SaslStep } from './sasl-exchange.js';
import type { HashMechanism } from './scram-keys.js';
export declare const scramExchange: (mechanism: HashMechanism, plus: boolean, context: SaslContext) => (data: Buffer) => Promise<SaslStep>;
