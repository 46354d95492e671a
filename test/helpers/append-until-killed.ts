// A process of its own that owns a data folder (argument 1) as `start` does, stores messages and makes accounts one after
// another, and prints the name of each (argument 2 before its number) once it is promised to be kept. Until it is killed.
// Its first line is 'opening'.
import { controlServer } from '../../lib/cli/control.js'
import { addAccounts } from '../../lib/store/accounts.js'
import { openDatabase } from '../../lib/store/db.js'
import { applySchema } from '../../lib/store/schema.js'
import type { Credential } from '../../lib/wire/scram-keys.js'
import { logAppender } from './appender.js'

const [data = '', round = ''] = process.argv.slice(2)
const JULIET = 'juliet@capulet.example'
const BYTES = Buffer.alloc(32, round)
const KEYS: Credential[] = (['SCRAM-SHA-1', 'SCRAM-SHA-256'] as const).map((mechanism) =>
  ({ mechanism, iterations: 4096, salt: BYTES, storedKey: BYTES, serverKey: BYTES }))

const work = async (): Promise<never> => {
  process.stdout.write('opening\n')
  const db = await openDatabase({ url: null, data, connections: 1 })
  await applySchema(db)
  await addAccounts(db, [{ account: JULIET, credentials: KEYS }])
  const log = await logAppender(db)
  for (let n = 0; ; n++) {
    if (n % 5 === 4) {
      const account = `${round}-${n}@capulet.example`
      const [made] = await addAccounts(db, [{ account, credentials: KEYS }])
      process.stdout.write(made === true ? `account ${account}\n` : `there already: ${account}\n`)
    } else {
      const [outcome] = await log.append([{ account: JULIET, sender: 'romeo@montague.example', xml: `${round}-${n}` }])
      process.stdout.write(outcome !== null ? `message ${round}-${n}\n` : `refused: ${round}-${n}\n`)
    }
  }
}

try {
  await controlServer({ data, handlers: {} })
  await work()
} catch (error) {
  process.stdout.write(`refused: ${(error as Error).message}\n`)
  process.exit(1)
}
