// How a command is written, as COMMAND DOCS tells it: words in small letters are arguments, in
// capitals they are sent as they are, `[ ]` may be left out, `|` parts alternatives, `( )` keeps what
// belongs together, and what `...` follows may be repeated.

export interface Argument {
  readonly name: string;
  readonly type: string;
  readonly token?: string;
  readonly isOptional: boolean;
  readonly isMultiple: boolean;
  readonly parts: readonly Argument[];
}

/** Types of arguments that are no text, by their names. */
const typeByName: Readonly<Record<string, string>> = {
  ...named('key', 'key source destination newkey'),
  ...named('pattern', 'pattern'),
  ...named('integer', 'seconds milliseconds count index start stop offset decrement numkeys db'),
  ...named('integer', 'destination-db cursor length rank limit integer timeout bit'),
  ...named('unix-time', 'unix-time-seconds unix-time-milliseconds'),
  ...named('double', 'score weight'),
};

function named(type: string, names: string): Record<string, string> {
  return Object.fromEntries(names.split(' ').map((name) => [name, type]));
}

class Parser {
  readonly #words: readonly string[];
  #at = 0;

  constructor(syntax: string) {
    this.#words = syntax.match(/\.\.\.|[[\]()|]|[^\s[\]()|.]+/g) ?? [];
  }

  get #next(): string | undefined {
    return this.#words[this.#at];
  }

  /** Up to a closing bracket or the end. */
  sequence(): Argument[] {
    const alternatives: Argument[][] = [[]];
    while (this.#next !== undefined && this.#next !== ']' && this.#next !== ')') {
      if (this.#next === '|') {
        this.#at++;
        alternatives.push([]);
      } else alternatives.at(-1)?.push(this.#item());
    }
    const [only = []] = alternatives;
    if (alternatives.length === 1) return only;
    return [
      combined(
        'oneof',
        alternatives.map((parts) => single(parts)),
      ),
    ];
  }

  #item(): Argument {
    const word = this.#words[this.#at++] ?? '';
    let argument: Argument;
    if (word === '[' || word === '(') {
      const inner = single(this.sequence());
      this.#at++; // its closing bracket
      argument = word === '[' ? { ...inner, isOptional: true } : inner;
    } else if (/^[A-Z~=$#*-]/.test(word)) {
      argument = this.#token(word);
    } else {
      argument = { ...plain, name: word, type: typeByName[word] ?? 'string' };
    }
    if (this.#next !== '...') return argument;
    this.#at++;
    return { ...argument, isMultiple: true };
  }

  /** By itself, or in front of an argument. */
  #token(token: string): Argument {
    if (this.#next !== undefined && /^[a-z]/.test(this.#next)) {
      return { ...this.#item(), token };
    }
    return { ...plain, name: token.toLowerCase(), type: 'pure-token', token };
  }
}

const plain = { isOptional: false, isMultiple: false, parts: [] } as const;

function combined(type: string, parts: readonly Argument[]): Argument {
  return { ...plain, name: parts[0]?.name ?? type, type, parts };
}

function single(parts: readonly Argument[]): Argument {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : combined('block', parts);
}

export function argumentsOf(syntax: string): readonly Argument[] {
  return new Parser(syntax).sequence();
}
