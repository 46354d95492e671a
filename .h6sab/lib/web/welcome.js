// The page at `/`: what this server is and how to connect to it. No scripts, nothing from elsewhere.
import { html } from 'hono/html';
const row = (what, value) => html `<tr><th scope="row">${what}</th><td><code>${value}</code></td></tr>`;
export const welcomePage = ({ version, domains, c2sPort, c2sTlsPort, websockets }) => html `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>jidway on ${domains[0] ?? ''}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #1d2733; background: #fbfbf8 }
  h1 { font-size: 2rem; margin: 0 } h1 small { font-size: 1rem; font-weight: normal; color: #667 }
  table { border-collapse: collapse; width: 100%; margin: 1.5rem 0 } th { text-align: left; font-weight: 500; width: 14rem }
  th, td { border-top: 1px solid #dcdcd4; padding: .45rem .5rem .45rem 0; vertical-align: top } code { font-size: .95rem; overflow-wrap: anywhere }
  a { color: #0b5cad }
  @media (prefers-color-scheme: dark) { body { color: #e4e8ec; background: #14181d } th, td { border-color: #303840 } a { color: #7ab8ff } h1 small { color: #9aa } }
</style>
<h1>jidway <small>${version}</small></h1>
<p>An XMPP server. Log in with any XMPP client, with an address such as <code>you@${domains[0] ?? ''}</code>.</p>
<table>
${row('Domains', domains.join(', '))}
${c2sPort === null ? '' : row('Clients (STARTTLS)', `port ${c2sPort}`)}
${c2sTlsPort === null ? '' : row('Clients (TLS)', `port ${c2sTlsPort}`)}
${websockets.map((address) => row('WebSocket', address))}
</table>
<p>For machines: <a href="/.well-known/host-meta.json">host-meta</a>, <a href="/health">health</a>, <a href="/metrics">metrics</a>.</p>
</html>
`;
//# sourceMappingURL=welcome.js.map