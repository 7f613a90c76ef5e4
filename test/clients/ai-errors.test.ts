// Every refusal of compat.md sections 1.1 to 1.4, 1.6 and 1.9, sent in bytes. After each one a PING on
// the same connection must be answered PONG: one error, and the stream goes on.

import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { makeModels, missingModelMakers, type TestModel } from '../helpers/models.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startServer } from '../helpers/server.ts';
import { encodeLine, splitWords } from '../oracle/table.ts';

/** A command in redis-cli's notation, and the error's text after `-`, whole, or a pattern for it. */
type Row = readonly [command: string, wanted: string | RegExp];

const wrongType = 'WRONGTYPE Operation against a key holding the wrong kind of value';
const wrongArity = (name: string) => `ERR wrong number of arguments for '${name}' command`;
const noTensor = 'ERR tensor key is empty or in a different shard';
const outOfMemory = "OOM command not allowed when used memory > 'maxmemory'.";
/** Where the text is a runtime's own, or its length depends on it. */
const anyError = /^[^\r\n]* [^\r\n]*$/;

/** What the rows below find: a tensor `t`, its like `u`, a string `string`, a list `list`. */
const givenData = [
  'AI.TENSORSET t FLOAT 2 VALUES 1 2',
  'AI.TENSORSET u FLOAT 2 VALUES 3 4',
  'AI.TENSORSET text STRING 2 VALUES a b',
  'SET string x',
  'RPUSH list x',
];

const tensorRows: readonly Row[] = [
  ['AI.TENSORSET', wrongArity('ai.tensorset')],
  ['AI.TENSORSET k', wrongArity('ai.tensorset')],
  ['ai.tensorset k FLOAT', wrongArity('ai.tensorset')],
  ['AI.TENSORSET k UINT32 2', 'ERR invalid data type'],
  ['AI.TENSORSET k UINT64 2', 'ERR invalid data type'],
  ['AI.TENSORSET k FLOAT16 2', 'ERR invalid data type'],
  ['AI.TENSORSET k "" 2', 'ERR invalid data type'],
  ['AI.TENSORSET k NOPE -1', 'ERR invalid data type'],
  ['AI.TENSORSET k FLOAT 0', 'ERR invalid or negative value found in tensor shape'],
  ['AI.TENSORSET k FLOAT -1', 'ERR invalid or negative value found in tensor shape'],
  ['AI.TENSORSET k FLOAT 2 x', 'ERR invalid or negative value found in tensor shape'],
  ['AI.TENSORSET k FLOAT 1.5', 'ERR invalid or negative value found in tensor shape'],
  ['AI.TENSORSET k FLOAT +2', 'ERR invalid or negative value found in tensor shape'],
  ['AI.TENSORSET k FLOAT 02', 'ERR invalid or negative value found in tensor shape'],
  ['AI.TENSORSET k FLOAT " 2"', 'ERR invalid or negative value found in tensor shape'],
  ['AI.TENSORSET k FLOAT ""', 'ERR invalid or negative value found in tensor shape'],
  [
    'AI.TENSORSET k FLOAT 9223372036854775808',
    'ERR invalid or negative value found in tensor shape',
  ],
  ['AI.TENSORSET k FLOAT 2 -1 VALUES 1 2', 'ERR invalid or negative value found in tensor shape'],
  [
    'AI.TENSORSET k FLOAT 2 BLOB',
    "ERR a single binary string should come after the BLOB argument in 'AI.TENSORSET' command",
  ],
  [
    'AI.TENSORSET k FLOAT 2 BLOB aaaa bbbb',
    "ERR a single binary string should come after the BLOB argument in 'AI.TENSORSET' command",
  ],
  [
    'AI.TENSORSET k FLOAT 2 VALUES 1',
    "ERR wrong number of values was given in 'AI.TENSORSET' command",
  ],
  [
    'AI.TENSORSET k FLOAT 2 VALUES',
    "ERR wrong number of values was given in 'AI.TENSORSET' command",
  ],
  [
    'AI.TENSORSET k FLOAT 2 VALUES 1 2 3',
    "ERR wrong number of values was given in 'AI.TENSORSET' command",
  ],
  [
    'AI.TENSORSET k FLOAT VALUES 1 2',
    "ERR wrong number of values was given in 'AI.TENSORSET' command",
  ],
  ['AI.TENSORSET k FLOAT 2 BLOB aaaa', 'ERR data length does not match tensor shape and type'],
  ['AI.TENSORSET k FLOAT 2 BLOB ""', 'ERR data length does not match tensor shape and type'],
  ['AI.TENSORSET k INT8 2 BLOB aaa', 'ERR data length does not match tensor shape and type'],
  ['AI.TENSORSET k BOOL 2 BLOB "\\x01\\x02"', 'ERR BOOL tensor elements must be 0 or 1'],
  ['AI.TENSORSET k BOOL 2 BLOB "\\xff\\x00"', 'ERR BOOL tensor elements must be 0 or 1'],
  ['AI.TENSORSET k BOOL 1 VALUES 2', /^ERR (BOOL tensor elements must be 0 or 1|invalid value)$/],
  [
    'AI.TENSORSET k STRING 2 BLOB "a\\x00"',
    'ERR Number of string elements in data blob does not match tensor length',
  ],
  [
    'AI.TENSORSET k STRING 1 BLOB "a\\x00b\\x00"',
    'ERR Number of string elements in data blob does not match tensor length',
  ],
  [
    'AI.TENSORSET k STRING 1 BLOB "a"',
    'ERR Number of string elements in data blob does not match tensor length',
  ],
  [
    'AI.TENSORSET k STRING 1 BLOB ""',
    'ERR Number of string elements in data blob does not match tensor length',
  ],
  ['AI.TENSORSET k STRING 2 VALUES a "b\\x00c"', 'ERR C-string value contains null character'],
  ['AI.TENSORSET k FLOAT 2 VALUES 1 x', 'ERR invalid value'],
  ['AI.TENSORSET k FLOAT 1 VALUES ""', 'ERR invalid value'],
  ['AI.TENSORSET k FLOAT 1 VALUES nan', 'ERR invalid value'],
  ['AI.TENSORSET k DOUBLE 1 VALUES 1e400', 'ERR invalid value'],
  ['AI.TENSORSET k INT32 1 VALUES 1.5', 'ERR invalid value'],
  ['AI.TENSORSET k INT8 1 VALUES 128', 'ERR invalid value'],
  ['AI.TENSORSET k INT8 1 VALUES -129', 'ERR invalid value'],
  ['AI.TENSORSET k INT16 1 VALUES 32768', 'ERR invalid value'],
  ['AI.TENSORSET k INT32 1 VALUES 2147483648', 'ERR invalid value'],
  ['AI.TENSORSET k INT64 1 VALUES 9223372036854775808', 'ERR invalid value'],
  ['AI.TENSORSET k UINT8 1 VALUES 256', 'ERR invalid value'],
  ['AI.TENSORSET k UINT8 1 VALUES -1', 'ERR invalid value'],
  ['AI.TENSORSET k UINT16 1 VALUES 65536', 'ERR invalid value'],
  ['AI.TENSORSET string FLOAT 2 VALUES 1 2', wrongType],
  ['AI.TENSORSET string NOPE', wrongArity('ai.tensorset')],
  ['AI.TENSORSET string NOPE -1', wrongType],
  ['AI.TENSORSET list FLOAT 2 BLOB x', wrongType],
  // Shapes whose elements or bytes pass 2^63, and one that no machine holds.
  ['AI.TENSORSET k FLOAT 4611686018427387904 4', anyError],
  ['AI.TENSORSET k FLOAT 4294967296 4294967296 VALUES 1', anyError],
  ['AI.TENSORSET k DOUBLE 1152921504606846976 BLOB x', anyError],
  ['AI.TENSORSET k DOUBLE 2305843009213693952', anyError],
  ['AI.TENSORSET k INT8 9223372036854775807', anyError],
  ['AI.TENSORSET k INT8 9223372036854775807 9223372036854775807 BLOB x', anyError],
  ['AI.TENSORSET k FLOAT 1099511627776', anyError],
  ['AI.TENSORGET', wrongArity('ai.tensorget')],
  ['AI.TENSORGET t META BLOB META BLOB', wrongArity('ai.tensorget')],
  ['AI.TENSORGET k', noTensor],
  ['AI.TENSORGET k NOPE', noTensor],
  ['AI.TENSORGET string', wrongType],
  ['AI.TENSORGET list NOPE', wrongType],
  ['AI.TENSORGET t NOPE', 'ERR unsupported data format'],
  ['AI.TENSORGET t META NOPE', 'ERR unsupported data format'],
  ['AI.TENSORGET t BLOB VALUES', 'ERR both BLOB and VALUES specified'],
  ['AI.TENSORGET t VALUES BLOB', 'ERR both BLOB and VALUES specified'],
  ['GET t', wrongType],
  ['HSET t f v', wrongType],
];

const modelStoreRows: readonly Row[] = [
  ['AI.MODELSTORE', wrongArity('ai.modelstore')],
  ['AI.MODELSTORE k TORCH CPU BLOB', wrongArity('ai.modelstore')],
  ['AI.MODELSTORE k NOPE CPU BLOB x', 'ERR unsupported backend'],
  ['AI.MODELSTORE k TORCH XPU BLOB x', 'ERR Invalid DEVICE'],
  ['AI.MODELSTORE k TORCH CPU: BLOB x', anyError],
  ['AI.MODELSTORE k TORCH CPU:x BLOB x', 'ERR Invalid DEVICE'],
  ['AI.MODELSTORE k TORCH CPU0 BLOB x', 'ERR Invalid DEVICE'],
  ['AI.MODELSTORE k TORCH GPU:1234567 BLOB x', 'ERR Invalid DEVICE'],
  ['AI.MODELSTORE k TORCH CPU BATCHSIZE x BLOB x', 'ERR Invalid argument for BATCHSIZE'],
  ['AI.MODELSTORE k TORCH CPU BATCHSIZE -1 BLOB x', 'ERR Invalid argument for BATCHSIZE'],
  ['AI.MODELSTORE k TORCH CPU BATCHSIZE 1.5 BLOB x', 'ERR Invalid argument for BATCHSIZE'],
  [
    'AI.MODELSTORE k TORCH CPU BATCHSIZE 4 MINBATCHSIZE x BLOB x',
    'ERR Invalid argument for MINBATCHSIZE',
  ],
  [
    'AI.MODELSTORE k TORCH CPU BATCHSIZE 4 MINBATCHSIZE -1 BLOB x',
    'ERR Invalid argument for MINBATCHSIZE',
  ],
  [
    'AI.MODELSTORE k TORCH CPU BATCHSIZE 4 MINBATCHSIZE 2 MINBATCHTIMEOUT x BLOB x',
    'ERR Invalid argument for MINBATCHTIMEOUT',
  ],
  [
    'AI.MODELSTORE k TORCH CPU BATCHSIZE 4 MINBATCHSIZE 2 MINBATCHTIMEOUT -1 BLOB x',
    'ERR Invalid argument for MINBATCHTIMEOUT',
  ],
  [
    'AI.MODELSTORE k TORCH CPU MINBATCHSIZE 2 BLOB x',
    'ERR MINBATCHSIZE specified without BATCHSIZE',
  ],
  [
    'AI.MODELSTORE k TORCH CPU BATCHSIZE 4 MINBATCHTIMEOUT 5 BLOB x',
    'ERR MINBATCHTIMEOUT specified without MINBATCHSIZE',
  ],
  ['AI.MODELSTORE k TORCH CPU TAG t', 'ERR Insufficient arguments, missing model BLOB'],
  ['AI.MODELSTORE k TORCH CPU TAG t BLOB', 'ERR Insufficient arguments, missing model BLOB'],
  ['AI.MODELSTORE k TF CPU BLOB x', 'ERR INPUTS not specified for TF'],
  ['AI.MODELSTORE k TF CPU INPUTS x a OUTPUTS 1 b BLOB x', 'ERR Invalid argument for input_count'],
  [
    'AI.MODELSTORE k TF CPU INPUTS 9 a BLOB x',
    'ERR number of model inputs does not match the number of given arguments',
  ],
  ['AI.MODELSTORE k TF CPU INPUTS 1 a BLOB x', 'ERR OUTPUTS not specified for TF'],
  ['AI.MODELSTORE k TF CPU INPUTS 1 a OUTPUTS x b BLOB x', 'ERR Invalid argument for output_count'],
  [
    'AI.MODELSTORE k TF CPU INPUTS 1 a OUTPUTS 9 b BLOB x',
    'ERR number of model outputs does not match the number of given arguments',
  ],
  [
    'AI.MODELSTORE k TORCH CPU INPUTS 1 a OUTPUTS 1 b BLOB x',
    'ERR INPUTS argument should not be specified for this backend',
  ],
  ['AI.MODELSTORE k ONNX CPU OUTPUTS 1 b BLOB x', 'ERR Invalid argument, expected BLOB'],
  ['AI.MODELSTORE k TORCH CPU XLOB x', 'ERR Invalid argument, expected BLOB'],
  ['AI.MODELSTORE k TORCH CPU TAG t NOPE x', 'ERR Invalid argument, expected BLOB'],
  ['AI.MODELSET', wrongArity('ai.modelset')],
  ['AI.MODELSET k TORCH', wrongArity('ai.modelset')],
  ['AI.MODELSET k NOPE CPU BLOB x', 'ERR unsupported backend'],
  ['AI.MODELSET k TORCH BLOB BLOB x', 'ERR Invalid DEVICE'],
  ['AI.MODELSET k TORCH CPU12345678 BLOB x', 'ERR Invalid DEVICE'],
  [
    'AI.MODELSET k TFLITE CPU BATCHSIZE 2 BLOB x',
    'ERR Auto-batching not supported by the TFLITE backend',
  ],
  [
    'AI.MODELSET k TORCH CPU MINBATCHTIMEOUT 5 BLOB x',
    'ERR MINBATCHTIMEOUT specified without BATCHSIZE',
  ],
  ['AI.MODELSET k TF CPU', 'ERR Insufficient arguments, INPUTS and OUTPUTS not specified'],
  ['AI.MODELSET k TF CPU OUTPUTS b BLOB x', 'ERR INPUTS not specified'],
  ['AI.MODELSET k TF CPU INPUTS a BLOB x', 'ERR OUTPUTS not specified'],
  ['AI.MODELSET k TORCH CPU', 'ERR Insufficient arguments, missing model BLOB'],
  ['AI.MODELGET', wrongArity('ai.modelget')],
  ['AI.MODELGET k META BLOB x', wrongArity('ai.modelget')],
  ['AI.MODELGET k', 'ERR model key is empty'],
  ['AI.MODELGET string', wrongType],
  ['AI.MODELGET t', wrongType],
  ['AI.MODELDEL', wrongArity('ai.modeldel')],
  ['AI.MODELDEL k k', wrongArity('ai.modeldel')],
  ['AI.MODELDEL k', 'ERR model key is empty'],
  ['AI.MODELDEL t', wrongType],
  ['AI._MODELSCAN x', wrongArity('ai._modelscan')],
];

/** With `torch` and `onnx` of one input and output, `two` of two each, and a script. */
const modelRunRows: readonly Row[] = [
  ['AI.MODELSTORE string ONNX CPU BLOB <onnx>', wrongType],
  ['AI.MODELSTORE t TORCH CPU BLOB <torch>', wrongType],
  ['AI.MODELSTORE k TORCH CPU BLOB "not a model"', anyError],
  ['AI.MODELSTORE k TORCH CPU BLOB ""', anyError],
  ['AI.MODELSTORE k TORCH CPU BLOB <half of torch>', anyError],
  ['AI.MODELSTORE k TORCH CPU BLOB <onnx>', anyError],
  ['AI.MODELSTORE k ONNX CPU BLOB "not a model"', anyError],
  ['AI.MODELSTORE k ONNX CPU BLOB ""', anyError],
  ['AI.MODELSTORE k ONNX CPU BLOB <half of onnx>', anyError],
  ['AI.MODELSTORE k ONNX CPU BLOB <torch>', anyError],
  [
    'AI.MODELSTORE k ONNX CPU BLOB <external>',
    /Initializer tensors with external data is not allowed/,
  ],
  ['AI.MODELSTORE k TORCH GPU BLOB <torch>', /GPU/],
  ['AI.MODELSTORE k ONNX GPU:0 BLOB <onnx>', /GPU/],
  ['AI.MODELSET k TORCH XPU BLOB <torch>', 'ERR unsupported device'],
  ['AI.MODELEXECUTE', wrongArity('AI.MODELEXECUTE')],
  ['ai.modelexecute torch INPUTS 1 t OUTPUTS 1', wrongArity('AI.MODELEXECUTE')],
  ['AI.MODELEXECUTE nope INPUTS 1 t OUTPUTS 1 o', 'ERR model key is empty'],
  ['AI.MODELEXECUTE nope NOPE 1 t OUTPUTS 1 o', 'ERR model key is empty'],
  ['AI.MODELEXECUTE string INPUTS 1 t OUTPUTS 1 o', wrongType],
  ['AI.MODELEXECUTE t INPUTS 1 t OUTPUTS 1 o', wrongType],
  ['AI.MODELEXECUTE s INPUTS 1 t OUTPUTS 1 o', wrongType],
  ['AI.MODELEXECUTE torch NOPE 1 t OUTPUTS 1 o', 'ERR INPUTS not specified'],
  ['AI.MODELEXECUTE torch INPUTS x t OUTPUTS 1 o', 'ERR Invalid argument for input_count'],
  ['AI.MODELEXECUTE torch INPUTS 0 t OUTPUTS 1 o', 'ERR Input count must be a positive integer'],
  ['AI.MODELEXECUTE torch INPUTS -1 t OUTPUTS 1 o', 'ERR Input count must be a positive integer'],
  [
    'AI.MODELEXECUTE torch INPUTS 2 t u OUTPUTS 1 o',
    'Number of keys given as INPUTS here does not match model definition',
  ],
  [
    'AI.MODELEXECUTE two INPUTS 1 t OUTPUTS 2 o p',
    'Number of keys given as INPUTS here does not match model definition',
  ],
  ['AI.MODELEXECUTE torch INPUTS 1 t NOPE 1 o', 'ERR OUTPUTS not specified'],
  ['AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS x o', 'ERR Invalid argument for output_count'],
  ['AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 0 o', 'ERR Output count must be a positive integer'],
  [
    'AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 2 o p',
    'Number of keys given as OUTPUTS here does not match model definition',
  ],
  [
    'AI.MODELEXECUTE two INPUTS 2 t u OUTPUTS 2 o',
    'ERR number of output keys to AI.MODELEXECUTE command does not match the number of given arguments',
  ],
  ['AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 1 o TIMEOUT', 'ERR No value provided for TIMEOUT'],
  ['AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 1 o TIMEOUT x', 'ERR Invalid value for TIMEOUT'],
  ['AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 1 o TIMEOUT 0', 'ERR Invalid value for TIMEOUT'],
  ['AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 1 o TIMEOUT -5', 'ERR Invalid value for TIMEOUT'],
  ['AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 1 o NOPE', 'Invalid argument: NOPE'],
  ['AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 1 o TIMEOUT 1000 more', 'Invalid argument: more'],
  ['AI.MODELEXECUTE torch INPUTS 1 missing OUTPUTS 1 o', noTensor],
  ['AI.MODELEXECUTE two INPUTS 2 t missing OUTPUTS 2 o p', noTensor],
  ['AI.MODELEXECUTE torch INPUTS 1 string OUTPUTS 1 o', wrongType],
  ['AI.MODELEXECUTE torch INPUTS 1 torch OUTPUTS 1 o', wrongType],
  ['AI.MODELEXECUTE torch INPUTS 1 fits OUTPUTS 1 string', wrongType],
  ['AI.MODELEXECUTE onnx INPUTS 1 fits OUTPUTS 1 list', wrongType],
  ['AI.MODELEXECUTE torch INPUTS 1 t OUTPUTS 1 o', anyError],
  ['AI.MODELEXECUTE torch INPUTS 1 text OUTPUTS 1 o', anyError],
  ['AI.MODELEXECUTE torch INPUTS 1 sixteen OUTPUTS 1 o', /kUInt/],
  ['AI.MODELEXECUTE torch INPUTS 1 doubles OUTPUTS 1 o', anyError],
  ['AI.MODELEXECUTE onnx INPUTS 1 t OUTPUTS 1 o', /Invalid rank|invalid dimensions/i],
  ['AI.MODELEXECUTE onnx INPUTS 1 wide OUTPUTS 1 o', /invalid dimensions/i],
  ['AI.MODELEXECUTE onnx INPUTS 1 doubles OUTPUTS 1 o', /Unexpected input data type/],
  ['AI.MODELEXECUTE onnx INPUTS 1 text OUTPUTS 1 o', anyError],
  ['AI.MODELEXECUTE two INPUTS 2 t wide OUTPUTS 2 o p', anyError],
  ['AI.MODELRUN', wrongArity('AI.MODELRUN')],
  ['AI.MODELRUN torch INPUTS t OUTPUTS', wrongArity('AI.MODELRUN')],
  ['AI.MODELRUN nope INPUTS t OUTPUTS o', 'ERR model key is empty'],
  ['AI.MODELRUN t INPUTS t OUTPUTS o', wrongType],
  ['AI.MODELRUN torch INPUTS missing OUTPUTS o', noTensor],
  ['AI.MODELRUN torch TIMEOUT x INPUTS t OUTPUTS o', 'ERR Invalid value for TIMEOUT'],
  ['AI.MODELRUN torch INPUTS t u OUTPUTS o', anyError],
  ['AI.MODELRUN torch INPUTS fits OUTPUTS o p', anyError],
];

const SOURCE = String.raw`
"def entry(tensors: List[Tensor], keys: List[str], args: List[str]):
    return tensors[0] + 1

def raising(tensors: List[Tensor], keys: List[str], args: List[str]):
    if len(tensors) > 0:
        raise RuntimeError('this script always raises')
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

const scriptRows: readonly Row[] = [
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
    'AI.SCRIPTSTORE k CPU ENTRY_POINTS 1 f SOURCE "def f(a, b, c):\\n    return a"',
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
  ['AI.SCRIPTSET k CPU SOURCE a b c', wrongArity('ai.scriptset')],
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
  ['AI.SCRIPTEXECUTE s entry', anyError],
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
    'AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS x o',
    'ERR Invalid argument for outputs count in AI.SCRIPTEXECUTE',
  ],
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

const infoRows: readonly Row[] = [
  ['AI.INFO', wrongArity('ai.info')],
  ['AI.INFO a RESETSTAT b', wrongArity('ai.info')],
  ['AI.INFO nope', 'ERR cannot find run info for key'],
  ['AI.INFO t', 'ERR cannot find run info for key'],
  ['AI.INFO nope RESETSTAT', 'ERR cannot find run info for key'],
  ['AI.CONFIG', wrongArity('ai.config')],
  ['AI.CONFIG GET', wrongArity('ai.config')],
  ['AI.CONFIG NOPE x', 'ERR unsupported subcommand'],
  ['AI.CONFIG LOADBACKEND NOPE /x.so', 'ERR unsupported backend'],
  ['AI.CONFIG BACKENDSPATH', 'ERR BACKENDSPATH: missing path argument'],
  ['AI.CONFIG MODEL_CHUNK_SIZE', 'ERR MODEL_CHUNK_SIZE: missing chunk size'],
  ['AI.CONFIG MODEL_CHUNK_SIZE x', 'ERR MODEL_CHUNK_SIZE: invalid chunk size'],
  ['AI.CONFIG MODEL_CHUNK_SIZE 0', 'ERR MODEL_CHUNK_SIZE: invalid chunk size'],
  ['AI.CONFIG MODEL_CHUNK_SIZE -1', 'ERR MODEL_CHUNK_SIZE: invalid chunk size'],
  [
    'COMMAND GETKEYS AI.MODELEXECUTE m NOPE 1 a OUTPUTS 1 b',
    /^ERR (Invalid arguments specified for command|The command has no key arguments)/,
  ],
];

/** Sends every row, and after each a PING that must be answered, and looks that nothing was written. */
async function refuses(
  t: Test,
  client: RawClient,
  rows: readonly Row[],
  blobs: ReadonlyMap<string, Buffer> = new Map(),
) {
  for (const [command, wanted] of rows) {
    client.send(encode(command, blobs));
    const reply = await client.reply();
    const title = command.length > 100 ? `${command.slice(0, 97)}...` : command;
    if (typeof wanted === 'string') t.equal(reply, `-${wanted}\r\n`, title);
    else
      t.ok(reply.startsWith('-') && wanted.test(reply.slice(1, -2)), `${title}: ${wanted}`, {
        reply,
      });
    t.equal(await client.call('PING'), '+PONG\r\n', `${title}: and the connection goes on`);
    t.equal(
      await client.call('EXISTS', 'k', 'o', 'p'),
      ':0\r\n',
      `${title}: and nothing was written`,
    );
  }
  t.strictSame(
    [
      await client.call('GET', 'string'),
      await client.call('LLEN', 'list'),
      await client.call('AI.TENSORGET', 't', 'VALUES'),
    ],
    ['$1\r\nx\r\n', ':1\r\n', '*2\r\n$1\r\n1\r\n$1\r\n2\r\n'],
    'what was there is as it was',
  );
}

/** As `encodeLine`, with the bytes of a blob where `<its name>` stands. */
function encode(command: string, blobs: ReadonlyMap<string, Buffer>): Buffer {
  const placed = command.replace(/<([^>]+)>/g, (_, name: string) => {
    const blob = blobs.get(name);
    if (!blob) throw new Error(`no blob '${name}'`);
    return `"${blob.toString('latin1').replace(/[^a-z0-9]/gi, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;
  });
  return encodeLine(placed);
}

async function prepare(
  client: RawClient,
  commands: readonly string[],
  blobs: ReadonlyMap<string, Buffer> = new Map(),
) {
  for (const command of commands) {
    client.send(encode(command, blobs));
    const reply = await client.reply();
    if (reply.startsWith('-')) throw new Error(`${command.slice(0, 100)}: ${reply}`);
  }
}

t.test('without models', async (t) => {
  const server = await startServer([]);
  t.teardown(() => server.stop());
  const client = await RawClient.connect(server.port);
  t.teardown(() => client.close());
  await prepare(client, givenData);

  await t.test('AI.TENSORSET and AI.TENSORGET refuse', (t) => refuses(t, client, tensorRows));
  await t.test('AI.MODELSTORE and its like refuse', (t) => refuses(t, client, modelStoreRows));
  await t.test('AI.INFO and AI.CONFIG refuse', (t) => refuses(t, client, infoRows));

  await t.test('scalars, empty strings and zeros are no errors', async (t) => {
    for (const [command, get, wanted] of [
      [
        'AI.TENSORSET x FLOAT VALUES 1.5',
        'AI.TENSORGET x META VALUES',
        '*6\r\n$5\r\ndtype\r\n$5\r\nFLOAT\r\n$5\r\nshape\r\n*0\r\n$6\r\nvalues\r\n*1\r\n$3\r\n1.5\r\n',
      ],
      ['AI.TENSORSET x INT8 BLOB a', 'AI.TENSORGET x VALUES', '*1\r\n:97\r\n'],
      ['AI.TENSORSET x INT16 2', 'AI.TENSORGET x VALUES', '*2\r\n:0\r\n:0\r\n'],
      ['AI.TENSORSET x STRING 2', 'AI.TENSORGET x VALUES', '*2\r\n$0\r\n\r\n$0\r\n\r\n'],
      ['AI.TENSORSET x STRING 2 VALUES "" b', 'AI.TENSORGET x BLOB', '$3\r\n\x00b\x00\r\n'],
      ['AI.TENSORSET x BOOL 3 VALUES 1 0 1', 'AI.TENSORGET x VALUES', '*3\r\n:1\r\n:0\r\n:1\r\n'],
      ['AI.TENSORSET x INT8 2 VALUES -128 127', 'AI.TENSORGET x VALUES', '*2\r\n:-128\r\n:127\r\n'],
      ['AI.TENSORSET x UINT16 2 VALUES 0 65535', 'AI.TENSORGET x VALUES', '*2\r\n:0\r\n:65535\r\n'],
      [
        'ai.tensorset x float 2 values 1.1 -0',
        'ai.tensorget x values',
        '*2\r\n$17\r\n1.100000023841858\r\n$2\r\n-0\r\n',
      ],
      [
        'AI.TENSORSET x DOUBLE 3 VALUES 0.1 inf -inf',
        'AI.TENSORGET x VALUES',
        '*3\r\n$3\r\n0.1\r\n$3\r\ninf\r\n$4\r\n-inf\r\n',
      ],
      [
        'AI.TENSORSET x FLOAT 1 BLOB "\\x00\\x00\\xc0\\x7f"',
        'AI.TENSORGET x VALUES',
        '*1\r\n$3\r\nnan\r\n',
      ],
      [
        'AI.TENSORSET x INT8 1 BLOB a',
        'AI.TENSORGET x META META BLOB',
        '*6\r\n$5\r\ndtype\r\n$4\r\nINT8\r\n$5\r\nshape\r\n*1\r\n:1\r\n$4\r\nblob\r\n$1\r\na\r\n',
      ],
      [
        'AI.TENSORSET x INT8 1 BLOB a',
        'AI.TENSORGET x',
        '*6\r\n$5\r\ndtype\r\n$4\r\nINT8\r\n$5\r\nshape\r\n*1\r\n:1\r\n$4\r\nblob\r\n$1\r\na\r\n',
      ],
    ] as const) {
      client.send(encodeLine(command));
      t.equal(await client.reply(), '+OK\r\n', command);
      client.send(encodeLine(get));
      t.equal(await client.reply(), wanted, `${command}: ${get}`);
    }
  });

  await t.test('AI.CONFIG answers what was set', async (t) => {
    t.equal(await client.call('AI.CONFIG', 'GET', 'MODEL_CHUNK_SIZE'), ':535822336\r\n');
    t.equal(await client.call('AI.CONFIG', 'GET', 'NOPE'), '$-1\r\n');
    t.equal(await client.call('AI.CONFIG', 'MODEL_CHUNK_SIZE', '1000'), '+OK\r\n');
    t.equal(await client.call('ai.config', 'get', 'model_chunk_size'), ':1000\r\n');
    t.equal(await client.call('AI.CONFIG', 'BACKENDSPATH', '/nowhere'), '+OK\r\n');
    t.equal(await client.call('AI.CONFIG', 'GET', 'BACKENDSPATH'), '$8\r\n/nowhere\r\n');
    const loaded = await client.call('AI.CONFIG', 'LOADBACKEND', 'TORCH', '/etc/passwd');
    t.ok(
      ['+OK\r\n', '-ERR error loading backend\r\n'].includes(loaded),
      'LOADBACKEND never opens what a client names',
      { loaded },
    );
  });

  await t.test('what would pass maxmemory is refused', async (t) => {
    t.equal(await client.call('CONFIG', 'SET', 'maxmemory', '1'), '+OK\r\n');
    await refuses(t, client, [
      ['AI.TENSORSET k FLOAT 2 VALUES 1 2', outOfMemory],
      ['AI.TENSORSET k FLOAT 2', outOfMemory],
      ['AI.MODELSTORE k TORCH CPU BLOB x', outOfMemory],
      ['AI.MODELSET k TORCH CPU BLOB x', outOfMemory],
      ['AI.SCRIPTSET k CPU SOURCE x', outOfMemory],
      ['AI.SCRIPTSTORE k CPU ENTRY_POINTS 1 f SOURCE x', outOfMemory],
      ['AI.MODELEXECUTE k INPUTS 1 t OUTPUTS 1 o', outOfMemory],
      ['AI.MODELRUN k INPUTS t OUTPUTS o', outOfMemory],
      ['AI.SCRIPTRUN k f INPUTS t OUTPUTS o', outOfMemory],
      ['AI.SCRIPTEXECUTE k f INPUTS 1 t OUTPUTS 1 o', outOfMemory],
      ['SET k v', outOfMemory],
    ]);
    t.equal(await client.call('CONFIG', 'SET', 'maxmemory', '0'), '+OK\r\n');
    t.equal(await client.call('AI.TENSORSET', 'x', 'FLOAT', '1'), '+OK\r\n');
  });

  await t.test('a tensor larger than what is left is refused, a smaller one taken', async (t) => {
    const mebibyte = Buffer.alloc(1024 * 1024);
    const info = await client.call('INFO', 'memory');
    const used = Number(/used_memory:(\d+)/.exec(info)?.[1]);
    t.equal(await client.call('CONFIG', 'SET', 'maxmemory', used + 4 * mebibyte.length), '+OK\r\n');
    t.equal(
      await client.call('AI.TENSORSET', 'x', 'INT8', mebibyte.length, 'BLOB', mebibyte),
      '+OK\r\n',
    );
    const large = Buffer.concat(Array.from({ length: 16 }, () => mebibyte));
    t.equal(
      await client.call('AI.TENSORSET', 'k', 'INT8', large.length, 'BLOB', large),
      `-${outOfMemory}\r\n`,
    );
    t.equal(await client.call('EXISTS', 'k'), ':0\r\n');
    t.equal(await client.call('CONFIG', 'SET', 'maxmemory', '0'), '+OK\r\n');
    t.equal(await client.call('AI.TENSORSET', 'x', 'INT8', large.length, 'BLOB', large), '+OK\r\n');
  });

  await t.test('inside MULTI', async (t) => {
    const replies = async (line: string) => {
      client.send(encodeLine(line));
      const all: string[] = [];
      for (let i = 0; i < line.split(' ; ').length; i++) all.push(await client.reply());
      return all.at(-1);
    };
    t.equal(
      await replies(
        'MULTI ; AI.TENSORSET x INT8 1 BLOB a ; AI.TENSORGET x BLOB ; AI.TENSORGET nope ; AI.TENSORSET x NOPE 1 ; EXEC',
      ),
      `*4\r\n+OK\r\n$1\r\na\r\n-${noTensor}\r\n-ERR invalid data type\r\n`,
    );
    t.equal(
      await replies('MULTI ; AI.TENSORSET ; EXEC'),
      `*1\r\n-${wrongArity('ai.tensorset')}\r\n`,
      'the core never counts',
    );
    t.equal(
      await replies('MULTI ; AI.CONFIG GET MODEL_CHUNK_SIZE ; AI.INFO nope ; AI._MODELSCAN ; EXEC'),
      '*3\r\n:1000\r\n-ERR cannot find run info for key\r\n*0\r\n',
    );
    const refused = '-ERR Cannot run RedisAI command within a transaction or a LUA script\r\n';
    t.equal(
      await replies(
        'MULTI ; AI.MODELEXECUTE m INPUTS 1 t OUTPUTS 1 o ; AI.MODELRUN m INPUTS t OUTPUTS o ; AI.SCRIPTRUN s f INPUTS t OUTPUTS o ; AI.SCRIPTEXECUTE s f INPUTS 1 t OUTPUTS 1 o ; EXEC',
      ),
      `*4\r\n${refused}${refused}${refused}${refused}`,
    );
    t.equal(
      await replies('WATCH x ; AI.TENSORSET x INT8 1 BLOB b ; MULTI ; PING ; EXEC'),
      '*-1\r\n',
      'a tensor set is a change',
    );
    t.equal(
      await replies('WATCH x ; AI.TENSORGET x ; MULTI ; PING ; EXEC'),
      '*1\r\n+PONG\r\n',
      'a tensor read is none',
    );
  });
});

t.test('with models and scripts', { skip: missingModelMakers() }, async (t) => {
  const models = await makeModels();
  t.teardown(() => models.remove());
  // One I/O thread and one run thread, so that what is sent first is queued first.
  const server = await startServer(['--io-threads', '1']);
  t.teardown(() => server.stop());
  const client = await RawClient.connect(server.port);
  t.teardown(() => client.close());

  const bytesOf = (model: TestModel) => readFileSync(model.file);
  const mlp = models.model('TORCH', 'mlp-30-128-128-2');
  const torch = bytesOf(mlp);
  const onnx = bytesOf(models.model('ONNX', 'mlp-30-128-128-2'));
  const blobs = new Map([
    ['torch', torch],
    ['onnx', onnx],
    ['two', bytesOf(models.model('TORCH', 'two-in-two-out'))],
    ['external', bytesOf(models.model('ONNX', 'external'))],
    ['half of torch', torch.subarray(0, torch.length / 2)],
    ['half of onnx', onnx.subarray(0, onnx.length / 2)],
    ['fits', readFileSync(mlp.inputs[0]?.file ?? '')],
  ]);
  await prepare(
    client,
    [
      ...givenData,
      `AI.TENSORSET fits FLOAT ${mlp.inputs[0]?.dims.join(' ')} BLOB <fits>`,
      'AI.TENSORSET wide FLOAT 3 7',
      'AI.TENSORSET doubles DOUBLE 8 30',
      'AI.TENSORSET sixteen UINT16 8 30',
      'AI.MODELSTORE torch TORCH CPU BLOB <torch>',
      'AI.MODELSTORE onnx ONNX CPU BLOB <onnx>',
      'AI.MODELSTORE two TORCH CPU BLOB <two>',
      `AI.SCRIPTSTORE s CPU ENTRY_POINTS 2 entry raising SOURCE ${SOURCE}`,
    ],
    blobs,
  );

  await t.test('models refuse', (t) => refuses(t, client, modelRunRows, blobs));
  await t.test('scripts refuse', (t) => refuses(t, client, scriptRows, blobs));

  await t.test('and run after all that', async (t) => {
    for (const command of [
      'AI.MODELEXECUTE torch INPUTS 1 fits OUTPUTS 1 x',
      'AI.MODELEXECUTE onnx INPUTS 1 fits OUTPUTS 1 x TIMEOUT 60000',
      'ai.modelexecute torch inputs 1 fits outputs 1 x timeout 60000',
      'AI.MODELRUN torch INPUTS fits OUTPUTS x',
      'AI.MODELRUN torch TIMEOUT 60000 INPUTS fits OUTPUTS x',
      'AI.SCRIPTEXECUTE s entry INPUTS 1 t OUTPUTS 1 x',
      'AI.SCRIPTEXECUTE s entry KEYS 1 q INPUTS 1 t ARGS 1 a OUTPUTS 1 x TIMEOUT 60000',
      'AI.SCRIPTRUN s few INPUTS t u OUTPUTS x',
      'AI.SCRIPTRUN s few INPUTS t u OUTPUTS x TIMEOUT 60000',
      'AI.MODELSTORE torch TORCH CPU:1 BATCHSIZE 3.00 MINBATCHSIZE 2 MINBATCHTIMEOUT 0 BLOB <torch>',
      'AI.MODELSET torch TORCH CPU TAG x whatever BLOB <torch>',
    ]) {
      client.send(encode(command, blobs));
      t.equal(await client.reply(), '+OK\r\n', command);
    }
  });

  await t.test('a model is described as it was stored', async (t) => {
    const [first = Buffer.alloc(0), second] = [onnx.subarray(0, 100), onnx.subarray(100)];
    t.equal(
      await client.call(
        'ai.modelstore',
        'd',
        'onnx',
        'cpu',
        'tag',
        'v',
        'batchsize',
        '4',
        'minbatchsize',
        '2',
        'minbatchtimeout',
        '7',
        'blob',
        first,
        second,
      ),
      '+OK\r\n',
      'a blob may come in chunks',
    );
    const fields = (pairs: readonly (readonly [string, string])[]) =>
      `*${2 * pairs.length}\r\n${pairs.map(([name, value]) => `$${name.length}\r\n${name}\r\n${value}`).join('')}`;
    t.equal(
      await client.call('AI.MODELGET', 'd', 'META'),
      fields([
        ['backend', '$4\r\nONNX\r\n'],
        ['device', '$3\r\ncpu\r\n'],
        ['tag', '$1\r\nv\r\n'],
        ['batchsize', ':4\r\n'],
        ['minbatchsize', ':2\r\n'],
        ['inputs', '*1\r\n$1\r\nx\r\n'],
        ['outputs', '*1\r\n$1\r\ny\r\n'],
        ['minbatchtimeout', ':7\r\n'],
      ]),
    );
    t.equal(
      await client.call('AI.MODELGET', 'd', 'BLOB'),
      `$${onnx.length}\r\n${onnx.toString('latin1')}\r\n`,
    );
    t.match(
      await client.call('AI.MODELGET', 'torch', 'META'),
      /inputs\r\n\*1\r\n\$1\r\nx\r\n\$7\r\noutputs\r\n\*1\r\n\$0\r\n\r\n/,
    );
    t.match(
      await client.call('AI.MODELGET', 'two', 'META'),
      /inputs\r\n\*2\r\n\$1\r\na\r\n\$1\r\nb\r\n\$7\r\noutputs\r\n\*2\r\n\$0\r\n\r\n\$0\r\n\r\n/,
    );
    t.equal(await client.call('TYPE', 'd'), '+AI__MODEL\r\n');
    t.equal(await client.call('TYPE', 's'), '+AI_SCRIPT\r\n');
    t.equal(await client.call('TYPE', 't'), '+AI_TENSOR\r\n');
  });

  await t.test('a pipeline of set, run and get reads the new tensor', async (t) => {
    client.send(
      encodeLine(
        'AI.TENSORSET p1 FLOAT 1 VALUES 5 ; AI.SCRIPTEXECUTE s entry INPUTS 1 p1 OUTPUTS 1 p2 ; AI.SCRIPTEXECUTE s entry INPUTS 1 p2 OUTPUTS 1 p2 ; AI.TENSORGET p2 VALUES',
      ),
    );
    const replies = [
      await client.reply(),
      await client.reply(),
      await client.reply(),
      await client.reply(),
    ];
    t.strictSame(replies, ['+OK\r\n', '+OK\r\n', '+OK\r\n', '*1\r\n$1\r\n7\r\n']);
  });

  await t.test('MODELSTORE inside MULTI stores, or answers its error in its place', async (t) => {
    client.send(
      Buffer.concat([
        encodeLine('MULTI'),
        encode('AI.MODELSTORE q1 TORCH CPU BLOB <torch>', blobs),
        encode('AI.MODELSTORE q2 TORCH CPU BLOB "no model"', blobs),
        encodeLine(`AI.SCRIPTSET q3 CPU SOURCE ${SOURCE}`),
        encodeLine('EXISTS q1 q2 q3 ; EXEC'),
      ]),
    );
    for (let i = 0; i < 5; i++) await client.reply();
    t.match(await client.reply(), /^\*4\r\n\+OK\r\n-[^\r]+\r\n\+OK\r\n:2\r\n$/);
  });

  await t.test(
    'a run whose wait is over before it begins answers TIMEDOUT and writes nothing',
    async (t) => {
      const slow = String.raw`"def slow(a):\n    x = torch.ones(700, 700)\n    for i in range(60):\n        x = torch.matmul(x, x) * 0.001\n    return x[0]"`;
      await prepare(client, [`AI.SCRIPTSET slow CPU SOURCE ${slow}`]);
      const busy = await RawClient.connect(server.port);
      t.teardown(() => busy.close());
      await busy.call('PING');
      busy.send(encodeLine('AI.SCRIPTRUN slow slow INPUTS t OUTPUTS slow-out'));
      // Reaches the same I/O thread later than the run above.
      t.equal(await client.call('PING'), '+PONG\r\n');
      client.send(encodeLine('AI.MODELEXECUTE torch INPUTS 1 fits OUTPUTS 1 o TIMEOUT 1'));
      t.equal(await client.reply(), '+TIMEDOUT\r\n');
      t.equal(await busy.reply(), '+OK\r\n');
      t.equal(await client.call('EXISTS', 'o'), ':0\r\n');
      client.send(encodeLine('AI.MODELEXECUTE torch INPUTS 1 fits OUTPUTS 1 o TIMEOUT 60000'));
      t.equal(await client.reply(), '+OK\r\n');
      t.equal(await client.call('DEL', 'o'), ':1\r\n');
    },
  );
});

t.test('the rows are told apart', async (t) => {
  const all = [...tensorRows, ...modelStoreRows, ...modelRunRows, ...scriptRows, ...infoRows].map(
    ([command]) => command,
  );
  t.strictSame(
    all.filter((command, i) => all.indexOf(command) !== i),
    [],
    'none stands twice',
  );
  t.ok(all.every((command) => command === '' || splitWords(command).length > 0));
});
