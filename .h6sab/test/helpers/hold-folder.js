// A process of its own that takes a data folder (argument 1), says so, and holds it until it is killed or its stdin ends.
import { controlServer } from '../../lib/cli/control.js';
try {
    const control = await controlServer({ data: process.argv[2], handlers: {} });
    process.stdout.write('owner\n');
    process.stdin.on('end', () => void control.close()).resume();
}
catch (error) {
    process.stdout.write(`${error.message}\n`);
}
//# sourceMappingURL=hold-folder.js.map