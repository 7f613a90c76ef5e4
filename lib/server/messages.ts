// What the main thread and the I/O threads say to each other, beside the native mailboxes.

import type { AclChange, InitialUsers, UserLine } from '../auth/acl.ts';
import type { ReloadOptions } from '../commands/command.ts';
import type { SettingsSnapshot } from '../config/settings.ts';
import type { SharedStatistics } from './command-statistics.ts';
import type { NewConnection } from './connection.ts';
import type { TlsSetup } from './tls-setup.ts';

export type Pairs = readonly (readonly [string, string])[];

/** An error as it crosses threads: structured cloning keeps no classes. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
}

/** What came of a change. */
export interface Outcome {
  readonly error: PlainError | undefined;
  /** How many users were deleted. */
  readonly count: number;
  /** Those that there are, if they were asked for. */
  readonly users?: readonly UserLine[];
}

export const done: Outcome = { error: undefined, count: 0 };

export type ToThread =
  | ({ readonly type: 'connection' } & NewConnection)
  /** Apply these pairs, which have been checked, and say so. */
  | {
      readonly type: 'settings';
      readonly id: number;
      readonly pairs: Pairs;
      /** What new connections are met with, if that has changed. */
      readonly tls: TlsSetup | undefined;
    }
  /** Change the users so, and say what came of it: the same on every thread. */
  | { readonly type: 'users'; readonly id: number; readonly change: AclChange }
  /** Say which users there are. */
  | { readonly type: 'users-tell' }
  /** The end of this thread's own change of settings or users, or of its `config-rewrite`. */
  | { readonly type: 'change-done'; readonly id: number; readonly outcome: Outcome }
  /** From now on this is so. */
  | { readonly type: 'data'; readonly state: DataState }
  /** Say `held`, and carry out nothing until `SharedCounters.hold` says how to go on. */
  | { readonly type: 'hold' }
  | { readonly type: 'stop' };

export type ToMain =
  | { readonly type: 'ready' }
  | { readonly type: 'config-set'; readonly id: number; readonly pairs: Pairs }
  /** @param users Lines of the file about them. */
  | { readonly type: 'config-rewrite'; readonly id: number; readonly users: readonly string[] }
  | { readonly type: 'users-change'; readonly id: number; readonly change: AclChange }
  /** Which users are there now? Changes that come later follow the answer. */
  | { readonly type: 'users-ask'; readonly id: number }
  /** A `settings`, `users` or `users-tell` has been carried out. */
  | { readonly type: 'change-taken'; readonly outcome: Outcome }
  /** @param isFlushed Everything has been deleted: only if there are save points. */
  | { readonly type: 'save'; readonly id: number; readonly isFlushed: boolean }
  /** Its outcome counts 1 if it was only scheduled. */
  | { readonly type: 'bgsave'; readonly id: number; readonly isScheduled: boolean }
  | { readonly type: 'bgrewriteaof'; readonly id: number }
  | { readonly type: 'reload'; readonly id: number; readonly options: ReloadOptions }
  | { readonly type: 'reload-journal'; readonly id: number }
  | ({ readonly type: 'shutdown'; readonly id: number } & ShutdownOptions)
  | { readonly type: 'held' }
  | { readonly type: 'stopped' };

/** What all threads go by that has to do with the files. */
export interface DataState {
  /** The file is being loaded: most commands are refused. */
  readonly isLoading: boolean;
  /** The data could not be saved: commands that change them are refused. */
  readonly refusesWrites: boolean;
  /** Why the append-only file cannot be written, and so nothing may be changed; empty: it can. */
  readonly journalError: string;
}

export interface ShutdownOptions {
  readonly save: 'default' | 'save' | 'nosave';
  /** Ends even if the data cannot be saved. */
  readonly isForced: boolean;
}

/** What `SharedCounters.hold` tells the threads that are held. */
export const holdStates = { goesOn: 0, holds: 1, stops: 2 } as const;

/** Carries out nothing on this thread until it is told how to go on. @returns Whether it is to stop. */
export function holdStill(shared: SharedArrayBuffer): boolean {
  const state = new Int32Array(shared);
  while (Atomics.load(state, 0) === holdStates.holds) Atomics.wait(state, 0, holdStates.holds);
  return Atomics.load(state, 0) === holdStates.stops;
}

/** What an I/O thread is started with. */
export interface ThreadStart {
  readonly settings: SettingsSnapshot;
  readonly users: InitialUsers;
  readonly data: DataState;
  /** Undefined: there is no `tls-port`. */
  readonly tls: TlsSetup | undefined;
  readonly memoryLimitBytes: number;
  readonly startedMs: number;
  readonly runId: string;
  readonly threadIndex: number;
  readonly threadCount: number;
  readonly tcpPort: number;
  readonly executable: string;
  readonly shared: SharedCounters;
}

/** Memory that all threads see. Each thread writes its own row. */
export interface SharedCounters {
  /** Int32 a thread: its connections. The main thread adds, the owner takes away. */
  readonly connections: SharedArrayBuffer;
  readonly commands: SharedStatistics;
  /** Float64 [thread + 1][code of `errorCodes`]; the last row is what a reset leaves out. */
  readonly errors: SharedArrayBuffer;
  /** Float64 a thread: TLS handshakes that failed. */
  readonly handshakeFailures: SharedArrayBuffer;
  /** See `Pause`. */
  readonly pause: SharedArrayBuffer;
  /** Int32: one of `holdStates`. */
  readonly hold: SharedArrayBuffer;
  /** See `Monitors`. */
  readonly monitors: SharedArrayBuffer;
  /** Int32 a thread: its connections whose command waits. */
  readonly blocked: SharedArrayBuffer;
  /** See `ThreadFigures`. */
  readonly threadFigures: SharedArrayBuffer;
  /** Float64: what `rates` of `ServerServices` are. The first thread writes them once a second. */
  readonly rates: SharedArrayBuffer;
}

/** Commands, bytes read, bytes written and turns of event loops, each a second; microseconds of such a turn. */
export const RATE_COUNT = 5;

/** The codes that INFO counts over all threads; any other is counted as ERR. */
export const errorCodes = [
  'ERR',
  'ASK',
  'BUSYKEY',
  'CLUSTERDOWN',
  'CROSSSLOT',
  'EXECABORT',
  'IOERR',
  'LOADING',
  'MISCONF',
  'MOVED',
  'NOAUTH',
  'NOPERM',
  'NOPROTO',
  'NOSCRIPT',
  'OOM',
  'TRYAGAIN',
  'UNBLOCKED',
  'WRONGPASS',
  'WRONGTYPE',
] as const;
