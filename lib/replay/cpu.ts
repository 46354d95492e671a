// CPU and memory of a process and those that it started, from /proc (Linux). null: not to be had.
import { readFileSync, readdirSync } from 'node:fs'

/** USER_HZ, which is 100 wherever Linux runs Node. */
const TICKS = 100
const MOST_PROCESSES = 1000

/** Seconds, user and system. */
export const cpuOfTree = (root: number): number | null => sumOfTree(root, (pid) => {
  // behind the name, which may hold anything, the 12th to 15th: utime, stime, and those of children that have ended
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS
})

/** KiB that are in memory; pages that several share count for each. */
export const memoryOfTree = (root: number): number | null => sumOfTree(root, (pid) => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0))

const sumOfTree = (root: number, value: (pid: number) => number): number | null => {
  let sum: number | null = null
  const open = [root]
  for (let seen = 0; open.length > 0 && seen < MOST_PROCESSES; seen++) {
    const pid = open.pop() as number
    try {
      sum = (sum ?? 0) + value(pid)
      for (const task of readdirSync(`/proc/${pid}/task`)) open.push(...readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter((n) => n !== '').map(Number))
    } catch {
      // it has just ended, or there is no /proc
    }
  }
  return sum
}

/** Seconds of CPU that this process has used. */
export const ownCpu = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
