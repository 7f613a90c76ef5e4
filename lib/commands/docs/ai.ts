// Tensors, models and scripts (RedisAI's commands).

import { docsOf } from './doc.ts';

export const aiDocs = docsOf(`
ai.tensorset key
    dtype(FLOAT | DOUBLE | INT8 | INT16 | INT32 | INT64 | UINT8 | UINT16 | BOOL | STRING)
    [dim:integer...] [elements(BLOB blob | VALUES value...)]
  O(N) for N elements; those of a large blob are not copied
ai.tensorget key [META] [format(BLOB | VALUES)]
  O(N) for N elements; those of a blob are not copied
ai.modelstore key backend(TF | TFLITE | TORCH | ONNX) device [TAG tag]
    [BATCHSIZE batch-size:integer] [MINBATCHSIZE min-batch-size:integer]
    [MINBATCHTIMEOUT milliseconds] [INPUTS inputs(count input...)]
    [OUTPUTS outputs(count output...)] BLOB blob...
  O(N) for N bytes, and what the backend takes to load them
ai.modelset key backend(TF | TFLITE | TORCH | ONNX) device [TAG tag]
    [BATCHSIZE batch-size:integer] [MINBATCHSIZE min-batch-size:integer]
    [MINBATCHTIMEOUT milliseconds] [INPUTS input...] [OUTPUTS output...] BLOB blob...
  O(N) for N bytes, and what the backend takes to load them
  deprecated 1.2.5 AI.MODELSTORE
ai.modelget key [META] [BLOB]
ai.modeldel key
ai.modelexecute key INPUTS inputs(count input:key...) OUTPUTS outputs(count output:key...)
    [TIMEOUT milliseconds]
  That of the model
ai.modelrun key [TIMEOUT milliseconds] INPUTS input:key... OUTPUTS output:key...
  That of the model
  deprecated 1.2.5 AI.MODELEXECUTE
ai.scriptstore key device [TAG tag] ENTRY_POINTS entry-points(count function...) SOURCE source
  O(N) for N bytes to compile
ai.scriptset key device [TAG tag] SOURCE source
  O(N) for N bytes to compile
  deprecated 1.2.5 AI.SCRIPTSTORE
ai.scriptget key [META] [SOURCE]
ai.scriptdel key
ai.scriptexecute key function [KEYS keys(count script-key:key...)]
    [INPUTS inputs(count input:key...)] [ARGS args(count arg...)]
    [OUTPUTS outputs(count output:key...)] [TIMEOUT milliseconds]
  That of the function
ai.scriptrun key function [TIMEOUT milliseconds] INPUTS input:key... OUTPUTS output:key...
  That of the function
  deprecated 1.2.5 AI.SCRIPTEXECUTE
ai.dagexecute [LOAD load(count loaded:key...)] [PERSIST persist(count persisted:key...)]
    [ROUTING routing] [TIMEOUT milliseconds] {|> operation}...
  That of the operations
ai.dagexecute_ro [LOAD load(count loaded:key...)] [ROUTING routing] [TIMEOUT milliseconds]
    {|> operation}...
  That of the operations
ai.dagrun [LOAD load(count loaded:key...)] [PERSIST persist(count persisted:key...)]
    [ROUTING routing] [TIMEOUT milliseconds] {|> operation}...
  That of the operations
  deprecated 1.2.5 AI.DAGEXECUTE
ai.dagrun_ro [LOAD load(count loaded:key...)] [ROUTING routing] [TIMEOUT milliseconds]
    {|> operation}...
  That of the operations
  deprecated 1.2.5 AI.DAGEXECUTE_RO
ai.info key [RESETSTAT]
ai.config subcommand(LOADBACKEND library(backend path) | BACKENDSPATH path | MODEL_CHUNK_SIZE
    bytes:integer | GET parameter)
ai._modelscan
  O(N) for N keys of all types
ai._scriptscan
  O(N) for N keys of all types
`);
