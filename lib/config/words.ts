// How a line of the configuration file, or of an inline request, falls into words
// (redis:src/sds.c `sdssplitargs`).

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/** Splits at blanks; `"..."` with escapes and `'...'` hold words together. Undefined: unbalanced quotes. */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isBlank(line.charAt(at))) at++;
    if (at >= line.length) return words;
    let word = '';
    while (at < line.length && !isBlank(line.charAt(at))) {
      const character = line.charAt(at);
      if (character !== '"' && character !== "'") {
        word += character;
        at++;
        continue;
      }
      const quoted = character === '"' ? readDoubleQuoted(line, at + 1) : readQuoted(line, at + 1);
      // A closing quote ends its word.
      if (quoted === undefined || (quoted.end < line.length && !isBlank(line.charAt(quoted.end))))
        return undefined;
      word += quoted.text;
      at = quoted.end;
    }
    words.push(word);
  }
}

/** The opposite, for words that stand in a line of their own making (`sdscatrepr`). */
export function quoteWord(word: string): string {
  let quoted = '';
  for (const character of word) {
    const letter = Object.keys(escapes).find((key) => escapes[key] === character);
    const code = character.codePointAt(0) ?? 0;
    if (letter !== undefined) quoted += `\\${letter}`;
    else if (character === '\\' || character === '"') quoted += `\\${character}`;
    else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, '0')}`;
    else quoted += character;
  }
  return `"${quoted}"`;
}

function readDoubleQuoted(line: string, from: number): { text: string; end: number } | undefined {
  let text = '';
  for (let at = from; at < line.length; at++) {
    const character = line.charAt(at);
    if (character === '"') return { text, end: at + 1 };
    if (character !== '\\' || at + 1 >= line.length) {
      text += character;
      continue;
    }
    const hex = /^\\x([0-9a-fA-F]{2})/.exec(line.slice(at, at + 4))?.[1];
    if (hex !== undefined) {
      text += String.fromCharCode(Number.parseInt(hex, 16));
      at += 3;
    } else {
      const escaped = line.charAt(++at);
      text += escapes[escaped] ?? escaped;
    }
  }
  return undefined;
}

function readQuoted(line: string, from: number): { text: string; end: number } | undefined {
  let text = '';
  for (let at = from; at < line.length; at++) {
    if (line.startsWith("\\'", at)) {
      text += "'";
      at++;
    } else if (line.charAt(at) === "'") return { text, end: at + 1 };
    else text += line.charAt(at);
  }
  return undefined;
}

function isBlank(character: string): boolean {
  return (
    character === ' ' ||
    character === '\t' ||
    character === '\n' ||
    character === '\r' ||
    character === '\v' ||
    character === '\f' ||
    character === '\0'
  );
}
