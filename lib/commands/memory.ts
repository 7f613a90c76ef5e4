// MEMORY: how much keys and the process take.

import { replyErrors } from '../core/errors.ts';
import { humanBytes } from '../core/units.ts';
import { addon, codes } from '../engine/addon.ts';
import { checked } from '../keyspace/keyspace.ts';
import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import { type Call, type Command, noKeys } from './command.ts';
import { container } from './container.ts';
import { atLeast } from './words.ts';

const shape = { group: 'server', since: '4.0.0', keys: noKeys };

/** Elements of a container that MEMORY USAGE looks at unless told otherwise, as in Redis. */
const SAMPLES_DEFAULT = 5;

export const memoryCommands: readonly Command[] = [
  container(
    {
      name: 'memory',
      summary: 'A container for commands about memory.',
      since: '4.0.0',
      group: 'server',
    },
    [
      {
        ...shape,
        name: 'usage',
        summary: 'Returns the bytes that a key takes with its value, be it a tensor or a model.',
        arity: -3,
        flags: ['readonly'],
        keys: { first: 2, last: 2, step: 1 },
        run: usage,
      },
      {
        ...shape,
        name: 'stats',
        summary: 'Returns what takes how much of the memory of the process.',
        arity: 2,
        flags: [],
        readsAllKeys: true,
        run: stats,
      },
      {
        ...shape,
        name: 'doctor',
        summary: 'Tells in words what is remarkable about the use of memory.',
        arity: 2,
        flags: [],
        run: doctor,
      },
      {
        ...shape,
        name: 'purge',
        summary: 'Gives memory that lies idle back to the system.',
        arity: 2,
        flags: [],
        run({ reply }) {
          addon().memoryPurge();
          reply.ok();
        },
      },
      {
        ...shape,
        name: 'malloc-stats',
        summary: 'Returns what the memory allocator tells of itself.',
        arity: 2,
        flags: [],
        run: ({ reply }) => reply.verbatim(addon().mallocStatistics()),
      },
    ],
  ),
];

function usage({ client, reply, request }: Call): void {
  let sampleCount = SAMPLES_DEFAULT;
  for (let i = 3; i < request.count; i += 2) {
    if (!request.is(i, 'SAMPLES') || i + 1 >= request.count) throw replyErrors.syntax();
    sampleCount = atLeast(request, i + 1, Number.MIN_SAFE_INTEGER, replyErrors.notInteger);
    if (sampleCount < 0) throw replyErrors.syntax();
  }
  const bytes = addon().keyFootprint(client.db, 2, sampleCount);
  if (bytes === -codes.notFound) reply.nil();
  else reply.integer(checked(bytes));
}

/** Doubles are written as Redis does: with as many digits as they need. */
type Figure = readonly [name: string, value: number, isDouble?: boolean];

function stats({ keyspace, reply, server }: Call): void {
  const { usedMemory, usedMemoryPeak, usedMemoryByKind, rss } = addon().statistics();
  const { keys, tensors, models, requests, replies } = usedMemoryByKind;
  const datasetBytes = keys + tensors + models;
  let keyCount = 0;
  const databases: [number, number, number][] = [];
  for (let db = 0; db < server.settings.databaseCount; db++) {
    const size = keyspace.size(db);
    keyCount += size;
    if (size === 0) continue;
    const expiryBytes = keyspace.expiringCount(db) * EXPIRY_ITEM_BYTES;
    databases.push([db, addon().databaseIndexBytes(db), expiryBytes]);
  }
  const perKey = keyCount > 0 ? Math.floor(datasetBytes / keyCount) : 0;
  const percentage = (part: number, whole: number) => (whole > 0 ? (100 * part) / whole : 0);
  const before: Figure[] = [
    ['peak.allocated', usedMemoryPeak],
    ['total.allocated', usedMemory],
    ['startup.allocated', 0],
    ['replication.backlog', 0],
    ['clients.slaves', 0],
    ['clients.normal', requests + replies],
    ['cluster.links', 0],
    ['aof.buffer', 0],
    ['lua.caches', 0],
    ['functions.caches', 0],
  ];
  const after: Figure[] = [
    ['overhead.total', Math.max(usedMemory - datasetBytes, 0)],
    ['keys.count', keyCount],
    ['keys.bytes-per-key', perKey],
    ['dataset.bytes', datasetBytes],
    ['dataset.percentage', percentage(datasetBytes, usedMemory), true],
    ['peak.percentage', percentage(usedMemory, usedMemoryPeak), true],
    ['allocator.allocated', usedMemory],
    ['allocator.active', rss],
    ['allocator.resident', rss],
    ['allocator-fragmentation.ratio', usedMemory > 0 ? rss / usedMemory : 0, true],
    ['allocator-fragmentation.bytes', rss - usedMemory],
    ['allocator-rss.ratio', 1, true],
    ['allocator-rss.bytes', 0],
    ['rss-overhead.ratio', 1, true],
    ['rss-overhead.bytes', 0],
    ['fragmentation', usedMemory > 0 ? rss / usedMemory : 0, true],
    ['fragmentation.bytes', rss - usedMemory],
  ];
  reply.map(before.length + databases.length + after.length);
  for (const figure of before) replyFigure(reply, figure);
  for (const [db, indexBytes, expiryBytes] of databases) {
    reply.bulk(`db.${db}`);
    reply.map(3);
    replyFigure(reply, ['overhead.hashtable.main', indexBytes]);
    replyFigure(reply, ['overhead.hashtable.expires', expiryBytes]);
    replyFigure(reply, ['overhead.hashtable.slot-to-keys', 0]);
  }
  for (const figure of after) replyFigure(reply, figure);
}

/** Of native/keyspace/expiry_queue.h. */
const EXPIRY_ITEM_BYTES = 24;

function replyFigure(reply: ReplyEncoder, [name, value, isDouble]: Figure): void {
  reply.bulk(name);
  if (isDouble) reply.double(String(value));
  else reply.integer(value);
}

/** Below it there is too little to tell anything from, as in Redis. */
const DOCTOR_BYTES_MIN = 5 * 1024 * 1024;

function doctor({ reply, server }: Call): void {
  const { usedMemory, usedMemoryPeak, usedMemoryByKind, poolIdleBytes, rss, totalSystemMemory } =
    addon().statistics();
  const { maxmemoryBytes } = server.settings;
  const lines: string[] = [];
  if (usedMemory < DOCTOR_BYTES_MIN) {
    lines.push(`Only ${humanBytes(usedMemory)} are in use: too little to tell anything from.`);
  } else {
    if (usedMemoryPeak > 1.5 * usedMemory)
      lines.push(
        `At its peak the server used ${humanBytes(usedMemoryPeak)}, now ${humanBytes(usedMemory)}: memory of then may still be kept. MEMORY PURGE gives back what lies idle.`,
      );
    if (rss > 1.4 * usedMemory && rss - usedMemory > 10 * 1024 * 1024)
      lines.push(
        `The process has ${humanBytes(rss)}, of which ${humanBytes(usedMemory)} are counted as used and ${humanBytes(poolIdleBytes)} wait to be used again (pool-idle-max); the rest are the JavaScript heaps and the runtimes' own.`,
      );
    if (usedMemoryByKind.replies > 0.2 * usedMemory)
      lines.push(
        `${humanBytes(usedMemoryByKind.replies)} are replies that clients have not read yet: CLIENT LIST shows them as omem.`,
      );
    if (maxmemoryBytes > 0 && usedMemory > 0.95 * maxmemoryBytes)
      lines.push(
        `Nearly all of maxmemory (${humanBytes(maxmemoryBytes)}) is used: by ${server.settings.text('maxmemory-policy')} keys are evicted, or commands refused.`,
      );
    if (maxmemoryBytes === 0 && usedMemory > 0.8 * totalSystemMemory)
      lines.push('Nearly all memory of the machine is used, and maxmemory sets no limit.');
    if (lines.length === 0) lines.push('Nothing is remarkable about the use of memory.');
  }
  reply.verbatim(`${lines.join('\n')}\n`);
}
