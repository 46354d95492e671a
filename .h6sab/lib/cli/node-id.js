// The node's id: the setting `node`, else one made at the first start and kept in the data folder (routing.md, step 10).
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../base/errors.js';
// it will stand in a NATS subject, between dots
const ID = /^[\w-]{1,64}$/;
/** Only who owns the data folder may ask: two nodes of one id would fence each other. */
export const nodeId = async ({ node, data }) => {
    const file = join(data, 'node-id');
    const id = node ?? (await kept(file)) ?? (await make(data, file));
    if (!ID.test(id))
        throw new UsageError(`'${id}' is no node id (${node === null ? file : 'setting node'}): letters, digits, - and _, at most 64`);
    return id;
};
const kept = async (file) => {
    try {
        return (await readFile(file, 'utf8')).trim();
    }
    catch (error) {
        if (error.code === 'ENOENT')
            return null;
        throw error;
    }
};
const make = async (data, file) => {
    const id = `node-${randomBytes(6).toString('hex')}`;
    await mkdir(data, { recursive: true, mode: 0o700 });
    await writeFile(file, `${id}\n`, { flag: 'wx', mode: 0o600 });
    return id;
};
//# sourceMappingURL=node-id.js.map