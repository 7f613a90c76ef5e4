// The commands that access rules speak of, by name and category.

/** A command or subcommand, as rules see it. */
export interface RuledCommand {
  /** Its bit in what a selector allows: containers before their subcommands. */
  readonly index: number;
  /** Lower case; `config|get` for a subcommand. */
  readonly name: string;
  /** Without `@`. */
  readonly categories: readonly string[];
  readonly isSubcommand: boolean;
  readonly subcommands: readonly RuledCommand[];
}

/** What a catalog is made from: a row of the command table. */
export interface RuledRow {
  readonly name: string;
  readonly categories: readonly string[];
  readonly subcommands: readonly RuledRow[];
}

/** All categories, in the order of ACL CAT (redis:src/acl.c `ACLCommandCategories`). */
export const categoryNames: readonly string[] = [
  'keyspace',
  'read',
  'write',
  'set',
  'sortedset',
  'list',
  'hash',
  'string',
  'bitmap',
  'hyperloglog',
  'geo',
  'stream',
  'pubsub',
  'admin',
  'fast',
  'slow',
  'blocking',
  'dangerous',
  'connection',
  'transaction',
  'scripting',
];

export class CommandCatalog {
  readonly #byName = new Map<string, RuledCommand>();
  readonly #byCategory = new Map<string, RuledCommand[]>();

  constructor(rows: Iterable<RuledRow>) {
    for (const name of categoryNames) this.#byCategory.set(name, []);
    for (const row of rows) this.#add(row, row.name, false);
  }

  #add(row: RuledRow, name: string, isSubcommand: boolean): RuledCommand {
    const subcommands: RuledCommand[] = [];
    const command: RuledCommand = {
      index: this.#byName.size,
      name,
      categories: row.categories,
      isSubcommand,
      subcommands,
    };
    this.#byName.set(name, command);
    for (const category of row.categories) this.#byCategory.get(category)?.push(command);
    for (const sub of row.subcommands) {
      subcommands.push(this.#add(sub, `${name}|${sub.name}`, true));
    }
    return command;
  }

  get size(): number {
    return this.#byName.size;
  }

  /** @param name In lower case. */
  find(name: string): RuledCommand | undefined {
    return this.#byName.get(name);
  }

  /** Commands and subcommands of a category, or undefined if there is no such category. */
  inCategory(name: string): readonly RuledCommand[] | undefined {
    return this.#byCategory.get(name.toLowerCase());
  }
}
