// Where the repository is, from the source tree and from dist/ alike.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
const up = (folder) => (existsSync(join(folder, 'package-lock.json')) ? folder : up(dirname(folder)));
export const ROOT = up(dirname(fileURLToPath(import.meta.url)));
//# sourceMappingURL=root.js.map