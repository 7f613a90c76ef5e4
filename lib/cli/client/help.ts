// `help` at the prompt: what commands do, as the server tells by COMMAND DOCS.

import type { WireReply } from '../../resp/reply-reader.ts';
import { ConnectionLost } from './connection.ts';
import type { Session } from './session.ts';

const general = `
  help <command>      what a command does and takes
  help @<group>       the commands of a group: @string, @hash, @list, @server ...
  <n> <command>       a command n times
  connect <host> <port>
  clear, quit
  <tab> completes the name of a command, the arrow keys find earlier lines

`;

/** The names of all commands in upper case; none if the server does not tell. */
export async function completions(session: Session): Promise<readonly string[]> {
  const reply = await asked(session, ['COMMAND', 'LIST']);
  return (reply?.items ?? [])
    .map(({ text }) => text.toString().toUpperCase().replace('|', ' '))
    .sort();
}

export async function printHelp(session: Session, words: readonly string[]): Promise<void> {
  const [first] = words;
  if (first === undefined) {
    process.stdout.write(general);
    return;
  }
  if (!session.isConnected) await session.connect();
  const group = first.startsWith('@') ? first.slice(1).toLowerCase() : undefined;
  const name = words.join('|').toLowerCase();
  const reply = await asked(
    session,
    group === undefined ? ['COMMAND', 'DOCS', name] : ['COMMAND', 'DOCS'],
  );
  const docs = membersOf(reply);
  let text = '';
  for (const [command, doc] of docs) {
    const facts = new Map(membersOf(doc));
    if (group === undefined || plain(facts.get('group')) === group)
      text += describe(command, facts, group !== undefined);
  }
  process.stdout.write(`${text === '' ? '\n  No help: the server does not know it.\n' : text}\n`);
}

/** Beside how a command is written. */
const told = ['summary', 'since', 'group', 'complexity', 'deprecated_since', 'replaced_by'];

function describe(
  command: string,
  facts: ReadonlyMap<string, WireReply>,
  isBrief: boolean,
): string {
  const takes = (facts.get('arguments')?.items ?? []).map(argument).join(' ');
  const name = command.toUpperCase().replace('|', ' ');
  let text = `\n  ${`${name} ${takes}`.trim()}\n`;
  for (const fact of isBrief ? ['summary'] : told) {
    const value = plain(facts.get(fact));
    if (value !== '') text += `  ${fact.replace('_', ' ')}: ${value}\n`;
  }
  return text;
}

/** `[EX seconds|PX milliseconds]`: one argument of COMMAND DOCS as people write it. */
function argument(reply: WireReply): string {
  const facts = new Map(membersOf(reply));
  const token = plain(facts.get('token'));
  const type = plain(facts.get('type'));
  const inner = (facts.get('arguments')?.items ?? []).map(argument);
  const flags = (facts.get('flags')?.items ?? []).map(plain);
  let text = plain(facts.get('display_text')) || plain(facts.get('name'));
  if (type === 'pure-token') text = '';
  else if (type === 'oneof') text = inner.join('|');
  else if (type === 'block') text = inner.join(' ');
  const written = [token, text].filter((part) => part !== '').join(' ');
  const repeated = flags.includes('multiple_token') ? written : text;
  text = flags.includes('multiple') ? `${written} [${repeated} ...]` : written;
  return flags.includes('optional') ? `[${text}]` : text;
}

/** Of a map, or of an array with names before values, which is what RESP2 has. */
function membersOf(reply: WireReply | undefined): [string, WireReply][] {
  const items = reply?.items ?? [];
  const members: [string, WireReply][] = [];
  for (let i = 0; i + 1 < items.length; i += 2) members.push([plain(items[i]), items[i + 1]!]);
  return members;
}

function plain(reply: WireReply | undefined): string {
  return reply?.text.toString() ?? '';
}

async function asked(session: Session, words: readonly string[]): Promise<WireReply | undefined> {
  try {
    if (!session.isConnected) return undefined;
    const reply = await session.connection.call(words);
    return reply.type === 'error' ? undefined : reply;
  } catch (error) {
    if (error instanceof ConnectionLost) return undefined;
    throw error;
  }
}
