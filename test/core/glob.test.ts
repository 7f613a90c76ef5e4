import t from 'tap';
import { matchesGlob } from '../../lib/core/glob.ts';
import { humanBytes, parseMemory } from '../../lib/core/units.ts';

const matches: readonly (readonly [pattern: string, text: string, isMatch: boolean])[] = [
  ['*', '', false],
  ['', '', true],
  ['', 'a', false],
  ['a*c', 'abbc', true],
  ['a*c', 'abbd', false],
  ['a**c*', 'ac', true],
  ['?', '', false],
  ['h?llo', 'hello', true],
  ['h[ae]llo', 'hallo', true],
  ['h[^e]llo', 'hello', false],
  ['h[^e]llo', 'hbllo', true],
  ['[a-c]', 'b', true],
  ['[c-a]', 'b', true],
  ['[a-c]', 'd', false],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['[\\]]', ']', true],
  ['[abc', 'b', true],
  ['a\\', 'a\\', true],
  ['*a*b*c', 'xxaxxbxxc', true],
];

t.test('matches as Redis does', async (t) => {
  for (const [pattern, text, isMatch] of matches)
    t.equal(matchesGlob(pattern, text), isMatch, `${pattern} ${text}`);
  t.ok(matchesGlob('A*', 'abc', true));
});

t.test('a pattern of many stars takes no time', async (t) => {
  t.notOk(matchesGlob(`${'a*'.repeat(2000)}b`, 'a'.repeat(5000)));
});

t.test('memory', async (t) => {
  t.equal(parseMemory('64mb'), 64n * 1024n * 1024n);
  t.equal(parseMemory('18446744073709551616'), 18446744073709551615n);
  t.equal(parseMemory('kb'), 0n);
  t.equal(parseMemory('1 mb'), undefined);
  t.equal(humanBytes(500), '500B');
  t.equal(humanBytes(1_831_176), '1.75M');
});
