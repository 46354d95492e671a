// The command line as a process of its own, on accounts in memory: for signals, standard input and exit codes.
import { run } from '../../lib/cli/commands.js';
import { depsWith, memory } from './commands.js';
process.exitCode = await run(process.argv.slice(2), depsWith(memory()), process);
//# sourceMappingURL=command-line.js.map