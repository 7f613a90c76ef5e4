// What the tls- settings say, read from their files: the main thread reads and tries them, and tells
// the I/O threads.

import { constants } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createSecureContext,
  DEFAULT_CIPHERS,
  type SecureVersion,
  type TlsOptions,
} from 'node:tls';
import type { Settings } from '../config/settings.ts';
import { systemReason } from '../core/system-error.ts';

/** As it crosses threads: texts and numbers only. Certificates and keys are PEM. */
export interface TlsSetup {
  readonly certificate: string;
  readonly key: string;
  readonly passphrase: string;
  readonly authorities: readonly string[];
  readonly dhParameters: string;
  /** Clients are asked for a certificate. */
  readonly asksClients: boolean;
  /** They may come without one. */
  readonly isOptional: boolean;
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
  /** Empty: as OpenSSL has them. */
  readonly ciphers: string;
  readonly prefersOwnCiphers: boolean;
  /** Bits of OpenSSL's SSL_OP_. */
  readonly switches: number;
  readonly sessionSeconds: number;
  /** In hexadecimal digits: the same on all threads, so that a session goes on on any of them. */
  readonly ticketKeys: string;
}

/** The settings name what cannot be used. */
export class TlsSetupError extends Error {}

const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
/** Those between the first and the last that are used, to be left out. */
const switchesOff: Readonly<Record<(typeof versions)[number], number>> = {
  TLSv1: constants.SSL_OP_NO_TLSv1,
  'TLSv1.1': constants.SSL_OP_NO_TLSv1_1,
  'TLSv1.2': constants.SSL_OP_NO_TLSv1_2,
  'TLSv1.3': constants.SSL_OP_NO_TLSv1_3,
};

/** @param ticketKeys 48 bytes in hexadecimal digits. @throws {TlsSetupError} */
export function readTlsSetup(settings: Settings, ticketKeys: string): TlsSetup {
  const certificateFile = settings.text('tls-cert-file');
  if (certificateFile === '') throw new TlsSetupError('No tls-cert-file configured!');
  const authorities = readAuthorities(settings);
  const asks = settings.text('tls-auth-clients');
  if (asks !== 'no' && authorities.length === 0) {
    throw new TlsSetupError(
      'Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-auth-clients is not no',
    );
  }
  const setup: TlsSetup = {
    certificate: readPem('tls-cert-file', certificateFile),
    key: readPem('tls-key-file', settings.text('tls-key-file') || certificateFile),
    passphrase: settings.text('tls-key-file-pass'),
    authorities,
    dhParameters: readPem('tls-dh-params-file', settings.text('tls-dh-params-file')),
    asksClients: asks !== 'no',
    isOptional: asks === 'optional',
    ...readVersions(settings),
    ciphers: readCiphers(settings),
    prefersOwnCiphers: settings.isOn('tls-prefer-server-ciphers'),
    sessionSeconds: settings.number('tls-session-cache-timeout'),
    ticketKeys,
  };
  try {
    createSecureContext(tlsOptions(setup));
  } catch (error) {
    throw new TlsSetupError(error instanceof Error ? error.message : String(error));
  }
  return setup;
}

/** As Node takes it. */
export function tlsOptions(setup: TlsSetup): TlsOptions {
  return {
    cert: setup.certificate,
    key: setup.key,
    ...(setup.passphrase !== '' && { passphrase: setup.passphrase }),
    ...(setup.authorities.length > 0 && { ca: [...setup.authorities] }),
    ...(setup.dhParameters !== '' && { dhparam: setup.dhParameters }),
    requestCert: setup.asksClients,
    rejectUnauthorized: setup.asksClients && !setup.isOptional,
    minVersion: setup.minVersion,
    maxVersion: setup.maxVersion,
    ...(setup.ciphers !== '' && { ciphers: setup.ciphers }),
    honorCipherOrder: setup.prefersOwnCiphers,
    secureOptions: setup.switches,
    ...(setup.sessionSeconds > 0 && { sessionTimeout: setup.sessionSeconds }),
    ticketKeys: Buffer.from(setup.ticketKeys, 'hex'),
  };
}

/** @returns Nothing if `path` is empty. @throws {TlsSetupError} */
function readPem(setting: string, path: string): string {
  if (path === '') return '';
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    throw new TlsSetupError(`Failed to load ${setting} '${path}': ${systemReason(error)}`);
  }
}

function readAuthorities(settings: Settings): string[] {
  const file = readPem('tls-ca-cert-file', settings.text('tls-ca-cert-file'));
  const folder = settings.text('tls-ca-cert-dir');
  const authorities = file === '' ? [] : [file];
  if (folder === '') return authorities;
  try {
    // Beside certificates there may be lists of revoked ones and what else people put there.
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) continue;
      const text = readFileSync(join(folder, entry.name), 'latin1');
      if (text.includes('-----BEGIN CERTIFICATE-----')) authorities.push(text);
    }
  } catch (error) {
    throw new TlsSetupError(`Failed to load tls-ca-cert-dir '${folder}': ${systemReason(error)}`);
  }
  return authorities;
}

function readVersions(
  settings: Settings,
): Pick<TlsSetup, 'minVersion' | 'maxVersion' | 'switches'> {
  const words = settings.text('tls-protocols').split(' ').filter(Boolean);
  const named = words.map((word) =>
    versions.findIndex((v) => v.toLowerCase() === word.toLowerCase()),
  );
  if (named.includes(-1)) {
    throw new TlsSetupError(
      "Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'.",
    );
  }
  const used = named.length === 0 ? [2, 3] : named;
  const first = Math.min(...used);
  const last = Math.max(...used);
  let switches = settings.isOn('tls-session-caching') ? 0 : constants.SSL_OP_NO_TICKET;
  for (let i = first + 1; i < last; i++) {
    if (!used.includes(i)) switches |= switchesOff[versions[i] ?? 'TLSv1'];
  }
  return {
    minVersion: versions[first] ?? 'TLSv1.2',
    maxVersion: versions[last] ?? 'TLSv1.3',
    switches,
  };
}

/** Those of TLS 1.3 have settings and names of their own, and share one list here. */
function readCiphers(settings: Settings): string {
  const older = settings.text('tls-ciphers');
  const suites = settings.text('tls-ciphersuites');
  if (older === '' && suites === '') return '';
  const defaults = DEFAULT_CIPHERS.split(':');
  const of13 = (name: string) => name.startsWith('TLS_');
  return [
    suites || defaults.filter(of13).join(':'),
    older || defaults.filter((name) => !of13(name)).join(':'),
  ].join(':');
}
