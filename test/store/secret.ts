// Secrets that all nodes share.
import t from 'tap'
import { secret } from '../../lib/store/secret.js'
import { testDatabase } from '../helpers/database.js'

t.test('a secret is 32 bytes, the same for all who ask first at once and ever after, and another for another name', async (t) => {
  const db = await testDatabase(t)
  const [first, ...others] = await Promise.all(Array.from({ length: 8 }, () => secret(db, 'decoy')))
  t.equal(first?.length, 32)
  for (const other of [...others, await secret(db, 'decoy')]) t.strictSame(other, first)
  t.notSame(await secret(db, 'other'), first)
})
