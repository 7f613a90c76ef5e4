// What COMMAND DOCS and COMMAND INFO tell of a command beyond its row, in a notation to be read at a
// glance. A line that begins a command is its full name and what follows it (see ../syntax.ts), going
// on at four blanks. Lines at two blanks say, in this order and where there is anything to say:
//
//   what it costs, unless it is O(1); `no complexity` if that is not told
//   a version and what came with it
//   `deprecated`, the version that says so, and what to use instead
//   `internal`, for what only servers and their tests send
//   `tips`, as COMMAND INFO lists them
//
// The facts are those of redis:src/commands/*.json, version 7.2.

export interface Doc {
  /** See `argumentsOf`. */
  readonly syntax: string;
  readonly complexity: string | undefined;
  /** Versions, and what came with them. */
  readonly history: readonly (readonly [version: string, change: string])[];
  readonly deprecation: { readonly since: string; readonly replacement: string } | undefined;
  readonly isInternal: boolean;
  readonly tips: readonly string[];
}

/** By the full name of a command: `config|get`. */
export type Docs = ReadonlyMap<string, Doc>;

export function docsOf(text: string): Docs {
  // A blank at the start of a line ties it to the one before.
  const entries = text.trim().split(/\n(?! )/);
  return new Map(entries.map(readEntry));
}

function readEntry(entry: string): [string, Doc] {
  const [head = '', ...facts] = entry.replaceAll('\n    ', ' ').split('\n  ');
  const [name = ''] = head.split(' ', 1);
  let complexity: string | undefined = 'O(1)';
  const history: [string, string][] = [];
  let deprecation: Doc['deprecation'];
  let isInternal = false;
  let tips: string[] = [];
  for (const fact of facts) {
    const [first = ''] = fact.split(' ', 1);
    const rest = fact.slice(first.length + 1);
    if (first === 'no') complexity = undefined;
    else if (first === 'tips') tips = rest.split(' ');
    else if (first === 'internal') isInternal = true;
    else if (first === 'deprecated') deprecation = deprecationOf(rest);
    else if (/^\d/.test(first)) history.push([first, rest]);
    else complexity = fact;
  }
  const syntax = head.slice(name.length + 1);
  return [name, { syntax, complexity, history, deprecation, isInternal, tips }];
}

function deprecationOf(text: string): Doc['deprecation'] {
  const [since = ''] = text.split(' ', 1);
  return { since, replacement: text.slice(since.length + 1) };
}
