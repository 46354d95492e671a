import type { TlsOptions } from 'node:tls';
/** Paths of PEM files. */
export interface TlsFiles {
    readonly cert: string;
    readonly key: string;
    /** The development CA that signed the certificate; null where it is the operator's. */
    readonly ca: string | null;
}
export interface TlsMaterial {
    readonly cert: string;
    readonly key: string;
}
export declare const tlsOptions: ({ cert, key }: TlsMaterial) => TlsOptions;
/** Read certificate and key, and see that they can be used. Throws UsageError that names the file. */
export declare const loadTls: (files: Pick<TlsFiles, "cert" | "key">) => Promise<TlsMaterial>;
export interface CertificateInfo {
    /** DNS names and addresses that it is for. */
    readonly names: readonly string[];
    readonly expires: Date;
}
/** For `doctor`: of the first certificate in a chain. */
export declare const certificateInfo: (pem: string) => CertificateInfo;
/** Where the development certificate is, or will be. */
export declare const developmentFiles: (folder: string) => TlsFiles & {
    ca: string;
};
/** A certificate for these domains, signed by a development CA; made where it is missing, ends soon or lacks a domain. */
export declare const developmentCertificate: (folder: string, domains: readonly string[]) => Promise<TlsFiles>;
