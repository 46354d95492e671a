// Several nodes of a cluster as one: each client connects to one of them by chance, each fault hits one of them.
import type { Node } from './node.js'
import type { Random } from './random.js'

export const nodesAsOne = (nodes: readonly Node[], random: Random): Node => {
  const down = new Set<Node>(nodes)
  /** Who stands still; null: nobody. */
  let frozen: Node | null = null
  /** null: all of them are down, or starting. */
  const up = (): Node | null => {
    const some = nodes.filter((node) => !down.has(node))
    return some.length > 0 ? random.pick(some) : null
  }
  const starting = new Map<Node, Promise<void>>()
  const startOne = (node: Node): Promise<void> => {
    const already = starting.get(node)
    if (already !== undefined) return already
    const start = node.start().then(() => void down.delete(node)).finally(() => starting.delete(node))
    starting.set(node, start)
    return start
  }
  return {
    get where() { return random.pick(nodes).where },
    get pid() { return undefined },
    canKill: nodes.every((node) => node.canKill), canFreeze: nodes.every((node) => node.canFreeze),
    start: async () => {
      await Promise.all([...down].map(startOne))
    },
    kill: async () => {
      const node = frozen ?? up()
      frozen = null
      if (node === null) return
      down.add(node)
      await node.kill()
    },
    freeze: async (asked) => {
      frozen = up()
      await frozen?.freeze(asked)
    },
    thaw: () => {
      frozen?.thaw()
      frozen = null
    },
    part: (from) => up()?.part?.(from) ?? (() => {}),
    stop: async () => {
      for (const node of nodes) await node.stop()
    },
    abandon: () => nodes.forEach((node) => node.abandon()),
    onDeath: (heard) => {
      for (const node of nodes) {
        node.onDeath((how) => {
          down.add(node)
          heard(how)
        })
      }
    },
  }
}
