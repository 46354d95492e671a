// What an exchange can be bound to on this TLS connection (RFC 5929, RFC 9266).
import { createHash } from 'node:crypto';
/** Signature algorithms, by the hex of their OID in the certificate; MD5 and SHA-1 count as SHA-256 (RFC 5929 §4.1). */
const HASH_BY_OID = [
    ['2a864886f70d01010b', 'sha256'], ['2a864886f70d01010c', 'sha384'], ['2a864886f70d01010d', 'sha512'], // RSA
    ['2a8648ce3d040302', 'sha256'], ['2a8648ce3d040303', 'sha384'], ['2a8648ce3d040304', 'sha512'], // ECDSA
    ['2a864886f70d010104', 'sha256'], ['2a864886f70d010105', 'sha256'], ['2a8648ce3d0401', 'sha256'],
];
/** The length and content offset of the DER element at `at`. */
const der = (raw, at) => {
    const first = raw[at + 1];
    if (first < 0x80)
        return { start: at + 2, end: at + 2 + first };
    const n = first & 0x7f;
    const length = raw.readUIntBE(at + 2, n);
    return { start: at + 2 + n, end: at + 2 + n + length };
};
/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID … } … }: node does not tell the algorithm. */
const signatureHash = (raw) => {
    const tbs = der(raw, der(raw, 0).start);
    const algorithm = der(raw, tbs.end);
    const oid = der(raw, algorithm.start);
    const hex = raw.toString('hex', oid.start, oid.end);
    return HASH_BY_OID.find(([known]) => known === hex)?.[1] ?? null;
};
export const channelBindings = (socket) => {
    const bindings = new Map();
    if (socket.getProtocol() === 'TLSv1.3') {
        bindings.set('tls-exporter', socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)));
    }
    else {
        // RFC 5929 §3: the first Finished message, the client's in a full handshake, the server's in a resumed one.
        // Not on TLS 1.3, where it says nothing (RFC 9266 §3)
        const finished = socket.isSessionReused() ? socket.getFinished() : socket.getPeerFinished();
        if (finished !== undefined)
            bindings.set('tls-unique', finished);
    }
    const certificate = socket.getCertificate();
    const raw = certificate?.raw;
    const hash = raw === undefined ? null : signatureHash(raw);
    if (raw !== undefined && hash !== null)
        bindings.set('tls-server-end-point', createHash(hash).update(raw).digest());
    return bindings;
};
//# sourceMappingURL=channel-binding.js.map