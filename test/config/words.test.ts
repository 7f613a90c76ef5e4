import t from 'tap';
import { quoteWord, splitWords } from '../../lib/config/words.ts';

const lines: readonly (readonly [line: string, words: string[] | undefined])[] = [
  ['', []],
  ['  ', []],
  ['a b\tc\n', ['a', 'b', 'c']],
  ['"a b" c', ['a b', 'c']],
  ["'a \"b' c", ['a "b', 'c']],
  ['""', ['']],
  ['a"b c"', ['ab c']],
  ['"\\x41\\n\\t\\q"', ['A\n\tq']],
  ["'\\n\\''", ["\\n'"]],
  ['"a', undefined],
  ["'a", undefined],
  ['"a"b', undefined],
  ["'a'b", undefined],
  ['"\\', undefined],
];

t.test('splits a line into words', async (t) => {
  for (const [line, words] of lines) t.strictSame(splitWords(line), words, JSON.stringify(line));
});

t.test('what is quoted comes back as it was', async (t) => {
  for (const word of ['', 'a b', '"', "'", '\\', '\n\r\t\b\x07\x01\x7f', 'é\u{1f600}', '{title} x'])
    t.strictSame(splitWords(`a ${quoteWord(word)} b`), ['a', word, 'b'], JSON.stringify(word));
});
