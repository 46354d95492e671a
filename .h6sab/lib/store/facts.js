import { nodes } from './node.js';
import { SCHEMA_VERSION, schemaVersion } from './schema.js';
const serverRow = async (db) => {
    const [row] = await db.query(`
    select 'Postgres ' || current_setting('server_version') as version, current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as "synchronousCommit", (extract(epoch from clock_timestamp()) * 1000)::float8 as now`);
    return row;
};
export const databaseFacts = async (db) => {
    const { version, fsync, synchronousCommit, now } = await serverRow(db);
    const schemaFound = await schemaVersion(db);
    return {
        kind: db.kind, version, schemaWanted: SCHEMA_VERSION, schemaFound, fsync: fsync === 'on', synchronousCommit, now,
        nodes: schemaFound === 0 ? [] : await nodes(db),
    };
};
//# sourceMappingURL=facts.js.map