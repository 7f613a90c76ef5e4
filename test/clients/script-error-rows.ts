// What RedisAI refuses of scripts, and in which words: the tables of compat.md section 1.4.

import { anyError, noTensor, type Row, wrongArity, wrongType } from './ai-error-rows.ts';

export const SOURCE = `
"def entry(tensors: List[Tensor], keys: List[str], args: List[str]):
    return tensors[0] + 1

def raising(tensors: List[Tensor], keys: List[str], args: List[str]):
    assert len(tensors) == 0, 'this script always raises'
    return tensors[0]

def few(a, b):
    return a + b

def number(a):
    return 3

def typed(a: int):
    return torch.zeros(a)
"`
  .trim()
  .replaceAll('\n', '\\n');

export const scriptRows: readonly Row[] = [
  ['AI.SCRIPTSTORE', wrongArity('ai.scriptstore')],
  ['AI.SCRIPTSTORE k CPU ENTRY_POINTS 1 f SOURCE', wrongArity('ai.scriptstore')],
  [
    'AI.SCRIPTSTORE k CPU NOPE 1 f SOURCE x',
    'ERR Insufficient arguments, missing script entry points',
  ],
  [
    'AI.SCRIPTSTORE k CPU ENTRY_POINTS 9 f SOURCE x',
    'ERR Insufficient arguments, missing script entry points',
  ],
  [
    'AI.SCRIPTSTORE k CPU ENTRY_POINTS x f SOURCE x',
    'ERR Non numeric entry points number provided to AI.SCRIPTSTORE command',
  ],
  [
    'AI.SCRIPTSTORE k CPU ENTRY_POINTS 1 f NOPE x',
    'ERR Insufficient arguments, missing script SOURCE',
  ],
  [
    'AI.SCRIPTSTORE k CPU TAG t ENTRY_POINTS 1 f SOURCE',
    'ERR Insufficient arguments, missing script SOURCE',
  ],
  [
    `AI.SCRIPTSTORE k CPU ENTRY_POINTS 1 nope SOURCE ${SOURCE}`,
    'Function nope does not exist in the given script.',
  ],
  [
    `AI.SCRIPTSTORE k CPU ENTRY_POINTS 2 entry few SOURCE ${SOURCE}`,
    'Wrong number of inputs in function few. Expected 3 but was 2',
  ],
  [
    'AI.SCRIPTSTORE k CPU ENTRY_POINTS 1 f SOURCE "def f(a, b, c):\\n    return a\\n"',
    'Wrong inputs type in function f. Expected signature similar to: def f(tensors: List[Tensor], keys: List[str], args: List[str])',
  ],
  [
    'AI.SCRIPTSTORE k CPU ENTRY_POINTS 1 f SOURCE "def f(a):\\n    return no_such_name + a"',
    /no_such_name/,
  ],
  ['AI.SCRIPTSTORE k CPU ENTRY_POINTS 1 f SOURCE "this is no script"', anyError],
  [`AI.SCRIPTSTORE k XPU ENTRY_POINTS 1 entry SOURCE ${SOURCE}`, 'ERR unsupported device'],
  [`AI.SCRIPTSTORE string CPU ENTRY_POINTS 1 entry SOURCE ${SOURCE}`, wrongType],
  ['AI.SCRIPTSET', wrongArity('ai.scriptset')],
  ['AI.SCRIPTSET k CPU SOURCE', wrongArity('ai.scriptset')],
  ['AI.SCRIPTSET k CPU TAG t SOURCE', wrongArity('ai.scriptset')],
  ['AI.SCRIPTSET k CPU SOURCE a b', wrongArity('ai.scriptset')],
  ['AI.SCRIPTSET k CPU NOPE x', anyError],
  ['AI.SCRIPTSET k CPU SOURCE "return 1"', anyError],
  ['AI.SCRIPTSET k CPU SOURCE "def f(a):\\n    return a + \\x00"', anyError],
  [`AI.SCRIPTSET k XPU SOURCE ${SOURCE}`, 'ERR unsupported device'],
  [`AI.SCRIPTSET t CPU SOURCE ${SOURCE}`, wrongType],
  ['AI.SCRIPTGET', wrongArity('ai.scriptget')],
  ['AI.SCRIPTGET s META SOURCE x', wrongArity('ai.scriptget')],
  ['AI.SCRIPTGET k', 'ERR script key is empty'],
  ['AI.SCRIPTGET t', wrongType],
  ['AI.SCRIPTDEL', wrongArity('ai.scriptdel')],
  ['AI.SCRIPTDEL k', 'ERR script key is empty'],
  ['AI.SCRIPTDEL t', wrongType],
  ['AI._SCRIPTSCAN x', wrongArity('ai._scriptscan')],
  ['AI.SCRIPTEXECUTE', wrongArity('AI.SCRIPTEXECUTE')],
  ['AI.SCRIPTEXECUTE s', wrongArity('AI.SCRIPTEXECUTE')],
  ['AI.SCRIPTEXECUTE k entry INPUTS 1 t OUTPUTS 1 o', 'ERR script key is empty'],
  ['AI.SCRIPTEXECUTE t entry INPUTS 1 t OUTPUTS 1 o', wrongType],
  ['AI.SCRIPTEXECUTE s entry', wrongArity('AI.SCRIPTEXECUTE')],
  // Any word names a function.
  [
    'AI.SCRIPTEXECUTE s INPUTS 1 t',
    'ERR KEYS or INPUTS scope must be provided first for AI.SCRIPTEXECUTE command',
  ],
  [
    'AI.SCRIPTEXECUTE s KEYS 1 k INPUTS 2 t u OUTPUTS 1 o',
    'ERR KEYS or INPUTS scope must be provided first for AI.SCRIPTEXECUTE command',
  ],
  [
    'AI.SCRIPTEXECUTE s entry ARGS 1 t',
    'ERR KEYS or INPUTS scope must be provided first for AI.SCRIPTEXECUTE command',
  ],
  [
    'AI.SCRIPTEXECUTE s entry OUTPUTS 1 t',
    'ERR KEYS or INPUTS scope must be provided first for AI.SCRIPTEXECUTE command',
  ],
  [
    'AI.SCRIPTEXECUTE s entry KEYS 1 k KEYS 1 k',
    'ERR Already Encountered KEYS scope in AI.SCRIPTEXECUTE command',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t INPUTS 1 t',
    'ERR Already Encountered INPUTS scope in AI.SCRIPTEXECUTE command',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t ARGS 1 a ARGS 1 a',
    'ERR Already Encountered ARGS scope in AI.SCRIPTEXECUTE command',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS 1 o OUTPUTS 1 o',
    'ERR Already Encountered OUTPUTS scope in AI.SCRIPTEXECUTE command',
  ],
  ['AI.SCRIPTEXECUTE s entry KEYS', 'ERR Missing arguments after KEYS keyword'],
  ['AI.SCRIPTEXECUTE s entry KEYS 1', 'ERR Missing arguments after KEYS keyword'],
  ['AI.SCRIPTEXECUTE s entry KEYS 0 k', 'ERR Invalid or negative value found in number of KEYS'],
  ['AI.SCRIPTEXECUTE s entry KEYS x k', 'ERR Invalid or negative value found in number of KEYS'],
  ['AI.SCRIPTEXECUTE s entry KEYS -1 k', 'ERR Invalid or negative value found in number of KEYS'],
  [
    'AI.SCRIPTEXECUTE s entry KEYS 5 k',
    'ERR Number of pre declared KEYS to be used in the command does not match the number of given arguments',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS',
    'ERR Invalid arguments provided to AI.SCRIPTEXECUTE',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS x t',
    'ERR Invalid argument for inputs count in AI.SCRIPTEXECUTE',
  ],
  [
    'AI.SCRIPTEXECUTE s entry KEYS 1 k INPUTS OUTPUTS',
    'ERR Invalid argument for inputs count in AI.SCRIPTEXECUTE',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS x o',
    'ERR Invalid argument for outputs count in AI.SCRIPTEXECUTE',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS -1 t',
    'ERR Invalid argument for inputs count in AI.SCRIPTEXECUTE',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS -1 o',
    'ERR Invalid argument for outputs count in AI.SCRIPTEXECUTE',
  ],
  [
    'AI.SCRIPTEXECUTE s entry KEYS 1 k ARGS -1 o',
    'ERR Invalid argument for keys count in AI.SCRIPTEXECUTE',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 9223372036854775807 t',
    /^ERR (Invalid argument for inputs count|number of inputs)/,
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t ARGS',
    'ERR Invalid arguments provided to AI.SCRIPTEXECUTE',
  ],
  ['AI.SCRIPTEXECUTE s entry KEYS 1 k ARGS', 'ERR Invalid arguments provided to AI.SCRIPTEXECUTE'],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t ARGS x o',
    'ERR Invalid argument for keys count in AI.SCRIPTEXECUTE',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 5 t',
    'ERR number of inputs to AI.SCRIPTEXECUTE command does not match the number of given arguments',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t ARGS 5 a',
    'ERR number of args to AI.SCRIPTEXECUTE command does not match the number of given arguments',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS 5 a',
    'ERR number of outputs to AI.SCRIPTEXECUTE command does not match the number of given arguments',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t NOPE 1 a',
    'ERR Invalid AI.SCRIPTEXECUTE command. Unexpected argument: NOPE',
  ],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS 1 o TIMEOUT',
    'ERR No value provided for TIMEOUT in AI.SCRIPTEXECUTE',
  ],
  ['AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS 1 o TIMEOUT x', 'ERR Invalid value for TIMEOUT'],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 2 t u OUTPUTS 1 o TIMEOUT TIMEOUT',
    'ERR Invalid value for TIMEOUT',
  ],
  ['AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS 1 o TIMEOUT 0', 'ERR Invalid value for TIMEOUT'],
  [
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS 1 o TIMEOUT 1000 x',
    'ERR Encountered problem parsing AI.SCRIPTEXECUTE',
  ],
  ['AI.SCRIPTEXECUTE s entry INPUTS 1 missing OUTPUTS 1 o', noTensor],
  ['AI.SCRIPTEXECUTE s entry INPUTS 1 string OUTPUTS 1 o', wrongType],
  ['AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS 1 string', wrongType],
  ['AI.SCRIPTEXECUTE s nope INPUTS 1 t OUTPUTS 1 o', 'Function does not exist: nope'],
  [
    'AI.SCRIPTEXECUTE s few INPUTS 1 t OUTPUTS 1 o',
    'Wrong number of inputs provided to function: few',
  ],
  [
    'AI.SCRIPTEXECUTE s typed INPUTS 1 t OUTPUTS 1 o',
    'Unsupported input type in function definition: typed',
  ],
  [
    'AI.SCRIPTEXECUTE s few INPUTS 2 t u OUTPUTS 2 o p',
    'Function returned unexpected number of outputs - few',
  ],
  ['AI.SCRIPTEXECUTE s number INPUTS 1 t OUTPUTS 1 o', 'Function returned non-tensor valuesnumber'],
  ['AI.SCRIPTEXECUTE s raising INPUTS 1 t OUTPUTS 1 o', /this script always raises/],
  ['AI.SCRIPTEXECUTE s few INPUTS 2 t wide OUTPUTS 1 o', anyError],
  ['AI.SCRIPTRUN', /^ERR wrong number of arguments for 'ai\.scriptrun' command$/i],
  ['AI.SCRIPTRUN s', /^ERR wrong number of arguments for 'ai\.scriptrun' command$/i],
  ['AI.SCRIPTRUN k few INPUTS t u OUTPUTS o', 'ERR script key is empty'],
  ['AI.SCRIPTRUN t few INPUTS t u OUTPUTS o', wrongType],
  [
    'AI.SCRIPTRUN s few TIMEOUT 10000 TIMEOUT 10000 INPUTS t u OUTPUTS o',
    'ERR Already encountered an TIMEOUT section in SCRIPTRUN',
  ],
  [
    'AI.SCRIPTRUN s few INPUTS t u OUTPUTS o INPUTS t',
    /^ERR Already encountered an INPUTS section in SCRIPTRUN/,
  ],
  [
    'AI.SCRIPTRUN s few INPUTS t INPUTS u OUTPUTS o',
    /^ERR Already encountered an INPUTS keyword in SCRIPTRUN/,
  ],
  [
    'AI.SCRIPTRUN s few INPUTS t u OUTPUTS o OUTPUTS p',
    /^ERR Already encountered an OUTPUTS keyword in SCRIPTRUN/,
  ],
  [
    'AI.SCRIPTRUN s few INPUTS t u OUTPUTS $ o',
    'ERR Encountered a variable size list of tensors outside of input section',
  ],
  [
    'AI.SCRIPTRUN s few INPUTS $ t $ u OUTPUTS o',
    'ERR Already encountered a variable size list of tensors',
  ],
  ['AI.SCRIPTRUN s few nope INPUTS t u OUTPUTS o', 'ERR Unrecongnized parameter to SCRIPTRUN'],
  ['AI.SCRIPTRUN s few INPUTS t missing OUTPUTS o', noTensor],
  ['AI.SCRIPTRUN s nope INPUTS t OUTPUTS o', 'Function does not exist: nope'],
  ['AI.SCRIPTRUN s few INPUTS t OUTPUTS o', 'Wrong number of inputs provided to function: few'],
];
