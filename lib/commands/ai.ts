// AI.INFO, AI.CONFIG and the scans of models and scripts (compat.md 1.3, 1.6).

import { replyErrors } from '../core/errors.ts';
import { backendNames, codes } from '../engine/addon.ts';
import { type Call, type Command, firstArgIsKey, noKeys } from './command.ts';
import { backendAt } from './model.ts';
import { readonly } from './rows.ts';
import { changeSettings, shown, textOf } from './words.ts';

const shape = { group: 'ai', since: '1.0.0', arity: -1 };

export const aiCommands: readonly Command[] = [
  {
    ...shape,
    name: 'ai.info',
    summary: 'Returns how often and how long a model or script has run, or resets that.',
    flags: readonly,
    keys: firstArgIsKey,
    run: info,
  },
  {
    ...shape,
    name: 'ai.config',
    summary: 'Loads a backend, and sets or returns the size of model chunks.',
    flags: ['write'],
    categories: ['@admin', '@dangerous'],
    keys: noKeys,
    isPrepared: true,
    run: config,
  },
  {
    ...shape,
    name: 'ai._modelscan',
    summary: 'Returns key and tag of each model.',
    flags: readonly,
    keys: noKeys,
    run: (call) => scan(call, call.engine.scanModels.bind(call.engine)),
  },
  {
    ...shape,
    name: 'ai._scriptscan',
    summary: 'Returns key and tag of each script.',
    flags: readonly,
    keys: noKeys,
    run: (call) => scan(call, call.engine.scanScripts.bind(call.engine)),
  },
];

function info({ client, command, engine, reply, request }: Call): void {
  if (request.count < 2 || request.count > 3) throw replyErrors.wrongArity(command.name);
  const record = engine.runInfo(client.db, 1);
  if (record === undefined) throw replyErrors.noRunInfo();
  if (request.count === 3 && request.is(2, 'RESETSTAT')) {
    if (!engine.resetRunInfo(client.db, 1)) throw replyErrors.noRunInfo();
    reply.ok();
    return;
  }
  reply.array(18);
  reply.bulk('key');
  reply.bulk(request.isBlob(1) ? shown(request, 1) : request.bytes(1));
  reply.bulk('type');
  reply.bulk(record.kind);
  reply.bulk('backend');
  reply.bulk(backendNames[record.backend] ?? '');
  reply.bulk('device');
  reply.bulk(record.device);
  reply.bulk('tag');
  reply.bulk(record.tag);
  reply.bulk('duration');
  reply.integer(record.durationUs);
  reply.bulk('samples');
  reply.integer(record.kind === 'SCRIPT' ? -1 : record.samples);
  reply.bulk('calls');
  reply.integer(record.calls);
  reply.bulk('errors');
  reply.integer(record.errors);
}

function scan({ client, command, engine, reply, request }: Call, find: (db: number) => number) {
  if (request.count !== 1) throw replyErrors.wrongArity(command.name);
  const countInPiece = find(client.db);
  const rowCount = engine.numbers[0] ?? 0;
  reply.array(rowCount / 2);
  engine.forEachRow(countInPiece, (row, index) => {
    if (index % 2 === 0) reply.array(2);
    reply.bulk(row);
  });
}

function config(call: Call): void {
  const { command, request } = call;
  if (request.count < 2) throw replyErrors.wrongArity(command.name);
  if (request.is(1, 'LOADBACKEND')) loadBackend(call);
  else if (request.is(1, 'BACKENDSPATH')) setBackendsPath(call);
  else if (request.is(1, 'MODEL_CHUNK_SIZE')) setChunkSize(call);
  else if (request.is(1, 'GET')) getConfig(call);
  else throw replyErrors.unsupportedSubcommand();
}

/** Loads our backend of that name: a path that a client sends is never opened. */
function loadBackend(call: Call): void {
  const { command, engine, request } = call;
  if (request.count < 4) throw replyErrors.wrongArity(command.name);
  const backend = backendAt(request, 2);
  const ticket = call.wait((reply, code) => {
    if (code !== codes.ok) throw replyErrors.backendNotLoaded();
    reply.ok();
  });
  engine.loadBackend(backend, ticket);
}

function setBackendsPath(call: Call): void {
  const { request } = call;
  if (request.count < 3) throw replyErrors.backendsPathMissing();
  changeSettings(call, [['ai.backendspath', textOf(request, 2, 'AI.CONFIG BACKENDSPATH')]]);
}

function setChunkSize(call: Call): void {
  const { request } = call;
  if (request.count < 3) throw replyErrors.chunkSizeMissing();
  const bytes = request.integer(2);
  if (bytes === undefined || bytes <= 0) throw replyErrors.invalidChunkSize();
  changeSettings(call, [['ai.model_chunk_size', String(bytes)]]);
}

function getConfig({ command, reply, request, server }: Call): void {
  if (request.count < 3) throw replyErrors.wrongArity(command.name);
  if (request.is(2, 'MODEL_CHUNK_SIZE')) reply.integer(server.settings.modelChunkBytes);
  else if (request.is(2, 'BACKENDSPATH') && server.settings.text('ai.backendspath') !== '')
    reply.bulk(server.settings.text('ai.backendspath'));
  else reply.nil();
}
