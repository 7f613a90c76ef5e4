// Where clients come in: the addresses of `bind`, and the Unix socket.

import { Settings } from '../config/settings.ts';
import { log } from '../core/log.ts';
import type { Addon } from '../engine/addon.ts';
import type { NewConnection } from './connection.ts';

/** Nothing listens: the process ends with status 1. */
export class ListenError extends Error {}

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
    if (settings.port !== 0) {
      this.#openTcp(settings, settings.port, false);
      kinds.push('tcp');
    }
    if (settings.tlsPort !== 0) {
      this.#openTcp(settings, settings.tlsPort, true);
      kinds.push('tls');
    }
    return kinds;
  }

  #openTcp(settings: Settings, port: number, isTls: boolean): void {
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
        const isUnavailable = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT'].includes(code);
        if (isOptional && isUnavailable) continue;
        // Both families at once: the listener of all IPv6 addresses may have taken IPv4's too.
        if (isOptional && code === 'EADDRINUSE' && openCount > 0) continue;
        log.warning(
          `Warning: Could not create server TCP listening socket ${host}:${port}: bind: ${reasonOf(error)}`,
        );
        throw new ListenError(`Failed listening on port ${port} (${kind}), aborting.`);
      }
    }
    if (openCount === 0)
      throw new ListenError(`Failed listening on port ${port} (${kind}), aborting.`);
  }

  #openUnix({ unixSocket: path, unixSocketMode: mode, tcpBacklog: backlog }: Settings): void {
    try {
      this.#socket = this.#listen({ path, backlog, ...(mode === 0 ? {} : { mode }) }, false);
    } catch (error) {
      log.warning(`Failed opening Unix socket: bind: ${reasonOf(error)}`);
      throw new ListenError(`Failed listening on ${path} (unix), aborting.`);
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

function reasonOf(error: unknown): string {
  const reasons: Record<string, string> = {
    EADDRINUSE: 'Address already in use',
    EACCES: 'Permission denied',
    EADDRNOTAVAIL: 'Cannot assign requested address',
  };
  return reasons[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
}
