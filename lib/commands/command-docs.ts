// What COMMAND DOCS answers of one command (redis:src/server.c `addReplyCommandDocs`, version 7.2).

import type { ReplyEncoder } from '../resp/reply-encoder.ts';
import type { Command } from './command.ts';
import { isOfModule, replyNames } from './command-info.ts';
import { docOf } from './docs/table.ts';
import { keySpecifications } from './key-specs.ts';
import { type Argument, argumentsOf } from './syntax.ts';

/** A field of a map: its name, and what writes its value. */
type Field = readonly [name: string, write: () => void];

/** @param name In full: `config|get`. */
export function replyDocs(reply: ReplyEncoder, command: Command, name: string): void {
  const { syntax, complexity, deprecation, history, isInternal } = docOf(name);
  const subcommands = command.subcommands ?? [];
  const list = argumentsOf(syntax);
  const specCount = keySpecifications(name, command).length;
  const text = (value: string) => () => reply.bulk(value);
  const fields: Field[] = [
    ['summary', text(command.summary)],
    ['since', text(command.since ?? '1.0.0')],
    ['group', text(isOfModule(command) ? 'module' : (command.group ?? 'generic'))],
  ];
  if (complexity !== undefined) fields.push(['complexity', text(complexity)]);
  if (isOfModule(command)) fields.push(['module', text('ai')]);
  if (isInternal) fields.push(['doc_flags', () => replyNames(reply, ['syscmd'])]);
  if (deprecation !== undefined) {
    fields.push(['doc_flags', () => replyNames(reply, ['deprecated'])]);
    fields.push(['deprecated_since', text(deprecation.since)]);
    fields.push(['replaced_by', text(deprecation.replacement)]);
  }
  if (history.length > 0) fields.push(['history', () => replyHistory(reply, history)]);
  if (list.length > 0) fields.push(['arguments', () => replyArguments(reply, list, specCount)]);
  if (subcommands.length > 0) {
    const replySubcommands = () => {
      reply.map(subcommands.length);
      for (const sub of subcommands) {
        const subName = `${command.name}|${sub.name}`;
        reply.bulk(subName);
        replyDocs(reply, sub, subName);
      }
    };
    fields.push(['subcommands', replySubcommands]);
  }
  replyFields(reply, fields);
}

function replyFields(reply: ReplyEncoder, fields: readonly Field[]): void {
  reply.map(fields.length);
  for (const [name, write] of fields) {
    reply.bulk(name);
    write();
  }
}

function replyHistory(reply: ReplyEncoder, history: readonly (readonly [string, string])[]): void {
  reply.set(history.length);
  for (const [version, change] of history) {
    reply.array(2);
    reply.bulk(version);
    reply.bulk(change);
  }
}

function replyArguments(reply: ReplyEncoder, list: readonly Argument[], specCount: number): void {
  reply.array(list.length);
  for (const argument of list) replyArgument(reply, argument, specCount);
}

function replyArgument(reply: ReplyEncoder, argument: Argument, specCount: number): void {
  const { name, type, keySpecIndex, token, since, deprecatedSince, parts } = argument;
  const text = (value: string) => () => reply.bulk(value);
  const fields: Field[] = [
    ['name', text(name)],
    ['type', text(type)],
  ];
  if (parts === undefined) fields.push(['display_text', text(name)]);
  if (keySpecIndex !== undefined && keySpecIndex < specCount)
    fields.push(['key_spec_index', () => reply.integer(keySpecIndex)]);
  if (token !== undefined) fields.push(['token', text(token)]);
  if (since !== undefined) fields.push(['since', text(since)]);
  if (deprecatedSince !== undefined) fields.push(['deprecated_since', text(deprecatedSince)]);
  const flags = flagsOf(argument);
  if (flags.length > 0) fields.push(['flags', () => replyNames(reply, flags)]);
  if (parts !== undefined)
    fields.push(['arguments', () => replyArguments(reply, parts, specCount)]);
  replyFields(reply, fields);
}

function flagsOf({ isOptional, isMultiple, repeatsToken }: Argument): string[] {
  const flags: string[] = [];
  if (isOptional) flags.push('optional');
  if (isMultiple) flags.push('multiple');
  if (repeatsToken) flags.push('multiple_token');
  return flags;
}
