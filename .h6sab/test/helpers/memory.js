// Memory after a forced collection, for tests of what is kept.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
let collect = null;
/** Collect garbage now, thoroughly. */
export const collectGarbage = () => {
    if (collect === null) {
        setFlagsFromString('--expose-gc');
        collect = runInNewContext('gc');
    }
    for (let i = 0; i < 3; i++)
        collect();
};
/** Octets in use after a collection: on the heap and in array buffers. */
export const used = () => {
    collectGarbage();
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
    return { heap: heapUsed, buffers: arrayBuffers, rss };
};
//# sourceMappingURL=memory.js.map