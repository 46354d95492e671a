// The node's id.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { defaultSettings } from '../../lib/base/config.js';
import { nodeId } from '../../lib/cli/node-id.js';
t.test('an id is made once for a data folder, and two folders have two', async (t) => {
    const settings = defaultSettings({ data: join(t.testdir({}), 'a') });
    const id = await nodeId(settings);
    t.match(id, /^node-[0-9a-f]{12}$/);
    t.equal(await nodeId(settings), id);
    t.not(await nodeId(defaultSettings({ data: join(t.testdir({}), 'b') })), id);
});
t.test('the setting goes before; what could not stand in a subject is refused', async (t) => {
    const data = t.testdir({});
    t.equal(await nodeId(defaultSettings({ data, node: 'verona-1' })), 'verona-1');
    await t.rejects(nodeId(defaultSettings({ data, node: 'a.b' })), { name: 'UsageError', message: /setting node/ });
    writeFileSync(join(data, 'node-id'), '\n');
    await t.rejects(nodeId(defaultSettings({ data })), { name: 'UsageError', message: /node-id/ });
});
//# sourceMappingURL=node-id.js.map