// CONFIG SET on the main thread: what of it can fail, before any other thread takes it.

import { randomBytes } from 'node:crypto';
import { Settings } from '../config/settings.ts';
import { type ReplyError, replyErrors } from '../core/errors.ts';
import { isLogLevel, log, setLogLevel } from '../core/log.ts';
import { possibleClientsMax } from '../core/open-files.ts';
import { systemReason } from '../core/system-error.ts';
import { ListenError } from './listener.ts';
import type { Pairs } from './messages.ts';
import type { OomScore } from './oom-score.ts';
import { setTitle } from './process-title.ts';
import { readTlsSetup, type TlsSetup, TlsSetupError } from './tls-setup.ts';

const TICKET_KEY_BYTES = 48;
/** Settings that say where clients come in. */
const doorNames = new Set(['port', 'bind', 'tls-port']);

export class SettingChanges {
  readonly #settings: Settings;
  /** Of the tickets with which clients go on with a TLS session. */
  readonly #ticketKeys = randomBytes(TICKET_KEY_BYTES).toString('hex');
  readonly #oomScore: OomScore;
  /** Of the change that is carried out. */
  tls: TlsSetup | undefined;

  constructor(settings: Settings, oomScore: OomScore) {
    this.#settings = settings;
    this.#oomScore = oomScore;
  }

  /** @throws {ListenError} */
  firstTls(): TlsSetup | undefined {
    if (this.#settings.tlsPort === 0) return undefined;
    try {
      return readTlsSetup(this.#settings, this.#ticketKeys);
    } catch (error) {
      if (!(error instanceof TlsSetupError)) throw error;
      throw new ListenError(`Failed to configure TLS: ${error.message}`);
    }
  }

  /**
   * Checks them and takes them, or what was before stays. What follows from them on the threads, and of
   * limits, is the caller's.
   * @param reopen Listens where the settings say; whether it can.
   */
  carryOut(pairs: Pairs, reopen: (next: Settings) => boolean): ReplyError | undefined {
    // AI.CONFIG's settings are not CONFIG's, and some are for clients of this machine alone; which
    // of them a client may name, its command knows.
    const error = this.#settings.check(pairs, { allowInternal: true, allowProtected: true });
    if (error !== undefined) return error;
    const folder = process.cwd();
    const next = new Settings(this.#settings.snapshot());
    next.set(pairs);
    const failure =
      clientsFailure(pairs) ??
      this.#changeFolder(pairs) ??
      this.#changeOomScore(pairs, next) ??
      this.#changeDoors(pairs, next, reopen);
    if (failure !== undefined) {
      process.chdir(folder);
      if (oomName(pairs) !== undefined) this.#oomScore.apply(this.#settings);
      return failure;
    }
    this.#settings.set(pairs);
    if (pairs.some(([name]) => name.toLowerCase() === 'proc-title-template'))
      setTitle(this.#settings);
    const level = this.#settings.text('loglevel');
    if (isLogLevel(level)) setLogLevel(level);
    return undefined;
  }

  /** Threads share it. @returns Why it has not changed. */
  #changeFolder(pairs: Pairs): ReplyError | undefined {
    const folder = pairs.findLast(([name]) => name.toLowerCase() === 'dir')?.[1];
    try {
      if (folder !== undefined) process.chdir(folder);
      return undefined;
    } catch (cause) {
      return replyErrors.configSetFailed('dir', systemReason(cause));
    }
  }

  /** How readily the kernel ends the process. @returns Why that has not changed. */
  #changeOomScore(pairs: Pairs, next: Settings): ReplyError | undefined {
    const name = oomName(pairs);
    if (name === undefined || this.#oomScore.apply(next)) return undefined;
    const reason = 'Failed to set current oom_score_adj. Check server logs.';
    return replyErrors.configSetFailed(name, reason);
  }

  /** Where clients come in, and by which certificates. @returns Why nothing of it has changed. */
  #changeDoors(
    pairs: Pairs,
    next: Settings,
    reopen: (next: Settings) => boolean,
  ): ReplyError | undefined {
    this.tls = undefined;
    const tlsName = pairs.find(([name]) => name.toLowerCase().startsWith('tls-'))?.[0];
    try {
      if (tlsName !== undefined && next.tlsPort !== 0)
        this.tls = readTlsSetup(next, this.#ticketKeys);
    } catch (error) {
      if (!(error instanceof TlsSetupError)) throw error;
      log.warning(`Failed to configure TLS: ${error.message}`);
      const reason = 'Unable to update TLS configuration. Check server logs.';
      return replyErrors.configSetFailed(tlsName ?? '', reason);
    }
    const doorName = pairs.find(([name]) => doorNames.has(name.toLowerCase()))?.[0];
    if (doorName === undefined || reopen(next)) return undefined;
    const reason =
      doorName.toLowerCase() === 'bind'
        ? 'Failed to bind to specified addresses.'
        : 'Unable to listen on this port. Check server logs.';
    return replyErrors.configSetFailed(doorName, reason);
  }
}

function oomName(pairs: Pairs): string | undefined {
  return pairs.find(([name]) => name.toLowerCase().startsWith('oom-score-adj'))?.[0];
}

/** Clients need open files. */
function clientsFailure(pairs: Pairs): ReplyError | undefined {
  const pair = pairs.find(([name]) => name.toLowerCase() === 'maxclients');
  if (pair === undefined || Number(pair[1]) <= possibleClientsMax()) return undefined;
  const most = possibleClientsMax();
  const reason = `The operating system is not able to handle the specified number of clients, try with ${most}`;
  return replyErrors.configSetFailed(pair[0], reason);
}
