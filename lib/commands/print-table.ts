// Prints the README's tables of commands, settings and error codes: `node build/js/lib/commands/print-table.js`.

import { settingRows } from '../config/setting-rows.ts';
import { errorCodeMeanings } from '../core/errors.ts';
import { commandTable } from './table.ts';

const lines = ['| command | what it does |', '|---|---|'];
for (const command of commandTable.values()) {
  const name = command.name.toUpperCase();
  if (!command.subcommands) lines.push(`| \`${name}\` | ${command.summary} |`);
  else if (command.arity === -1) lines.push(`| \`${name}\` | ${command.summary} |`);
  for (const sub of command.subcommands ?? [])
    lines.push(`| \`${name} ${sub.name.toUpperCase()}\` | ${sub.summary} |`);
}
lines.push('', '| setting | default | what it does |', '|---|---|---|');
const inert: string[] = [];
for (const { name, default: byDefault, effect, isInternal } of settingRows) {
  const shown = isInternal ? name.replace('ai.', '').toUpperCase() : name;
  if (effect === undefined) inert.push(`\`${shown}\``);
  else lines.push(`| \`${shown}\` | ${byDefault === '' ? '' : `\`${byDefault}\``} | ${effect} |`);
}
lines.push('', `Accepted and stored, without effect so far: ${inert.join(', ')}.`);
lines.push('', '| error code | what it means |', '|---|---|');
for (const [code, meaning] of Object.entries(errorCodeMeanings))
  lines.push(`| \`${code}\` | ${meaning} |`);
process.stdout.write(`${lines.join('\n')}\n`);
