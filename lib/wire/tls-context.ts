// Certificates: the operator's, or at first start a development CA with a certificate for the domains served. TLS 1.2 is
// the least (RFC 7590, RFC 9325 §3.1.1).
import { X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { TlsOptions } from 'node:tls'
import { domainToASCII } from 'node:url'
import { UsageError } from '../base/errors.js'

/** Paths of PEM files. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  /** The development CA that signed the certificate; null where it is the operator's. */
  readonly ca: string | null
}

export interface TlsMaterial {
  readonly cert: string
  readonly key: string
}

const DAY = 86_400_000
/** A development certificate with fewer days left is made anew. */
const DAYS_LEFT = 30
const CA_DAYS = 3650
const SERVER_DAYS = 397 // some TLS libraries take no longer ones

export const tlsOptions = ({ cert, key }: TlsMaterial): TlsOptions => ({
  cert, key,
  minVersion: 'TLSv1.2',
  // forward secrecy and AEAD only (RFC 9325 §4.2)
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20',
  honorCipherOrder: true,
})

const read = async (file: string, what: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageError(`${what} ${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

/** Read certificate and key, and see that they can be used. Throws UsageError that names the file. */
export const loadTls = async (files: Pick<TlsFiles, 'cert' | 'key'>): Promise<TlsMaterial> => {
  const material = { cert: await read(files.cert, 'the certificate'), key: await read(files.key, 'the key') }
  let certificate
  try {
    certificate = new X509Certificate(material.cert)
  } catch (error) {
    throw new UsageError(`${files.cert} holds no certificate in PEM form`, { cause: error })
  }
  try {
    createSecureContext(tlsOptions(material))
  } catch (error) {
    throw new UsageError(`the key in ${files.key} does not fit the certificate in ${files.cert}, or is no PEM key without a password (${(error as Error).message})`, { cause: error })
  }
  if (Date.parse(certificate.validTo) < Date.now()) {
    throw new UsageError(`the certificate in ${files.cert} expired on ${certificate.validTo}: put a new one there`)
  }
  return material
}

export interface CertificateInfo {
  /** DNS names and addresses that it is for. */
  readonly names: readonly string[]
  readonly expires: Date
}

/** For `doctor`: of the first certificate in a chain. */
export const certificateInfo = (pem: string): CertificateInfo => {
  const certificate = new X509Certificate(pem)
  const names = (certificate.subjectAltName ?? '').split(', ').map((name) => name.replace(/^(DNS|IP Address):/, '')).filter((name) => name !== '')
  return { names, expires: new Date(certificate.validTo) }
}

/** Where the development certificate is, or will be. */
export const developmentFiles = (folder: string): TlsFiles & { ca: string } =>
  ({ cert: join(folder, 'server.crt'), key: join(folder, 'server.key'), ca: join(folder, 'ca.crt') })

/** Every name a client may ask a server of these domains for. */
const namesOf = (domains: readonly string[]): { type: 2 | 7; value?: string; ip?: string }[] => [
  ...domains.map(domainToASCII).flatMap((d) => [d, `conference.${d}`, `upload.${d}`]).map((value) => ({ type: 2 as const, value })),
  ...(domains.includes('localhost') ? ['127.0.0.1', '::1'].map((ip) => ({ type: 7 as const, ip })) : []),
]

/** Written whole or not at all; keys only for their owner. */
const write = async (file: string, pem: string, mode: number): Promise<void> => {
  await writeFile(`${file}.new`, pem, { mode })
  await rename(`${file}.new`, file)
}

const isCurrent = async (files: TlsFiles, domains: readonly string[]): Promise<boolean> => {
  try {
    await loadTls(files)
    const { names, expires } = certificateInfo(await readFile(files.cert, 'utf8'))
    return domains.every((d) => names.includes(domainToASCII(d))) && expires.getTime() - Date.now() > DAYS_LEFT * DAY
  } catch {
    return false
  }
}

/** Loaded where a certificate is made, not at every start: it takes a fifth of a second. */
const selfsigned = () => import('selfsigned')

/** The development CA: made once, so that whoever trusts it goes on to. */
const authority = async (folder: string): Promise<{ cert: string; key: string }> => {
  const files = { cert: join(folder, 'ca.crt'), key: join(folder, 'ca.key') }
  try {
    const found = await loadTls(files)
    if (certificateInfo(found.cert).expires.getTime() - Date.now() > (SERVER_DAYS + DAYS_LEFT) * DAY) return found
  } catch {
    // none yet, or no longer good
  }
  const made = await (await selfsigned()).generate([{ name: 'commonName', value: 'jidway development CA' }], {
    keyType: 'ec', curve: 'P-256', algorithm: 'sha256', notAfterDate: new Date(Date.now() + CA_DAYS * DAY),
    extensions: [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true }],
  })
  await write(files.key, made.private, 0o600)
  await write(files.cert, made.cert, 0o644)
  return { cert: made.cert, key: made.private }
}

/** A certificate for these domains, signed by a development CA; made where it is missing, ends soon or lacks a domain. */
export const developmentCertificate = async (folder: string, domains: readonly string[]): Promise<TlsFiles> => {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const files = developmentFiles(folder)
  if (await isCurrent(files, domains)) return files
  const ca = await authority(folder)
  const made = await (await selfsigned()).generate([{ name: 'commonName', value: domains[0] as string }], {
    keyType: 'ec', curve: 'P-256', algorithm: 'sha256', notAfterDate: new Date(Date.now() + SERVER_DAYS * DAY), ca,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: namesOf(domains) },
    ],
  })
  await write(files.key, made.private, 0o600)
  await write(files.cert, `${made.cert.trimEnd()}\n${ca.cert}`, 0o644)
  return files
}
