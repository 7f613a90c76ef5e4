// Certificates of a test's own, made by the openssl program.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  /** Files, PEM. */
  readonly cert: string;
  readonly key: string;
}

/** An authority, and what it has signed. All for 127.0.0.1 and localhost, and a day. */
export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), 'tutti-certificates-'));
  readonly cert = join(this.folder, 'ca.crt');
  readonly #key = join(this.folder, 'ca.key');

  constructor(name: string) {
    openssl(
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', `/CN=${name}`],
      ...['-keyout', this.#key, '-out', this.cert],
    );
  }

  /** @param passphrase Of the key. */
  sign(name: string, passphrase = ''): Certificate {
    const file = (ending: string) => join(this.folder, `${name}.${ending}`);
    const lock = passphrase === '' ? ['-nodes'] : ['-passout', `pass:${passphrase}`];
    writeFileSync(file('ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
    openssl(
      ...['req', '-newkey', 'rsa:2048', ...lock, '-subj', `/CN=${name}`],
      ...['-keyout', file('key'), '-out', file('csr')],
    );
    openssl(
      ...['x509', '-req', '-in', file('csr'), '-CA', this.cert, '-CAkey', this.#key, '-days', '1'],
      ...['-CAcreateserial', '-out', file('crt'), '-extfile', file('ext')],
    );
    return { cert: file('crt'), key: file('key') };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** What `node:tls` takes of them. */
export function tlsOptionsOf(authority: Authority, own?: Certificate) {
  return {
    ca: readFileSync(authority.cert, 'utf8'),
    ...(own && { cert: readFileSync(own.cert, 'utf8'), key: readFileSync(own.key, 'utf8') }),
  };
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'ignore'] });
}
