// All cores for an import.
import t from 'tap';
import { environmentForAllCores } from '../../lib/cli/threads.js';
t.test('an import on more than four cores is started with a thread for each', async (t) => {
    t.match(environmentForAllCores(['user', 'import', 'a.csv'], { HOME: '/x' }, 16), { HOME: '/x', UV_THREADPOOL_SIZE: '16' });
});
t.test('nothing is started again where it would not help, or twice', async (t) => {
    t.equal(environmentForAllCores(['user', 'import', 'a.csv'], {}, 4), null);
    t.equal(environmentForAllCores(['user', 'import', 'a.csv'], { UV_THREADPOOL_SIZE: '16' }, 16), null);
    t.equal(environmentForAllCores(['user', 'add', 'a@b'], {}, 16), null);
    t.equal(environmentForAllCores(['start'], {}, 16), null);
});
//# sourceMappingURL=threads.js.map