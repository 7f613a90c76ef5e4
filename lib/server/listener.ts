// Where clients come in: the addresses of `bind`, and the Unix socket.

import { Settings } from '../config/settings.ts';
import { log } from '../core/log.ts';
import type { Addon } from '../engine/addon.ts';
import type { NewConnection } from './connection.ts';

/** Nothing listens: the process ends with status 1. */
export class ListenError extends Error {}

/** A name that nobody knows an address of. */
const NAME_UNKNOWN = 'EHOSTUNREACH';
/** This machine has not such addresses. */
const unsupported = new Set([
  'EAFNOSUPPORT',
  'EPROTONOSUPPORT',
  'ESOCKTNOSUPPORT',
  'EPFNOSUPPORT',
  'ENOPROTOOPT',
]);

export class Listeners {
  readonly #addon: Addon;
  readonly #onConnection: (connection: NewConnection) => void;
  /** Of TCP. */
  #ports: number[] = [];
  #socket: number | undefined;
  #opened: Settings | undefined;

  constructor(addon: Addon, onConnection: (connection: NewConnection) => void) {
    this.#addon = addon;
    this.#onConnection = onConnection;
  }

  /** @returns What listens, in the words of the log: `tcp`, `tls`, `unix`. @throws {ListenError} */
  open(settings: Settings): string[] {
    const kinds = this.#openPorts(settings);
    if (settings.unixSocket !== '') {
      this.#openUnix(settings);
      kinds.push('unix');
    }
    if (kinds.length === 0) {
      throw new ListenError('Configured to not listen anywhere, exiting.');
    }
    this.#opened = new Settings(settings.snapshot());
    return kinds;
  }

  /** Listens where `settings` say now, or goes on where it was. @returns Whether it could. */
  reopen(settings: Settings): boolean {
    const before = this.#opened;
    this.#closePorts();
    try {
      this.#openPorts(settings);
      this.#opened = new Settings(settings.snapshot());
      return true;
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      log.warning(error.message);
      this.#closePorts();
      if (before !== undefined) this.#openPorts(before);
      return false;
    }
  }

  close(): void {
    this.#closePorts();
    if (this.#socket !== undefined) this.#addon.closeListener(this.#socket);
    this.#socket = undefined;
  }

  #closePorts(): void {
    for (const id of this.#ports.splice(0)) this.#addon.closeListener(id);
  }

  #openPorts(settings: Settings): string[] {
    const kinds: string[] = [];
    // `bind ""`: clients come by the Unix socket alone.
    if (settings.bind.length === 0) return kinds;
    const { port, tlsPort } = settings;
    if (port !== 0 && this.#openTcp(settings, port, false)) kinds.push('tcp');
    if (tlsPort !== 0 && this.#openTcp(settings, tlsPort, true)) kinds.push('tls');
    return kinds;
  }

  /** @returns Whether there is an address to listen at. @throws {ListenError} */
  #openTcp(settings: Settings, port: number, isTls: boolean): boolean {
    const kind = isTls ? 'tls' : 'tcp';
    let openCount = 0;
    for (const word of settings.bind) {
      // A leading `-`: this address may be missing on this machine.
      const isOptional = word.startsWith('-');
      const host = (isOptional ? word.slice(1) : word).replace('::*', '::');
      try {
        this.#ports.push(this.#listen({ host, port, backlog: settings.tcpBacklog }, isTls));
        openCount++;
      } catch (error) {
        const code = codeOf(error);
        // Both families at once: the listener of all IPv6 addresses may have taken IPv4's too.
        if (isOptional && code === 'EADDRINUSE' && openCount > 0) continue;
        const reason = code === NAME_UNKNOWN ? reasonOf(error) : `bind: ${reasonOf(error)}`;
        log.warning(
          `Warning: Could not create server TCP listening socket ${host}:${port}: ${reason}`,
        );
        if (unsupported.has(code) || (isOptional && code === 'EADDRNOTAVAIL')) continue;
        throw new ListenError(`Failed listening on port ${port} (${kind}), aborting.`);
      }
    }
    return openCount > 0;
  }

  #openUnix({ unixSocket: path, unixSocketMode: mode, tcpBacklog: backlog }: Settings): void {
    try {
      this.#socket = this.#listen({ path, backlog, ...(mode === 0 ? {} : { mode }) }, false);
    } catch (error) {
      throw new ListenError(`Failed opening Unix socket: bind: ${reasonOf(error)}`);
    }
  }

  /** @returns Its id. */
  #listen(address: Parameters<Addon['listen']>[0], isTls: boolean): number {
    return this.#addon.listen(address, (fd, address, localAddress, isUnix) => {
      if (fd < 0) {
        log.warning(`Error accepting a client connection: errno ${-fd}`);
        return;
      }
      this.#onConnection({ fd, address, localAddress, isUnix, isTls });
    });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** As the system words it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'reason' in error ? String(error.reason) : error.message;
}
