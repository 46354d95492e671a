// What both kinds of Postgres are to the rest of the server.
import type { Db } from '../core/ports.js'

export interface Database extends Db {
  readonly kind: 'postgres' | 'embedded'
  close(): Promise<void>
}
