// FUNCTION, as a server answers that has no libraries and takes none.

import { replyErrors } from '../core/errors.ts';
import { addon } from '../engine/addon.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { container } from './container.ts';
import { shown } from './words.ts';

const shape = { group: 'scripting', since: '7.0.0', keys: noKeys, categories: ['@scripting'] };
const write = ['write', 'noscript'];

/** No libraries, by the version of the RDB format: the version, and the CRC64 of its two bytes. */
const EMPTY_DUMPS = [
  Buffer.from('0a005d9b5c400f7fa2da', 'hex'),
  Buffer.from('0b003444e133f2e04b53', 'hex'),
];
/** How a library begins in a dump (redis:src/rdb.h, RDB_OPCODE_FUNCTION2). */
const LIBRARY_BYTE = 245;

export const functionCommands: readonly Command[] = [
  container(
    {
      name: 'function',
      summary: 'A container for commands about functions, of which there are none.',
      since: '7.0.0',
      group: 'scripting',
    },
    [
      {
        ...shape,
        name: 'list',
        summary: 'Returns the libraries of functions: none.',
        arity: -2,
        flags: ['noscript'],
        run: list,
      },
      {
        ...shape,
        name: 'stats',
        summary: 'Returns the function that runs: none, and how many there are: none.',
        arity: 2,
        flags: ['noscript', 'allow_busy'],
        run: stats,
      },
      {
        ...shape,
        name: 'dump',
        summary: 'Returns all libraries as one payload: an empty one.',
        arity: 2,
        flags: ['noscript'],
        run: ({ reply }) => reply.bulk(EMPTY_DUMPS[0] ?? ''),
      },
      {
        ...shape,
        name: 'restore',
        summary: 'Takes a payload of FUNCTION DUMP without libraries.',
        arity: -3,
        flags: ['write', 'denyoom', 'noscript'],
        run: restore,
      },
      {
        ...shape,
        name: 'flush',
        summary: 'Deletes all libraries.',
        arity: -2,
        flags: write,
        run({ reply, request }) {
          const { count } = request;
          if (count > 3) throw replyErrors.wrongSubcommandWords(shown(request, 1), 'FUNCTION');
          if (count === 3 && !request.is(2, 'SYNC') && !request.is(2, 'ASYNC'))
            throw replyErrors.functionFlushMode();
          reply.ok();
        },
      },
      {
        ...shape,
        name: 'delete',
        summary: 'Deletes a library: there is none.',
        arity: 3,
        flags: write,
        run() {
          throw replyErrors.noLibrary();
        },
      },
      {
        ...shape,
        name: 'kill',
        summary: 'Ends the function that runs: there is none.',
        arity: 2,
        flags: ['noscript', 'allow_busy'],
        run() {
          throw replyErrors.noFunctionRuns();
        },
      },
      {
        ...shape,
        name: 'load',
        summary: 'Refused: this server runs no functions.',
        arity: -3,
        flags: ['write', 'denyoom', 'noscript'],
        run() {
          throw replyErrors.optionNotSupported('FUNCTION LOAD');
        },
      },
    ],
  ),
];

function list({ reply, request }: Call): void {
  let isNamed = false;
  let withCode = false;
  for (let i = 2; i < request.count; i++) {
    if (!withCode && request.is(i, 'WITHCODE')) withCode = true;
    else if (!isNamed && request.is(i, 'LIBRARYNAME')) {
      isNamed = true;
      i++;
      if (i >= request.count) throw replyErrors.libraryNameMissing();
    } else throw replyErrors.unknownArgument(shown(request, i));
  }
  reply.array(0);
}

function stats({ reply }: Call): void {
  reply.map(2);
  reply.bulk('running_script');
  reply.nil();
  reply.bulk('engines');
  reply.map(1);
  reply.bulk('LUA');
  reply.map(2);
  reply.bulk('libraries_count');
  reply.integer(0);
  reply.bulk('functions_count');
  reply.integer(0);
}

function restore({ reply, request }: Call): void {
  if (request.count > 4) throw replyErrors.wrongSubcommandWords(shown(request, 1), 'FUNCTION');
  const policies = ['APPEND', 'REPLACE', 'FLUSH'];
  if (request.count === 4 && !policies.some((policy) => request.is(3, policy)))
    throw replyErrors.restorePolicy();
  const isLarge = request.isBlob(2);
  if (!isLarge && EMPTY_DUMPS.some((dump) => dump.equals(request.bytes(2)))) {
    reply.ok();
    return;
  }
  const first = isLarge ? firstByteOfBlob(2) : request.bytes(2)[0];
  if (first !== LIBRARY_BYTE) throw replyErrors.wrongDump();
  throw replyErrors.optionNotSupported('FUNCTION RESTORE of libraries');
}

function firstByteOfBlob(word: number): number | undefined {
  const native = addon();
  native.blobHold(word);
  const blob = native.heldKeep();
  const view = native.replyBlobView(blob, 0, 1);
  const [first] = view;
  native.detach(view.buffer);
  native.replyBlobRelease(blob);
  return first;
}
