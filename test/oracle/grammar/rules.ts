// How the grammar is written: a line is a command with what may stand in each place. `<name>` is a word
// of that kind, `(a|b|)` one of the alternatives, `+` behind either one to three of them.

/** How a reply's order is meant. */
export type Order = 'exact' | 'unordered' | 'shape' | 'scan';

export interface Rule {
  readonly text: string;
  readonly order: Order;
}

export const rules = (order: Order, lines: string): Rule[] =>
  lines
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((text) => ({ text, order }));
