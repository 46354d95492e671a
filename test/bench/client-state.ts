// What holding back saves an inactive client (XEP-0352): what recorded servers sent to each client, played through the
// hold. The recordings are of busy minutes; the second table leaves out answers to requests, which an idle phone does
// not make, and is nearer to one in a pocket. Bytes include what is held until the end.
//   node dist/test/bench/client-state.js
import { playInactive } from '../helpers/inactive.js'
import { clients } from '../helpers/traces.js'

const LIMITS = { stanzas: 1000, bytes: 262_144 }

const pair = (before: number, after: number): string =>
  `${String(before).padStart(8)} ${String(after).padStart(8)} ${`-${(100 * (before - after) / Math.max(before, 1)).toFixed(0)} %`.padStart(6)}`

for (const answers of [true, false]) {
  console.log(`${(answers ? 'all stanzas' : 'not asked for').padEnd(13)}   bytes inactive         wake-ups inactive`)
  for (const client of clients()) {
    const { active, inactive } = playInactive(client, answers, LIMITS)
    console.log(`${client.padEnd(11)} ${pair(active.bytes, inactive.bytes)}   ${pair(active.wakeUps, inactive.wakeUps)}`)
  }
}
