// The half of `doctor` that looks at certificate files and ports.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { domainToASCII } from 'node:url';
import { bad, ok, warn } from './finding.js';
const DAY = 86_400_000;
const SOON = 21 * DAY;
export const checkCertificate = async ({ cert, key, ca }, domains, now) => {
    const found = await load(cert, key);
    if (found === null && ca !== null)
        return [ok('certificate', 'none yet; a development one is made at the first start')];
    if (found === null)
        return [bad('certificate', `${cert} or ${key} is not there`, 'check tls_cert and tls_key')];
    if (found instanceof Error)
        return [bad('certificate', `${cert} and ${key}: ${found.message}`, 'both must be PEM files, the first the whole chain')];
    return judgeCertificate(found.certificate, found.fits, domains, ca !== null, now);
};
/** null: a file is not there. */
const load = async (cert, key) => {
    try {
        const certificate = new X509Certificate(await readFile(cert));
        return { certificate, fits: certificate.checkPrivateKey(createPrivateKey(await readFile(key))) };
    }
    catch (error) {
        return error.code === 'ENOENT' ? null : error;
    }
};
const judgeCertificate = (certificate, fits, domains, isDevelopment, now) => {
    const until = new Date(certificate.validTo);
    const left = until.getTime() - now.getTime();
    const day = until.toISOString().slice(0, 10);
    const renew = isDevelopment ? 'start jidway again: it makes a new one' : 'renew it, then send SIGHUP to jidway';
    // RFC 6125 §6.4: what clients compare with the domain of the JID
    const missing = domains.filter(domain => certificate.checkHost(domainToASCII(domain)) === undefined);
    return [
        ...(fits ? [] : [bad('certificate', 'certificate and key do not belong together', 'check tls_cert and tls_key')]),
        missing.length === 0
            ? ok('certificate', `names ${domains.join(', ')}`)
            : bad('certificate', `does not name ${missing.join(', ')}: clients will refuse it`, isDevelopment ? renew : 'get one for all domains served'),
        left < 0
            ? bad('certificate', `expired on ${day}`, renew)
            : left < SOON ? warn('certificate', `expires on ${day}`, renew) : ok('certificate', `valid until ${day}`),
    ];
};
export const checkPorts = async (settings, server) => {
    const wanted = [
        ['c2s_port', settings.c2sPort, server?.ports.c2s],
        ['c2s_tls_port', settings.c2sTlsPort, server?.ports.c2sTls],
        ['http_port', settings.httpPort, server?.ports.http],
        ['https_port', settings.httpsPort, server?.ports.https],
    ];
    const findings = [];
    for (const [key, port, open] of wanted) {
        if (port === null)
            findings.push(ok(key, 'off'));
        else if (typeof open === 'number')
            findings.push(ok(key, `${open}, open in the running server`));
        else if (port === 0)
            findings.push(ok(key, 'any free port'));
        else
            findings.push(await tryPort(key, port, settings.host));
    }
    return findings;
};
const tryPort = (key, port, host) => new Promise(done => {
    const server = createServer();
    server.once('error', (error) => done(judgePort(key, port, host, error.code ?? error.message)));
    server.listen(port, host, () => server.close(() => done(ok(key, `${port} is free`))));
});
const judgePort = (key, port, host, code) => {
    if (code === 'EADDRINUSE')
        return bad(key, `${port} on ${host} is taken by another program`, `stop that one, or set ${key} to another port`);
    if (code === 'EACCES')
        return bad(key, `${port} on ${host} is not for ordinary users`, `set ${key} to a port above 1023`);
    if (code === 'EADDRNOTAVAIL')
        return bad(key, `${host} is no address of this machine`, 'set host to one that is');
    return bad(key, `${port} on ${host}: ${code}`, 'check host and port');
};
//# sourceMappingURL=doctor-network.js.map