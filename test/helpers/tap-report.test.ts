import t from 'tap';
import { readTap } from './tap-report.ts';

const cases = [
  { title: 'nothing', tap: '', counts: [0, 0, 0] },
  { title: 'assertions of one test as one', tap: 'ok 1\nok 2\n1..2\n', counts: [1, 0, 0] },
  { title: 'a failed assertion', tap: 'ok 1\nnot ok 2\n1..2\n', counts: [0, 1, 0] },
  { title: 'a skipped assertion', tap: 'ok 1 # SKIP no GPU\n1..1\n', counts: [0, 0, 1] },
  { title: 'a TODO as a skip', tap: 'not ok 1 - later # TODO\n1..1\n', counts: [0, 0, 1] },
  {
    title: 'the tests in a group, not the group',
    tap: '# Subtest: group\n    # Subtest: a\n        ok 1\n        1..1\n    ok 1 - a\n    # Subtest: b\n        not ok 1\n        1..1\n    not ok 2 - b\n    ok 3 - c # SKIP\n    1..3\nnot ok 1 - group\n1..1\n',
    counts: [1, 1, 1],
  },
  {
    title: 'a group that fails although no test in it did, as a file that ends too early',
    tap: '# Subtest: file\n    # Subtest: a\n        ok 1\n        1..1\n    ok 1 - a\n    1..3\nnot ok 1 - file\n1..1\n',
    counts: [1, 1, 0],
  },
  { title: 'a file without a test', tap: 'not ok 1 - file # no tests\n1..1\n', counts: [0, 1, 0] },
  { title: 'text that is cut off', tap: '1..5\nok 1\n', counts: [0, 1, 0] },
];

for (const { title, tap, counts } of cases) {
  t.test(`counts ${title}`, async (t) => {
    const [passed, failed, skipped] = counts;
    t.strictSame(readTap(tap).counts, { passed, failed, skipped });
  });
}

t.test('words what failed, with its place in the tree', async (t) => {
  const tap =
    '# Subtest: group\n    not ok 1 - sum\n      ---\n      wanted: 2\n      ...\n    1..1\nnot ok 1 - group\n1..1\n';
  t.strictSame(readTap(tap).failures, ['not ok group > sum\n    wanted: 2']);
});

t.test('words what was skipped, with the reason', async (t) => {
  t.strictSame(readTap('ok 1 - runs on CUDA # SKIP no GPU\n1..1\n').skips, [
    'runs on CUDA (no GPU)',
  ]);
});
