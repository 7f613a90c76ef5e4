// Where clients come in: the addresses of `bind`, and the Unix socket.

import type { Settings } from '../config/settings.ts';
import { log } from '../core/log.ts';
import type { Addon } from '../engine/addon.ts';
import type { NewConnection } from './connection.ts';

/** Nothing listens: the process ends with status 1. */
export class ListenError extends Error {}

const PROTECTED =
  '-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. ' +
  'In this mode connections are only accepted from the loopback interface. ' +
  "If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, " +
  'however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. ' +
  "2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. " +
  "3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. " +
  'NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n';

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
      if (!isUnix && this.#isProtected() && !isLoopback(address)) {
        this.#addon.refuse(fd, PROTECTED);
        return;
      }
      this.#onConnection({ fd, address, localAddress, isUnix });
    });
    this.#ids.push(id);
  }

  #isProtected(): boolean {
    const settings = this.#settings;
    return settings.isOn('protected-mode') && settings.password === '' && !settings.isGiven('bind');
  }
}

function isLoopback(address: string): boolean {
  return /^(127\.|\[?::1\]?:|\[?::ffff:127\.)/.test(address);
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
