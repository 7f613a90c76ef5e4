// What RedisAI refuses, and in which words: the tables of compat.md sections 1.1 to 1.4, 1.6 and 1.9.

/** A command in redis-cli's notation, and the error's text after `-`, whole, or a pattern for it. */
export type Row = readonly [command: string, wanted: string | RegExp];

export const wrongType = 'WRONGTYPE Operation against a key holding the wrong kind of value';
export const wrongArity = (name: string) => `ERR wrong number of arguments for '${name}' command`;
export const noTensor = 'ERR tensor key is empty or in a different shard';
export const outOfMemory = "OOM command not allowed when used memory > 'maxmemory'.";
/** Where the text is a runtime's own, or its length depends on it. */
const anyError = /^[^\r\n]* [^\r\n]*$/;

/** What the rows below find: a tensor `t`, its like `u`, a string `string`, a list `list`. */
export const givenData = [
  'AI.TENSORSET t FLOAT 2 VALUES 1 2',
  'AI.TENSORSET u FLOAT 2 VALUES 3 4',
  'AI.TENSORSET text STRING 2 VALUES a b',
  'SET string x',
  'RPUSH list x',
];

export const tensorRows: readonly Row[] = [
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
  ['AI.TENSORSET k BOOL 2 VALUES 1 2', 'ERR invalid value'],
  ['AI.TENSORSET k BOOL 1 VALUES -1', 'ERR invalid value'],
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

export const modelStoreRows: readonly Row[] = [
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
  ['AI.MODELSET k TF CPU BLOB x', 'ERR Insufficient arguments, INPUTS and OUTPUTS not specified'],
  ['AI.MODELSET k TF CPU OUTPUTS b BLOB x', 'ERR INPUTS not specified'],
  ['AI.MODELSET k TF CPU INPUTS a BLOB x', 'ERR OUTPUTS not specified'],
  ['AI.MODELSET k TF CPU INPUTS a b', 'ERR OUTPUTS not specified'],
  ['AI.MODELSET k TF CPU INPUTS a OUTPUTS b', 'ERR Insufficient arguments, missing model BLOB'],
  ['AI.MODELSET k TF CPU', 'ERR Insufficient arguments, missing model BLOB'],
  ['AI.MODELSET k TORCH CPU BATCHSIZE 2 NOPE', 'ERR Insufficient arguments, missing model BLOB'],
  ['AI.MODELSET k TORCH CPU BATCHSIZE 2 BLOB', 'ERR Insufficient arguments, missing model BLOB'],
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
export const modelRunRows: readonly Row[] = [
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

export const infoRows: readonly Row[] = [
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
