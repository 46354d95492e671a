import type { Settings } from '../base/config.js';
import type { ServerFacts } from './access.js';
import type { CertificateFiles } from './deps.js';
import type { Finding } from './finding.js';
export declare const checkCertificate: ({ cert, key, ca }: CertificateFiles, domains: readonly string[], now: Date) => Promise<Finding[]>;
export declare const checkPorts: (settings: Settings, server: ServerFacts | null) => Promise<Finding[]>;
