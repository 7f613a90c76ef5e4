// How a command is written, as COMMAND DOCS tells it:
//
//   key              an argument; its type goes with its name, or follows it: `timeout:double`
//   EX seconds       an argument behind a word that is sent as it is
//   NX               such a word alone; `change=CH` where it has another name, `=""` if it is empty
//   condition(a | b) one of them;  offset_count(a b)  all of them, in this order
//   [ ]              may be left out
//   a...             may be repeated; with the word in front of it too: {GET pattern}...
//   @6.2.0           there since that version, and with ! instead of @ deprecated since then
//   #1               a key of the second key specification; without it the nth key is of the nth

export interface Argument {
  readonly name: string;
  readonly type: string;
  readonly token?: string;
  readonly since?: string;
  readonly deprecatedSince?: string;
  readonly keySpecIndex?: number;
  readonly isOptional?: boolean;
  readonly isMultiple?: boolean;
  /** Repeated with its token. */
  readonly repeatsToken?: boolean;
  /** Of `oneof` and `block`. */
  readonly parts?: readonly Argument[];
}

/** Types of arguments that are not text, by their names. */
const typeByName: Readonly<Record<string, string>> = {
  ...named('key', 'key key1 key2 source destination newkey destkey sourcekey src dst'),
  ...named('pattern', 'pattern'),
  ...named('integer', 'seconds milliseconds count index start stop end offset decrement increment'),
  ...named('integer', 'numkeys db destination-db cursor length len rank limit bit bits port ttl'),
  ...named('integer', 'index1 index2 client-id numlocal numreplicas frequency weight protover'),
  ...named('integer', 'num-matches timeout'),
  ...named('unix-time', 'unix-time-seconds unix-time-milliseconds'),
  ...named('double', 'score min max'),
};

function named(type: string, names: string): Record<string, string> {
  return Object.fromEntries(names.split(' ').map((name) => [name, type]));
}

/** Repetition, the word that parts the steps of a DAG, brackets, and words, which may have single dots. */
const lexemes = /\.\.\.|\|>|[[\](){}|]|(?:[^\s[\](){}|.]|\.(?!\.\.))+/g;

/** A name with what is tied to it. */
const tied =
  /^(?<name>.+?)(?::(?<type>string|integer|double|key|pattern))?(?:#(?<spec>\d))?(?:@(?<since>[\d.]+))?(?:!(?<until>[\d.]+))?$/;

class Parser {
  readonly #words: readonly string[];
  #at = 0;
  #keyCount = 0;

  constructor(syntax: string) {
    this.#words = syntax.match(lexemes) ?? [];
  }

  get #next(): string | undefined {
    return this.#words[this.#at];
  }

  #skip(word: string): boolean {
    if (this.#next !== word) return false;
    this.#at++;
    return true;
  }

  /** Up to a closing bracket or the end. `isChoice` if its parts are alternatives. */
  sequence(): { readonly parts: Argument[]; readonly isChoice: boolean } {
    const parts: Argument[] = [];
    let isChoice = false;
    while (this.#next !== undefined && !/^[\])}]$/.test(this.#next)) {
      if (this.#skip('|')) isChoice = true;
      else parts.push(this.#repeated(this.#item()));
    }
    return { parts, isChoice };
  }

  #repeated(argument: Argument): Argument {
    return this.#skip('...') ? { ...argument, isMultiple: true } : argument;
  }

  #item(): Argument {
    if (this.#skip('[')) return { ...this.#only(']'), isOptional: true };
    if (this.#skip('{')) return { ...this.#only('}'), repeatsToken: true };
    const word = this.#words[this.#at++] ?? '';
    if (/^[A-Z|]/.test(word)) return this.#token(word);
    const [name = '', renamed] = word.split(/=(.*)/s);
    if (renamed === undefined) return this.#argument(word);
    const { name: token, ...facts } = this.#facts(renamed);
    return { ...facts, name, type: 'pure-token', token: token === '""' ? '' : token };
  }

  /** What stands alone between brackets. */
  #only(closing: string): Argument {
    const [argument] = this.sequence().parts;
    if (argument === undefined || !this.#skip(closing))
      throw new Error(`a syntax without its ${closing}: ${this.#words.join(' ')}`);
    return argument;
  }

  /** By itself, or in front of an argument. */
  #token(word: string): Argument {
    if (this.#next !== undefined && /^[a-z]/.test(this.#next)) {
      return { ...this.#argument(this.#words[this.#at++] ?? ''), token: word };
    }
    const { name: token, ...facts } = this.#facts(word);
    return { ...facts, name: token.toLowerCase(), type: 'pure-token', token };
  }

  #argument(word: string): Argument {
    const { name, ...facts } = this.#facts(word);
    if (this.#skip('(')) {
      const { parts, isChoice } = this.sequence();
      if (!this.#skip(')')) throw new Error(`a syntax without its ): ${this.#words.join(' ')}`);
      return { ...facts, name, type: isChoice ? 'oneof' : 'block', parts };
    }
    const groups = tied.exec(word)?.groups;
    const type = groups?.type ?? typeByName[name] ?? 'string';
    const spec = groups?.spec;
    if (type !== 'key' && spec === undefined) return { ...facts, name, type };
    const keySpecIndex = spec === undefined ? this.#keyCount : Number(spec);
    this.#keyCount = keySpecIndex + 1;
    return { ...facts, name, type, keySpecIndex };
  }

  #facts(word: string): Pick<Argument, 'name' | 'since' | 'deprecatedSince'> {
    const groups = tied.exec(word)?.groups;
    return {
      name: groups?.name ?? word,
      ...(groups?.since !== undefined && { since: groups.since }),
      ...(groups?.until !== undefined && { deprecatedSince: groups.until }),
    };
  }
}

export function argumentsOf(syntax: string): readonly Argument[] {
  return new Parser(syntax).sequence().parts;
}
