// The command line as a process of its own, on accounts in memory: for signals, standard input and exit codes. What its
// server does when it is told to is said on standard error, and, since a terminal may be gone, in the data folder.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../lib/cli/commands.js'
import { depsWith, memory } from './commands.js'

const deps = depsWith(memory())

process.exitCode = await run(process.argv.slice(2), {
  ...deps,
  startServer: async settings => ({
    ...await deps.startServer(settings),
    reload: async () => void process.stderr.write('certificate read again\n'),
    close: async () => writeFileSync(join(settings.data, 'closed'), ''),
  }),
}, process)
