// Runs the simulation of the routing protocol in a process of its own, which has no other time than the simulated one.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './root.js'

export const simulate = (...args: readonly string[]): Promise<{ code: number | null; output: string }> => new Promise((resolve) => {
  const child = spawn(process.execPath, [join(ROOT, 'dist/test/simulation/run.js'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => {
    output += data.toString()
  })
  child.on('close', (code) => resolve({ code, output }))
})
