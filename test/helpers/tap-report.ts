/** Reads TAP text: counts its tests, each a named behaviour, and words what failed and what was skipped. */
import { inspect } from 'node:util';
import { Parser, type Result } from 'tap-parser';

export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

export interface TapReport {
  counts: TestCounts;
  failures: string[];
  skips: string[];
}

export function sumCounts(all: readonly TestCounts[]): TestCounts {
  const sum: TestCounts = { passed: 0, failed: 0, skipped: 0 };
  for (const counts of all) {
    sum.passed += counts.passed;
    sum.failed += counts.failed;
    sum.skipped += counts.skipped;
  }
  return sum;
}

/**
 * Counts the innermost tests. A group fails on its own account if it fails although no test in it did,
 * as a file that ends too early. A skipped test counts once, wherever it stands; a TODO is a skip.
 */
export function readTap(text: string): TapReport {
  const root = new Node();
  const parser = new Parser();
  watch(parser, root);
  parser.end(text);
  const points = root.allPoints();
  const isEmpty = points.length === 0 && root.children.length === 0;
  return {
    counts: isEmpty ? { passed: 0, failed: 0, skipped: 0 } : root.counts(),
    failures: points.filter(({ ok, skip, todo }) => !ok && !skip && !todo).map(wordFailure),
    skips: points.filter(({ skip }) => skip).map(({ fullname, skip }) => `${fullname} (${skip})`),
  };
}

/** The name with all that tap found out: the difference, and where it was asserted. */
function wordFailure({ fullname, diag }: Result): string {
  const lines = [`not ok ${fullname}`];
  for (const [name, fact] of Object.entries<unknown>(diag ?? {})) {
    const text = typeof fact === 'string' ? fact.trimEnd() : inspect(fact, { depth: 5 });
    lines.push(text.includes('\n') ? `${name}:\n${text}` : `${name}: ${text}`);
  }
  return lines.join('\n').replaceAll('\n', '\n    ');
}

/** A test in the tree of TAP, with what it asserts itself and the tests within it. */
class Node {
  readonly children: Node[] = [];
  readonly points: Result[] = [];
  isOk = true;

  allPoints(): Result[] {
    return [...this.points, ...this.children.flatMap((child) => child.allPoints())];
  }

  counts(): TestCounts {
    const within = sumCounts(this.children.map((child) => child.counts()));
    const skipped = this.points.filter(({ skip, todo }) => skip || todo).length;
    const failed = this.points.some(({ ok, skip, todo }) => !ok && !skip && !todo);
    within.skipped += skipped;
    const isGroup = this.children.length > 0;
    if (failed || !this.isOk) within.failed += isGroup && within.failed > 0 ? 0 : 1;
    // One without assertions ran to its end and raised nothing: passed. One that was all skipped did not run.
    else if (!isGroup && (skipped === 0 || skipped < this.points.length)) within.passed += 1;
    return within;
  }
}

function watch(parser: Parser, node: Node): void {
  parser.on('child', (child: Parser) => {
    const childNode = new Node();
    node.children.push(childNode);
    watch(child, childNode);
  });
  // The point that closes a child repeats what the child said: it is no assertion of its parent.
  parser.on('assert', (result: Result) => {
    if (!result.closingTestPoint) node.points.push(result);
  });
  parser.on('complete', (results: { ok: boolean }) => {
    node.isOk = results.ok;
  });
}
