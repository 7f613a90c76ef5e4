// The README lists every command, setting and error code, and no command that does not exist.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { commandTable } from '../lib/commands/table.ts';
import { settingRows } from '../lib/config/setting-rows.ts';
import { errorCodeMeanings } from '../lib/core/errors.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** Names in the first column of every table that is headed so. */
function namesInTables(heading: string): Set<string> {
  const names = new Set<string>();
  let isInside = false;
  for (const line of readme.split('\n')) {
    if (!line.startsWith('|')) isInside = false;
    else if (line.startsWith(`| ${heading} |`)) isInside = true;
    else if (isInside) {
      const cell = line.split('|')[1] ?? '';
      for (const [, name = ''] of cell.matchAll(/`([^`]+)`/g)) names.add(name);
    }
  }
  return names;
}

function commandNames(): string[] {
  const names: string[] = [];
  for (const { name, arity, subcommands } of commandTable.values()) {
    if (!subcommands || arity === -1) names.push(name.toUpperCase());
    for (const sub of subcommands ?? []) names.push(`${name} ${sub.name}`.toUpperCase());
  }
  return names;
}

t.test('commands', async (t) => {
  const listed = namesInTables('command');
  t.strictSame([...listed].sort(), commandNames().sort());
});

t.test('settings', async (t) => {
  const listed = namesInTables('setting');
  for (const { name, effect, isInternal } of settingRows) {
    const shown = isInternal ? name.replace('ai.', '').toUpperCase() : name;
    if (effect !== undefined) t.ok(listed.has(shown), `\`${shown}\` is in the table`);
    else t.ok(readme.includes(`\`${shown}\``), `\`${shown}\` is named`);
  }
});

t.test('error codes', async (t) => {
  const codes = new Set<string>();
  for (const entry of readdirSync(join(root, 'lib'), { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
    for (const [, code = ''] of text.matchAll(/new ReplyError\(\s*'([A-Z]+)'/g)) codes.add(code);
  }
  t.strictSame([...codes].sort(), Object.keys(errorCodeMeanings).sort());
  const listed = namesInTables('error code');
  for (const code of codes) t.ok(listed.has(code), `\`${code}\` is in the table`);
});
