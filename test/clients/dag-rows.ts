// What RedisAI refuses of DAGs, and what it answers: compat.md section 1.5.

import {
  modelRunRows,
  noTensor,
  type Row,
  tensorRows,
  wrongArity,
  wrongType,
} from './ai-error-rows.ts';
import { scriptRows } from './script-error-rows.ts';

const missing = (name: string) => `ERR missing arguments for '${name}' command`;
const noClause =
  'ERR AI.DAGEXECUTE and AI.DAGEXECUTE_RO commands must contain at least one out of ROUTING, LOAD, PERSIST keywords';
const empty = 'ERR DAG is empty';
const unexpected = (word: string) => `ERR Invalid DAG command. Unexpected argument:  ${word}`;
const noInput = 'ERR INPUT key cannot be found in DAG';
const unsupported = 'Unsupported command within DAG';
const deprecated = (name: string) => `Deprecated ${name} cannot be used in AI.DAGEXECUTE command`;
const notDeprecated = (name: string) => `${name} cannot be used in a deprecated AI.DAGRUN command`;
const bareArity = (name: string) => `wrong number of arguments for '${name}' command`;
const noTimeout = 'ERR TIMEOUT not allowed within a DAG command';
const keysMissing = (clause: string) =>
  `ERR missing arguments after ${clause} keyword in DAG command`;
const keyCount = (clause: string) =>
  `ERR invalid or negative value found in number of keys to ${clause}`;
const tooFewToLoad =
  'ERR number of keys to LOAD into DAG does not match the number of given arguments';
const tooFewToPersist =
  'ERR number of keys to PERSIST after DAG execution does not match the number of given arguments';

/** With the data of `givenData`. */
export const dagRows: readonly Row[] = [
  // Too short.
  ['AI.DAGEXECUTE', missing('AI.DAGEXECUTE')],
  ['ai.dagexecute LOAD 1 t |>', missing('AI.DAGEXECUTE')],
  ['AI.DAGEXECUTE NOPE a b c', missing('AI.DAGEXECUTE')],
  ['AI.DAGEXECUTE_RO', missing('AI.DAGEXECUTE_RO')],
  ['AI.DAGEXECUTE_RO ROUTING x |> AI.TENSORGET', missing('AI.DAGEXECUTE_RO')],
  ['AI.DAGRUN', wrongArity('AI.DAGRUN')],
  ['ai.dagrun |> AI.TENSORGET', wrongArity('AI.DAGRUN')],
  ['AI.DAGRUN_RO', wrongArity('AI.DAGRUN_RO')],
  ['AI.DAGRUN_RO LOAD 1', wrongArity('AI.DAGRUN_RO')],

  // No clause, no operation.
  ['AI.DAGEXECUTE |> AI.TENSORSET k FLOAT 1', noClause],
  ['AI.DAGEXECUTE_RO |> AI.TENSORSET k FLOAT 1', noClause],
  ['AI.DAGEXECUTE TIMEOUT 10 |> AI.TENSORGET t', noClause],
  ['AI.DAGEXECUTE |> NOPE a b c d', noClause],
  ['AI.DAGEXECUTE TIMEOUT 10 |> AI.TENSORGET t |>', unexpected('|>')],
  ['AI.DAGEXECUTE LOAD 3 t u text', empty],
  ['AI.DAGEXECUTE ROUTING x LOAD 1 t', empty],
  ['AI.DAGEXECUTE_RO ROUTING x LOAD 1 t', empty],
  ['AI.DAGEXECUTE TIMEOUT 1 ROUTING x PERSIST 1 k', empty],
  ['AI.DAGRUN LOAD 1 t', empty],
  ['AI.DAGRUN_RO TIMEOUT 100 ROUTING x', empty],

  // Stray words.
  ['AI.DAGEXECUTE NOPE LOAD 1 t |> AI.TENSORGET t', unexpected('NOPE')],
  ['AI.DAGEXECUTE LOAD 1 t u |> AI.TENSORGET t', unexpected('u')],
  ['AI.DAGEXECUTE LOAD 1 t LOAD 1 u |> AI.TENSORGET t', unexpected('LOAD')],
  ['AI.DAGEXECUTE load 1 t load 1 u |> AI.TENSORGET t', unexpected('load')],
  ['AI.DAGEXECUTE PERSIST 1 k PERSIST 1 o |> AI.TENSORSET k FLOAT 1', unexpected('PERSIST')],
  ['AI.DAGEXECUTE ROUTING x ROUTING y |> AI.TENSORSET k FLOAT 1', unexpected('ROUTING')],
  ['AI.DAGEXECUTE ROUTING x TIMEOUT 5 TIMEOUT 5 |> AI.TENSORSET k FLOAT 1', unexpected('TIMEOUT')],
  ['AI.DAGEXECUTE LOAD 1 t |> AI.TENSORGET t |>', unexpected('|>')],
  ['AI.DAGEXECUTE LOAD 1 t |> AI.TENSORGET nope NOPE |>', unexpected('|>')],
  ['AI.DAGEXECUTE LOAD 2 t u |>', unexpected('|>')],
  ['AI.DAGRUN |> AI.TENSORSET k FLOAT 1 |>', unexpected('|>')],
  ['AI.DAGRUN |> |> |>', unexpected('|>')],
  ['AI.DAGRUN AI.TENSORSET k FLOAT 1', unexpected('AI.TENSORSET')],

  // LOAD, which reads its keys at once.
  ['AI.DAGRUN ROUTING x LOAD', keysMissing('LOAD')],
  ['AI.DAGRUN ROUTING x LOAD 1', keysMissing('LOAD')],
  ['AI.DAGRUN ROUTING x LOAD |>', keysMissing('LOAD')],
  ...['x', '0', '-1', '1.5', '+1', '01', '9223372036854775808', '""'].map(
    (count): Row => [`AI.DAGEXECUTE LOAD ${count} t |> AI.TENSORGET t`, keyCount('LOAD')],
  ),
  ['AI.DAGEXECUTE LOAD 9 t |> AI.TENSORGET t', tooFewToLoad],
  ['AI.DAGEXECUTE LOAD 9223372036854775807 t |> AI.TENSORGET t', tooFewToLoad],
  ['AI.DAGEXECUTE LOAD 1 missing |> AI.TENSORGET missing', noTensor],
  ['AI.DAGEXECUTE LOAD 2 t missing |> AI.TENSORGET t', noTensor],
  ['AI.DAGEXECUTE_RO LOAD 1 missing |> AI.TENSORGET missing', noTensor],
  ['AI.DAGRUN LOAD 1 missing |> AI.TENSORGET missing', noTensor],
  ['AI.DAGEXECUTE LOAD 1 string |> AI.TENSORGET string', wrongType],
  ['AI.DAGEXECUTE LOAD 2 string missing |> AI.TENSORGET string', wrongType],
  ['AI.DAGEXECUTE LOAD 2 missing string |> AI.TENSORGET string', noTensor],
  ['AI.DAGEXECUTE LOAD 2 t |> |> AI.TENSORGET t', noTensor],
  ['AI.DAGEXECUTE LOAD 1 missing PERSIST x k |> AI.TENSORGET t', noTensor],
  ['AI.DAGEXECUTE PERSIST x k LOAD 1 missing |> AI.TENSORGET t', keyCount('PERSIST')],
  ['AI.DAGEXECUTE LOAD 1 missing NOPE |> AI.TENSORGET t', noTensor],
  ['AI.DAGEXECUTE LOAD 1 string |> AI.TENSORGET t |>', wrongType],
  ['AI.DAGEXECUTE TIMEOUT x LOAD 1 missing |> AI.TENSORGET t', 'ERR Invalid value for TIMEOUT'],

  // PERSIST.
  ['AI.DAGRUN ROUTING x PERSIST', keysMissing('PERSIST')],
  ['AI.DAGRUN ROUTING x PERSIST 1', keysMissing('PERSIST')],
  ...['x', '0', '-1', '1.5', '9223372036854775808'].map(
    (count): Row => [
      `AI.DAGEXECUTE PERSIST ${count} k |> AI.TENSORSET k FLOAT 1`,
      keyCount('PERSIST'),
    ],
  ),
  ['AI.DAGEXECUTE PERSIST 9 k |> AI.TENSORSET k FLOAT 1', tooFewToPersist],
  ['AI.DAGEXECUTE PERSIST 9223372036854775807 k |> AI.TENSORGET t', tooFewToPersist],
  ['AI.DAGEXECUTE PERSIST 2 k k |> AI.TENSORSET k FLOAT 1', 'ERR PERSIST keys must be unique'],
  ['AI.DAGEXECUTE PERSIST 3 k o k |> AI.TENSORSET k FLOAT 1', 'ERR PERSIST keys must be unique'],
  ['AI.DAGEXECUTE PERSIST 2 "\\xff" "\\xff" |> NOPE', 'ERR PERSIST keys must be unique'],
  [
    'AI.DAGEXECUTE_RO PERSIST 1 k |> AI.TENSORSET k FLOAT 1',
    'ERR PERSIST cannot be specified in a read-only DAG',
  ],
  [
    'AI.DAGEXECUTE_RO PERSIST x k |> AI.TENSORSET k FLOAT 1',
    'ERR PERSIST cannot be specified in a read-only DAG',
  ],
  [
    'AI.DAGRUN_RO PERSIST 1 k |> AI.TENSORSET k FLOAT 1',
    'ERR PERSIST cannot be specified in a read-only DAG',
  ],
  ['AI.DAGEXECUTE PERSIST 1 k |> AI.TENSORSET a FLOAT 1', 'ERR PERSIST key cannot be found in DAG'],
  [
    'AI.DAGEXECUTE PERSIST 2 a k |> AI.TENSORSET a FLOAT 1',
    'ERR PERSIST key cannot be found in DAG',
  ],
  [
    'AI.DAGEXECUTE PERSIST 1 u LOAD 1 t |> AI.TENSORGET t',
    'ERR PERSIST key cannot be found in DAG',
  ],
  ['AI.DAGRUN PERSIST 1 k |> AI.TENSORSET K FLOAT 1', 'ERR PERSIST key cannot be found in DAG'],
  ['AI.DAGEXECUTE PERSIST 1 k |> AI.TENSORGET a', noInput],

  // ROUTING and TIMEOUT.
  ['AI.DAGRUN TIMEOUT 5 ROUTING', 'ERR Missing ROUTING value'],
  ['AI.DAGEXECUTE LOAD 1 t TIMEOUT 5 ROUTING', 'ERR Missing ROUTING value'],
  ['AI.DAGRUN ROUTING x TIMEOUT', 'ERR No value provided for TIMEOUT'],
  ['AI.DAGEXECUTE LOAD 1 t ROUTING x TIMEOUT', 'ERR No value provided for TIMEOUT'],
  ...['x', '0', '-1', '1.5', '9223372036854775808', '|>'].map(
    (ms): Row => [
      `AI.DAGEXECUTE ROUTING x TIMEOUT ${ms} |> AI.TENSORSET k FLOAT 1`,
      'ERR Invalid value for TIMEOUT',
    ],
  ),

  // Operations of the wrong kind.
  ['AI.DAGEXECUTE ROUTING x |> NOPE t', unsupported],
  ['AI.DAGEXECUTE ROUTING x |> SET k v', unsupported],
  ['AI.DAGEXECUTE ROUTING x |> AI.DAGRUN |> AI.TENSORGET t', unsupported],
  ['AI.DAGEXECUTE ROUTING x |> AI.MODELDEL m', unsupported],
  ['AI.DAGEXECUTE ROUTING x |> "" t', unsupported],
  ['AI.DAGEXECUTE ROUTING x |> |> AI.TENSORSET k FLOAT 1', unsupported],
  ['AI.DAGRUN |> NOPE k FLOAT', unsupported],
  ['AI.DAGEXECUTE ROUTING x |> AI.TENSORSET k NOPE 1 |> NOPE', 'ERR invalid data type'],
  [
    'AI.DAGEXECUTE ROUTING x |> AI.TENSORSET k FLOAT 0 |> NOPE',
    'ERR invalid or negative value found in tensor shape',
  ],
  ['AI.DAGEXECUTE ROUTING x |> NOPE |> AI.TENSORSET k FLOAT 0', unsupported],
  ['AI.DAGEXECUTE ROUTING x |> AI.TENSORGET k |> NOPE', unsupported],
  ['AI.DAGEXECUTE ROUTING x |> AI.MODELRUN m INPUTS t OUTPUTS k', deprecated('AI.MODELRUN')],
  ['AI.DAGEXECUTE ROUTING x |> ai.modelrun m', deprecated('AI.MODELRUN')],
  ['AI.DAGEXECUTE_RO ROUTING x |> AI.MODELRUN m INPUTS t OUTPUTS k', deprecated('AI.MODELRUN')],
  ['AI.DAGEXECUTE ROUTING x |> AI.SCRIPTRUN s f INPUTS t OUTPUTS k', deprecated('AI.SCRIPTRUN')],
  ['AI.DAGRUN |> AI.MODELEXECUTE m INPUTS 1 t OUTPUTS 1 k', notDeprecated('AI.MODELEXECUTE')],
  ['AI.DAGRUN_RO |> AI.MODELEXECUTE m INPUTS 1 t OUTPUTS 1 k', notDeprecated('AI.MODELEXECUTE')],
  ['AI.DAGRUN |> AI.SCRIPTEXECUTE s f INPUTS 1 t OUTPUTS 1 k', notDeprecated('AI.SCRIPTEXECUTE')],
  [
    'AI.DAGRUN_RO |> AI.SCRIPTEXECUTE s f INPUTS 1 t OUTPUTS 1 k',
    notDeprecated('AI.SCRIPTEXECUTE'),
  ],
  [
    'AI.DAGEXECUTE_RO ROUTING x |> AI.SCRIPTEXECUTE s f INPUTS 1 t OUTPUTS 1 k',
    'ERR AI.SCRIPTEXECUTE command cannot be specified in a read-only DAG',
  ],

  // Names that nothing makes before they are read.
  ['AI.DAGEXECUTE ROUTING x |> AI.TENSORGET t', noInput],
  ['AI.DAGEXECUTE_RO LOAD 1 u |> AI.TENSORGET t', noInput],
  ['AI.DAGEXECUTE ROUTING x |> AI.TENSORGET k |> AI.TENSORSET k FLOAT 1', noInput],
  ['AI.DAGRUN |> AI.TENSORGET k VALUES', noInput],

  // Words of tensors. The first of these ended RedisAI's process.
  ['AI.DAGEXECUTE ROUTING x |> AI.TENSORSET k FLOAT 1 |> AI.TENSORGET', bareArity('AI.TENSORGET')],
  ['AI.DAGRUN |> AI.TENSORGET |> AI.TENSORSET k FLOAT 1', bareArity('AI.TENSORGET')],
  ['AI.DAGEXECUTE LOAD 1 t |> AI.TENSORGET t META BLOB META', bareArity('AI.TENSORGET')],
  ['AI.DAGEXECUTE LOAD 1 t |> AI.TENSORGET t NOPE', 'ERR unsupported data format'],
  ['AI.DAGEXECUTE LOAD 1 t |> AI.TENSORGET t BLOB VALUES', 'ERR both BLOB and VALUES specified'],
  ['AI.DAGRUN ROUTING x |> AI.TENSORSET', bareArity('AI.TENSORSET')],
  ['AI.DAGEXECUTE ROUTING x |> AI.TENSORSET k FLOAT', bareArity('AI.TENSORSET')],
  ['AI.DAGEXECUTE ROUTING x |> AI.TENSORSET k NOPE |> AI.TENSORGET k', bareArity('AI.TENSORSET')],
  // All that AI.TENSORSET says of types, shapes and elements; names in a DAG are no keys.
  ...tensorRows
    .filter(
      ([command, wanted]) =>
        command.startsWith('AI.TENSORSET ') &&
        wanted !== wrongType &&
        !/arguments for/.test(`${wanted}`),
    )
    .map(([command, wanted]): Row => [`AI.DAGRUN |> ${command} |> NOPE`, wanted]),
];

const isOf = (name: string, row: Row) => row[0].startsWith(`${name} `);
const loaded = 'LOAD 4 t u fits wide';

/** With the data of `modelRunRows` and `scriptRows`. */
export const dagRunRows: readonly Row[] = [
  // All that these commands say of their words: a row whose text does not depend on the keyspace or a run.
  ...[...modelRunRows, ...scriptRows]
    .filter(([command, wanted]) => !/TIMEOUT/.test(command) && typeof wanted === 'string')
    .filter(([, wanted]) => wanted !== noTensor && !/^Function|^Wrong|^Unsupp/.test(`${wanted}`))
    .flatMap((row): Row[] => {
      const [command, wanted] = row;
      const isOfKey = wanted !== wrongType || !/PUTS (1 )?(string|list|torch)\b/.test(command);
      if (!isOfKey) return [];
      if (isOf('AI.MODELEXECUTE', row)) return [[`AI.DAGEXECUTE ${loaded} |> ${command}`, wanted]];
      if (isOf('AI.MODELRUN', row)) return [[`AI.DAGRUN ${loaded} |> ${command}`, wanted]];
      if (isOf('AI.SCRIPTRUN', row)) return [[`AI.DAGRUN ${loaded} |> ${command}`, wanted]];
      // In a DAG no scope must be given, and any may be the first.
      if (command === 'AI.SCRIPTEXECUTE s entry') return [];
      if (isOf('AI.SCRIPTEXECUTE', row) && !/must be provided first/.test(`${wanted}`))
        return [[`AI.DAGEXECUTE ${loaded} |> ${command}`, wanted]];
      return [];
    }),
  ['AI.DAGEXECUTE ROUTING x |> AI.MODELEXECUTE m', wrongArity('AI.MODELEXECUTE')],
  ['AI.DAGRUN ROUTING x |> AI.MODELRUN', wrongArity('AI.MODELRUN')],
  ['AI.DAGEXECUTE ROUTING x |> AI.SCRIPTEXECUTE s', wrongArity('AI.SCRIPTEXECUTE')],
  ['AI.DAGRUN ROUTING x |> AI.SCRIPTRUN s', wrongArity('AI.SCRIPTRUN')],
  ['AI.DAGEXECUTE LOAD 1 t |> AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 1 o TIMEOUT 5', noTimeout],
  ['AI.DAGEXECUTE LOAD 1 t |> AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 1 o TIMEOUT', noTimeout],
  [
    'AI.DAGEXECUTE LOAD 1 t |> AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS 1 o TIMEOUT 5',
    noTimeout,
  ],
  ['AI.DAGRUN LOAD 1 t |> AI.MODELRUN torch TIMEOUT 5 INPUTS t OUTPUTS o', noTimeout],
  ['AI.DAGRUN LOAD 1 t |> AI.SCRIPTRUN s few INPUTS t t OUTPUTS o TIMEOUT 5', noTimeout],
  ['AI.DAGEXECUTE ROUTING x |> AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 1 o', noInput],
  ['AI.DAGEXECUTE LOAD 1 t |> AI.MODELEXECUTE two INPUTS 2 t missing OUTPUTS 2 o p', noInput],
  ['AI.DAGEXECUTE LOAD 1 t |> AI.MODELEXECUTE torch INPUTS 1 o OUTPUTS 1 o', noInput],
  ['AI.DAGRUN LOAD 1 t |> AI.SCRIPTRUN s few INPUTS t o OUTPUTS o', noInput],
  ['AI.DAGEXECUTE LOAD 1 t |> AI.SCRIPTEXECUTE s entry INPUTS 1 o OUTPUTS 1 o', noInput],
  // An operation ends at the next pipe.
  [
    'AI.DAGEXECUTE LOAD 1 t |> AI.MODELEXECUTE two INPUTS 2 t t OUTPUTS 2 o |> AI.TENSORGET t',
    'ERR number of output keys to AI.MODELEXECUTE command does not match the number of given arguments',
  ],
  [
    'AI.DAGEXECUTE LOAD 1 t |> AI.SCRIPTEXECUTE s entry INPUTS 2 t |> AI.TENSORGET t',
    'ERR number of inputs to AI.SCRIPTEXECUTE command does not match the number of given arguments',
  ],
  [
    'AI.DAGEXECUTE LOAD 1 t |> AI.SCRIPTEXECUTE s entry KEYS |> AI.TENSORGET t',
    'ERR Missing arguments after KEYS keyword',
  ],
];

/** A command, its reply in RESP2, and that in RESP3 where it differs. */
export type ReplyRow = readonly [command: string, resp2: string, resp3?: string];

/** With the data of `givenData`. */
export const dagReplies: readonly ReplyRow[] = [
  ['AI.DAGRUN |> AI.TENSORSET a FLOAT 1', '*1\r\n+OK\r\n'],
  [
    'ai.dagexecute routing x |> ai.tensorset a float 1 values 1 |> ai.tensorget a values',
    '*2\r\n+OK\r\n*1\r\n$1\r\n1\r\n',
    '*2\r\n+OK\r\n*1\r\n,1\r\n',
  ],
  [
    'AI.DAGEXECUTE LOAD 1 t |> AI.TENSORGET t META',
    '*1\r\n*4\r\n$5\r\ndtype\r\n$5\r\nFLOAT\r\n$5\r\nshape\r\n*1\r\n:2\r\n',
  ],
  [
    'AI.DAGEXECUTE_RO LOAD 1 t |> AI.TENSORGET t BLOB',
    '*1\r\n$8\r\n\x00\x00\x80?\x00\x00\x00@\r\n',
  ],
  [
    'AI.DAGRUN_RO LOAD 1 text |> AI.TENSORGET text',
    '*1\r\n*6\r\n$5\r\ndtype\r\n$6\r\nSTRING\r\n$5\r\nshape\r\n*1\r\n:2\r\n$4\r\nblob\r\n$4\r\na\x00b\x00\r\n',
  ],
  [
    'AI.DAGRUN_RO LOAD 1 text |> AI.TENSORGET text META VALUES',
    '*1\r\n*6\r\n$5\r\ndtype\r\n$6\r\nSTRING\r\n$5\r\nshape\r\n*1\r\n:2\r\n$6\r\nvalues\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n',
  ],
  [
    'AI.DAGRUN |> AI.TENSORSET a INT8 BLOB a |> AI.TENSORGET a META VALUES',
    '*2\r\n+OK\r\n*6\r\n$5\r\ndtype\r\n$4\r\nINT8\r\n$5\r\nshape\r\n*0\r\n$6\r\nvalues\r\n*1\r\n:97\r\n',
  ],
  // A reader sees the latest assignment before it.
  [
    'AI.DAGEXECUTE LOAD 1 t |> AI.TENSORGET t VALUES |> AI.TENSORSET t INT8 1 VALUES 5 |> AI.TENSORGET t VALUES |> AI.TENSORSET t INT8 1 VALUES 6',
    '*4\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n+OK\r\n*1\r\n:5\r\n+OK\r\n',
    '*4\r\n*2\r\n,1\r\n,2\r\n+OK\r\n*1\r\n:5\r\n+OK\r\n',
  ],
  // Names are bytes, of which keywords, keys and no bytes at all are some.
  [
    'AI.DAGRUN LOAD 1 t |> AI.TENSORSET LOAD INT8 1 VALUES 1 |> AI.TENSORSET string INT8 1 VALUES 2 |> AI.TENSORSET "" INT8 1 VALUES 3 |> AI.TENSORSET "\\xff\\x00" INT8 1 VALUES 4 |> AI.TENSORSET "\\xff\\x01" INT8 1 VALUES 5 |> AI.TENSORGET string VALUES |> AI.TENSORGET "" VALUES |> AI.TENSORGET "\\xff\\x00" VALUES |> AI.TENSORGET LOAD VALUES',
    '*9\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n*1\r\n:2\r\n*1\r\n:3\r\n*1\r\n:4\r\n*1\r\n:1\r\n',
  ],
  // Clauses come in any order.
  [
    'AI.DAGEXECUTE TIMEOUT 100 PERSIST 2 x1 t LOAD 1 t ROUTING |> |> AI.TENSORSET x1 INT8 1 VALUES 7',
    '*1\r\n+OK\r\n',
  ],
  ['AI.TENSORGET x1 VALUES', '*1\r\n:7\r\n'],
  [
    'AI.DAGEXECUTE PERSIST 1 x1 |> AI.TENSORSET x1 INT8 1 VALUES 1 |> AI.TENSORGET x1 VALUES |> AI.TENSORSET x1 INT8 1 VALUES 2',
    '*3\r\n+OK\r\n*1\r\n:1\r\n+OK\r\n',
  ],
  ['AI.TENSORGET x1 VALUES', '*1\r\n:2\r\n'],
  ['AI.DAGRUN LOAD 1 x1 |> AI.TENSORSET x1 INT8 1 VALUES 9', '*1\r\n+OK\r\n'],
  ['AI.TENSORGET x1 VALUES', '*1\r\n:2\r\n'],
  ['DEL x1', ':1\r\n'],
  // All keys or none; the error is one more element.
  [
    'AI.DAGEXECUTE PERSIST 3 x1 string x2 |> AI.TENSORSET x1 INT8 1 |> AI.TENSORSET string INT8 1 |> AI.TENSORSET x2 INT8 1',
    `*4\r\n+OK\r\n+OK\r\n+OK\r\n-${wrongType}\r\n`,
  ],
  ['EXISTS x1 x2', ':0\r\n'],
  ['GET string', '$1\r\nx\r\n'],
];

const error = '[^\r\n]+\r\n';

/** With the data of `modelRunRows` and `scriptRows`; each reply is a pattern. */
export const dagRunReplies: readonly (readonly [command: string, wanted: RegExp])[] = [
  [
    'AI.DAGEXECUTE LOAD 1 fits |> AI.MODELEXECUTE torch INPUTS 1 fits OUTPUTS 1 o |> AI.TENSORGET o META',
    /^\*2\r\n\+OK\r\n\*4\r\n.*shape\r\n\*2\r\n:8\r\n:2\r\n$/s,
  ],
  [
    'AI.DAGEXECUTE_RO LOAD 1 fits |> AI.MODELEXECUTE onnx INPUTS 1 fits OUTPUTS 1 fits |> AI.TENSORGET fits META',
    /^\*2\r\n\+OK\r\n\*4\r\n.*shape\r\n\*2\r\n:8\r\n:2\r\n$/s,
  ],
  [
    'AI.DAGRUN LOAD 1 fits |> AI.MODELRUN torch INPUTS fits OUTPUTS o |> AI.MODELRUN onnx INPUTS fits OUTPUTS p',
    /^\*2\r\n\+OK\r\n\+OK\r\n$/,
  ],
  ['AI.DAGRUN_RO LOAD 1 fits |> AI.MODELRUN torch INPUTS fits OUTPUTS o', /^\*1\r\n\+OK\r\n$/],
  [
    'AI.DAGRUN_RO LOAD 1 t |> AI.SCRIPTRUN s few INPUTS t t OUTPUTS o |> AI.TENSORGET o VALUES',
    /^\*2\r\n\+OK\r\n\*2\r\n\$1\r\n2\r\n\$1\r\n4\r\n$/,
  ],
  [
    'AI.DAGEXECUTE LOAD 1 t |> AI.SCRIPTEXECUTE s entry OUTPUTS 1 o ARGS 1 a INPUTS 1 t KEYS 1 q |> AI.TENSORGET o VALUES',
    /^\*2\r\n\+OK\r\n\*2\r\n\$1\r\n2\r\n\$1\r\n3\r\n$/,
  ],
  [
    'AI.DAGEXECUTE LOAD 1 t |> AI.SCRIPTEXECUTE s few INPUTS 2 t t OUTPUTS 1 t |> AI.SCRIPTEXECUTE s few INPUTS 2 t t OUTPUTS 1 t |> AI.TENSORGET t VALUES',
    /^\*3\r\n\+OK\r\n\+OK\r\n\*2\r\n\$1\r\n4\r\n\$1\r\n8\r\n$/,
  ],
  // A failure in the middle: what comes after it is not run.
  [
    'AI.DAGEXECUTE LOAD 1 t |> AI.SCRIPTEXECUTE s few INPUTS 2 t t OUTPUTS 1 a |> AI.SCRIPTEXECUTE s raising INPUTS 1 a OUTPUTS 1 b |> AI.SCRIPTEXECUTE s few INPUTS 2 t t OUTPUTS 1 c |> AI.TENSORGET a VALUES |> AI.TENSORGET b |> AI.TENSORGET c VALUES |> AI.TENSORSET d INT8 1',
    new RegExp(
      `^\\*7\r\n\\+OK\r\n-${error}\\+NA\r\n\\*2\r\n\\$1\r\n2\r\n\\$1\r\n4\r\n\\+NA\r\n\\+NA\r\n\\+OK\r\n$`,
    ),
  ],
  [
    'AI.DAGEXECUTE LOAD 1 t PERSIST 2 o t |> AI.SCRIPTEXECUTE s nope INPUTS 1 t OUTPUTS 1 o',
    /^\*1\r\n-Function does not exist: nope\r\n$/,
  ],
  [
    'AI.DAGEXECUTE LOAD 1 t PERSIST 1 o |> AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 1 o',
    new RegExp(`^\\*1\r\n-${error}$`),
  ],
  [
    'AI.DAGEXECUTE LOAD 1 wide PERSIST 1 o |> AI.MODELEXECUTE onnx INPUTS 1 wide OUTPUTS 1 o |> AI.TENSORGET o',
    /^\*2\r\n-[^\r\n]*invalid dimensions[^\r\n]*\r\n\+NA\r\n$/i,
  ],
  [
    'AI.DAGEXECUTE LOAD 1 t PERSIST 1 o |> AI.SCRIPTEXECUTE s raising INPUTS 1 t OUTPUTS 1 o |> AI.TENSORSET o INT8 1',
    new RegExp(`^\\*2\r\n-${error}\\+OK\r\n$`),
  ],
  // Persisting fails after all went well.
  [
    'AI.DAGEXECUTE LOAD 1 t PERSIST 2 o string |> AI.SCRIPTEXECUTE s few INPUTS 2 t t OUTPUTS 1 o |> AI.SCRIPTEXECUTE s few INPUTS 2 t o OUTPUTS 1 string',
    new RegExp(`^\\*3\r\n\\+OK\r\n\\+OK\r\n-${wrongType}\r\n$`),
  ],
];
