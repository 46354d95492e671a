export type HashMechanism = 'SCRAM-SHA-1' | 'SCRAM-SHA-256';
export interface Credential {
    readonly mechanism: HashMechanism;
    readonly salt: Buffer;
    readonly iterations: number;
    readonly storedKey: Buffer;
    readonly serverKey: Buffer;
}
/** SASLprep (RFC 4013), as RFC 5802 §2.2 asks. null: this cannot be a password. */
export declare const preparePassword: (text: string) => string | null;
export declare const hmac: (digest: string, key: Buffer, data: string | Buffer) => Buffer;
export declare const hash: (digest: string, data: Buffer) => Buffer;
export declare const digestOf: (mechanism: HashMechanism) => string;
/** Keys for every hash that clients use: some know only SHA-1 (clients.md §1). Throws where the password cannot be one. */
export declare const deriveCredentials: (password: string, iterations: number) => Promise<Credential[]>;
/** Whether this is the password. Takes the same time for a wrong one, and for one that cannot be a password. */
export declare const verifyPlain: (password: string, credential: Credential) => Promise<boolean>;
/** Keys for an account that does not exist: the salt is the same each time the name is tried, and no password fits. */
export declare const decoyCredential: (secret: Buffer, name: string, mechanism: HashMechanism, iterations: number) => Credential;
