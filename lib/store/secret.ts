// Secrets that all nodes share, made at first use.
import { randomBytes } from 'node:crypto'
import type { Db } from '../core/ports.js'

/** 32 random bytes under this name, the same for ever. */
export const secret = async (db: Db, name: string): Promise<Buffer> => {
  await db.query('insert into secret (name, value) values ($1, $2) on conflict do nothing', [name, randomBytes(32).toString('base64')])
  const [row] = await db.query<{ value: string }>('select value from secret where name = $1', [name])
  return Buffer.from((row as { value: string }).value, 'base64')
}
