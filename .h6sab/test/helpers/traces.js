// The recorded streams of real clients (test/data/traces/README.md).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
/** The folder of package.json: compiled helpers run from dist/, the data stays in the source tree. */
export const repository = () => {
    let folder = dirname(fileURLToPath(import.meta.url));
    while (!existsSync(join(folder, 'package.json'))) {
        if (folder === dirname(folder))
            throw new Error('no package.json above the test helpers');
        folder = dirname(folder);
    }
    return folder;
};
const folder = () => join(repository(), 'test', 'data', 'traces');
/** The clients that were recorded. */
export const clients = () => readdirSync(folder()).filter((name) => name.endsWith('.jsonl')).map((name) => name.slice(0, -6)).sort();
/** All items of one client, in order of time. */
export const trace = (client) => readFileSync(join(folder(), `${client}.jsonl`), 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
/** What a client sent on a TCP stream, one entry for each stream header: from the header to the next, as text. */
export const sentStreams = (client) => {
    const streams = [];
    for (const item of trace(client)) {
        if (item.dir !== 'in' || item.ws === true)
            continue;
        if (/^(<\?xml[^>]*>\s*)?<stream:stream/.test(item.xml))
            streams.push(item.xml);
        else if (streams.length > 0)
            streams[streams.length - 1] += item.xml;
    }
    return streams;
};
/** Every element that clients sent, stanzas or not, without headers, ends and white space. */
export const sentElements = (client) => trace(client).filter(({ dir, xml }) => dir === 'in' && /^<[^/?]/.test(xml) && !xml.startsWith('<stream:stream')).map(({ xml }) => xml);
//# sourceMappingURL=traces.js.map