// What is printed when the server has started: what runs where, and what to type to try it. Facts in, text out.
import { isIPv6 } from 'node:net';
export const banner = (facts) => [title(facts), where(facts), demo(facts), howTo(facts), loud(facts)].filter(part => part !== '').join('\n\n') + '\n';
const title = ({ version, domains }) => `jidway ${version} serves ${domains.join(', ')}`;
const where = ({ host, ports, database, cert, ca }) => table([
    ['XMPP', open([[ports.c2s, port => `${at(host, port)} (STARTTLS)`], [ports.c2sTls, port => `${at(host, port)} (TLS)`]])],
    ['Pages', open([[ports.http, port => `http://${at(host, port)}/`], [ports.https, port => `https://${at(host, port)}/`]])],
    ['Database', database],
    ['Certificate', `${cert}${ca === null ? '' : `, signed by the development CA ${ca}`}`],
]);
const open = (ports) => ports.flatMap(([port, text]) => (port === null ? [] : [text(port)])).join('   ');
const table = (rows) => {
    const kept = rows.filter(([, text]) => text !== '');
    return kept.map(([name, text]) => `  ${name.padEnd(12)}${text}`).join('\n');
};
const demo = ({ demo: accounts, demoFile, demoIsFixed }) => {
    if (accounts.length === 0)
        return demoFile === null ? '' : `Demo accounts, made at the first start: see ${demoFile}`;
    const width = Math.max(...accounts.map(({ jid }) => jid.length));
    const lines = accounts.map(({ jid, password }) => `  ${jid.padEnd(width)}   password  ${password}`);
    const note = demoIsFixed ? 'fixed passwords that everybody knows' : `kept in ${demoFile ?? 'the data folder'}`;
    return `Demo accounts (${note}):\n${lines.join('\n')}`;
};
const howTo = ({ ports, host, domains, ca, demo: [first] }) => {
    const [domain = ''] = domains;
    const jid = first?.jid ?? `you@${domain}`;
    const port = ports.c2s ?? ports.c2sTls;
    if (port === null)
        return '';
    const trust = ca === null ? '' : ` -CAfile ${quoted(ca)}`;
    const starttls = ports.c2s === null ? '' : ` -starttls xmpp -xmpphost ${domain}`;
    return [
        'Try it:',
        `  Gajim       log in as ${jid}; under Advanced Settings: hostname ${loopback(host)}, port ${port}, ${ports.c2s === null ? 'Direct TLS' : 'STARTTLS'}`,
        ...(ca === null ? [] : [`              it asks about the certificate: accept it, or let your system trust ${ca}`]),
        `  Raw TCP     openssl s_client -connect ${at(host, port)}${starttls} -servername ${domain}${trust} -quiet`,
        `              and type  <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`,
        ...(first === undefined ? [`  An account  npm exec jidway -- user add ${jid}`] : []),
    ].join('\n');
};
const loud = ({ insecureLoopback, demoIsFixed, idle }) => [
    ...(insecureLoopback ? ['!! insecure_loopback is on: from this machine, passwords are accepted without TLS. For tests only.'] : []),
    ...(demoIsFixed ? ['!! demo is on: anybody who reaches this server can log in as demo1 or demo2.'] : []),
    ...idle.map(({ key, value, source }) => `!! ${key} = ${value || '(empty)'} (from ${source}) is not in effect in this version.`),
].join('\n');
/** The address as one would type it: a server on all addresses is reached on loopback, too. */
const loopback = (host) => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? 'localhost' : host);
const at = (host, port) => {
    const name = loopback(host);
    return isIPv6(name) ? `[${name}]:${port}` : `${name}:${port}`;
};
/** For a shell, where need be. */
const quoted = (path) => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
//# sourceMappingURL=banner.js.map