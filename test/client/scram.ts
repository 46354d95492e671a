// The client's SCRAM against the example of the RFC, and that it derives a password once.
import t from 'tap'
import { scram } from '../../lib/client/scram.js'
import type { Secret } from '../../lib/client/scram.js'

const NONCE = 'rOprNGfwEbeRWgbNEkqO'
const FULL = `${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0`
const CHALLENGE = `r=${FULL},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`

t.test('the example of RFC 7677 §3', async (t) => {
  const exchange = scram({ local: 'user', password: 'pencil' }, NONCE)
  t.equal(exchange.first, `n,,n=user,r=${NONCE}`)
  t.equal(exchange.final(CHALLENGE), `c=biws,r=${FULL},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`)
  t.ok(exchange.proves('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='))
  t.notOk(exchange.proves('v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='))
  t.notOk(exchange.proves(''), 'a server that says nothing has proved nothing')
})

t.test('keys are kept, and made anew where the server names another salt', async (t) => {
  const secret: Secret = { local: 'user', password: 'pencil' }
  scram(secret, NONCE).final(CHALLENGE)
  const { keys } = secret
  scram(secret, NONCE).final(CHALLENGE)
  t.equal(secret.keys, keys)
  scram(secret, NONCE).final(CHALLENGE.replace('W22', 'X22'))
  t.not(secret.keys, keys)
})

t.test('a server that does not take up the nonce gets no proof', async (t) => {
  t.equal(scram({ local: 'user', password: 'pencil' }, 'another').final(CHALLENGE), null)
  t.equal(scram({ local: 'user', password: 'pencil' }, FULL).final(CHALLENGE), null, 'nor one that adds nothing to it')
})
