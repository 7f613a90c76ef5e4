// Where clients come in: the addresses of `bind`, and the Unix socket.

import type { Settings } from '../config/settings.ts';
import { log } from '../core/log.ts';
import type { Addon } from '../engine/addon.ts';
import type { NewConnection } from './connection.ts';

/** Nothing listens: the process ends with status 1. */
export class ListenError extends Error {}

export class Listeners {
  readonly #addon: Addon;
  readonly #settings: Settings;
  readonly #onConnection: (connection: NewConnection) => void;
  readonly #ids: number[] = [];

  constructor(addon: Addon, settings: Settings, onConnection: (connection: NewConnection) => void) {
    this.#addon = addon;
    this.#settings = settings;
    this.#onConnection = onConnection;
  }

  /** @returns What listens, in the words of the log: `tcp`, `unix`. @throws {ListenError} */
  open(): string[] {
    const kinds: string[] = [];
    const { port, unixSocket } = this.#settings;
    if (port !== 0) {
      this.#openTcp(port);
      kinds.push('tcp');
    }
    if (unixSocket !== '') {
      this.#openUnix(unixSocket);
      kinds.push('unix');
    }
    if (kinds.length === 0) {
      throw new ListenError('Configured to not listen anywhere, exiting.');
    }
    return kinds;
  }

  close(): void {
    for (const id of this.#ids.splice(0)) this.#addon.closeListener(id);
  }

  #openTcp(port: number): void {
    let openCount = 0;
    for (const word of this.#settings.bind) {
      // A leading `-`: this address may be missing on this machine.
      const isOptional = word.startsWith('-');
      const host = (isOptional ? word.slice(1) : word).replace('::*', '::');
      try {
        this.#listen({ host, port, backlog: this.#settings.tcpBacklog });
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
        throw new ListenError(`Failed listening on port ${port} (tcp), aborting.`);
      }
    }
    if (openCount === 0) throw new ListenError(`Failed listening on port ${port} (tcp), aborting.`);
  }

  #openUnix(path: string): void {
    const mode = this.#settings.unixSocketMode;
    try {
      this.#listen({
        path,
        backlog: this.#settings.tcpBacklog,
        ...(mode === 0 ? {} : { mode }),
      });
    } catch (error) {
      log.warning(`Failed opening Unix socket: bind: ${reasonOf(error)}`);
      throw new ListenError(`Failed listening on ${path} (unix), aborting.`);
    }
  }

  #listen(address: Parameters<Addon['listen']>[0]): void {
    const id = this.#addon.listen(address, (fd, address, localAddress, isUnix) => {
      if (fd < 0) {
        log.warning(`Error accepting a client connection: errno ${-fd}`);
        return;
      }
      this.#onConnection({ fd, address, localAddress, isUnix });
    });
    this.#ids.push(id);
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
