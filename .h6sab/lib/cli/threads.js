// Keys of passwords are derived on libuv's threads, of which there are four unless the environment says otherwise before
// Node starts (set by the program itself it comes too late: loading the first module has started them; measured). So a
// command that needs all cores starts itself once more.
import { spawn } from 'node:child_process';
const DEFAULT_THREADS = 4;
const NAME = 'UV_THREADPOOL_SIZE';
/** The environment to start again with; null: go on as it is. */
export const environmentForAllCores = (args, env, cores) => {
    const isHungry = args[0] === 'user' && args[1] === 'import';
    return isHungry && cores > DEFAULT_THREADS && env[NAME] === undefined ? { ...env, [NAME]: String(cores) } : null;
};
/** This program once more with another environment; answers its exit code. */
export const startAgain = (env) => new Promise((done, failed) => {
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], { env: { ...env }, stdio: 'inherit' });
    child.on('error', failed);
    child.on('close', code => done(code ?? 1));
});
//# sourceMappingURL=threads.js.map