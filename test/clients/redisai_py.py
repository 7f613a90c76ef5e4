"""redisai-py 1.3.0. PORT says where; MODELS, if set, is the folder that helpers/models.ts has filled."""

import os

import numpy
from cases import case, raises, run_cases
from models import load_models
from redis.exceptions import ResponseError
from redisai import Client

MODELS = load_models(os.environ["MODELS"]) if "MODELS" in os.environ else []
SCRIPT = """
def entry(tensors: List[Tensor], keys: List[str], args: List[str]):
    return tensors[0] * float(args[0])

def two(tensors: List[Tensor], keys: List[str], args: List[str]):
    return [tensors[0] + 1, tensors[1] + 1]

def plain(a, b):
    return a + b
"""


@case
def tensors_of_every_dtype_come_back(client):
    for dtype in ["float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "bool"]:
        wanted = (numpy.arange(24) % 2 if dtype == "bool" else numpy.arange(24)).astype(dtype).reshape(2, 3, 4)
        assert client.tensorset("t", wanted) == "OK"
        seen = client.tensorget("t")
        assert seen.dtype == wanted.dtype and seen.shape == wanted.shape and (seen == wanted).all(), dtype
        seen = client.tensorget("t", as_numpy_mutable=True)
        seen[0, 0, 0] = 1


@case
def strings_come_back(client):
    wanted = numpy.array([["one", "two words"], ["", "gr\u00fcn"]])
    client.tensorset("t", wanted)
    assert (client.tensorget("t") == wanted).all()
    client.tensorset("t", ["a", "b c"], shape=[2], dtype="str")
    assert client.tensorget("t", as_numpy=False)["values"] == ["a", "b c"]


@case
def values_come_back_as_lists(client):
    client.tensorset("t", [1, -2, 3.5, 1.1], shape=[2, 2], dtype="float32")
    seen = client.tensorget("t", as_numpy=False)
    assert seen["dtype"] == "FLOAT" and seen["shape"] == [2, 2], seen
    assert seen["values"] == [1.0, -2.0, 3.5, float(numpy.float32(1.1))], seen
    client.tensorset("t", [1, 200, 255], shape=[3], dtype="uint8")
    assert client.tensorget("t", as_numpy=False)["values"] == [1, 200, 255]
    client.tensorset("t", [-128, 127], shape=[2], dtype="int8")
    assert client.tensorget("t", as_numpy=False)["values"] == [-128, 127]


@case
def a_tensors_description_comes_without_its_elements(client):
    client.tensorset("t", numpy.zeros((2, 5), "int16"))
    assert client.tensorget("t", meta_only=True) == {"dtype": "INT16", "shape": [2, 5]}


@case
def bad_tensors_are_refused(client):
    raises(ResponseError, lambda: client.tensorget("missing"), "tensor key is empty or in a different shard")
    raises(ResponseError, lambda: client.tensorset("t", [2, 3, 4], shape=[2], dtype="int8"), "wrong number of values")
    raises(ResponseError, lambda: client.tensorset("t", [300], shape=[1], dtype="uint8"), "invalid value")
    raises(ResponseError, lambda: client.tensorset("t", numpy.zeros(2, "uint32")), "invalid data type")
    client.set("string", "x")
    raises(ResponseError, lambda: client.tensorget("string"), "WRONGTYPE")


@case
def pipelines_answer_in_order(client):
    for transaction in (True, False):
        pipe = client.pipeline(transaction=transaction)
        pipe.set("native", 1)
        pipe.tensorset("piped", numpy.array([1.5, 2.5]))
        pipe.tensorget("piped")
        pipe.tensorget("piped", meta_only=True)
        pipe.get("native")
        answers = pipe.execute()
        assert answers[0] is True and answers[1] == b"OK" and answers[4] == b"1", answers
        assert (answers[2] == numpy.array([1.5, 2.5])).all()
        assert answers[3] == {"dtype": "DOUBLE", "shape": [2]}, answers


@case
def an_error_in_a_transaction_stands_in_its_place(client):
    pipe = client.pipeline(transaction=True)
    pipe.tensorset("ok", numpy.array([1.0]))
    pipe.tensorget("missing")
    pipe.get("native")
    answers = pipe.execute(raise_on_error=False)
    assert answers[0] == b"OK" and isinstance(answers[1], ResponseError) and answers[2] == b"1", answers


@case
def settings_are_read_and_changed(client):
    assert client.config("MODEL_CHUNK_SIZE") == 511 * 1024 * 1024
    assert client.config("MODEL_CHUNK_SIZE", 128 * 1024) == "OK"
    assert client.config("MODEL_CHUNK_SIZE") == 128 * 1024
    assert client.config("MODEL_CHUNK_SIZE", 511 * 1024 * 1024) == "OK"
    raises(ResponseError, lambda: client.config("MODEL_CHUNK_SIZE", "abc"), "MODEL_CHUNK_SIZE: invalid chunk size")
    raises(ResponseError, lambda: client.config("MODEL_CHUNK_SIZE", 0), "MODEL_CHUNK_SIZE: invalid chunk size")
    assert client.config("BACKENDSPATH", "/nowhere") == "OK"
    assert client.config("BACKENDSPATH") == "/nowhere"
    assert client.config("non-existing") is None
    raises(ResponseError, lambda: client.loadbackend("NOPE", "x.so"), "unsupported backend")


def run(client, model, how):
    inputs = [f"in-{i}" for i in range(len(model.inputs))]
    outputs = [f"out-{i}" for i in range(len(model.outputs))]
    for name, tensor in zip(inputs, model.inputs):
        client.tensorset(name, tensor)
    assert how(model.key, inputs, outputs) == "OK"
    model.expect([client.tensorget(name) for name in outputs])


def with_models(function):
    """Only where models could be made; the tap test says so when it skips them."""
    return case(function) if MODELS else function


@with_models
def models_are_stored_run_described_and_deleted(client):
    for model in MODELS:
        assert client.modelstore(model.key, model.backend, "cpu", model.bytes, batch=2, minbatch=1, tag="v1") == "OK"
        run(client, model, client.modelexecute)
        run(client, model, lambda *words: client.modelexecute(*words, timeout=60_000))
        meta = client.modelget(model.key, meta_only=True)
        assert meta["backend"] == model.backend and meta["device"] == "cpu" and meta["tag"] == "v1", meta
        assert meta["batchsize"] == 2 and meta["minbatchsize"] == 1 and meta["minbatchtimeout"] == 0, meta
        assert len(meta["inputs"]) == len(model.inputs), meta
        # How many tensors are in a list or dict, only a run tells.
        is_known = model.name not in ("list-out", "dict-out", "tuple-of-lists-out")
        assert len(meta["outputs"]) == (len(model.outputs) if is_known else 0), meta
        assert client.modelget(model.key)["blob"] == model.bytes
        assert [model.key, "v1"] in client.modelscan()
        assert client.modeldel(model.key) == "OK"
        raises(ResponseError, lambda: client.modelget(model.key), "model key is empty")


@with_models
def models_set_the_old_way_run_the_old_way(client):
    for model in MODELS:
        assert client.modelset(model.key, model.backend, "CPU", model.bytes) == "OK"
        run(client, model, client.modelrun)


@with_models
def a_model_comes_in_chunks_of_the_size_that_is_set(client):
    model = next(model for model in MODELS if model.name == "conv-28x28-10")
    client.config("MODEL_CHUNK_SIZE", 1000)
    try:
        # In a fresh client, which asks for the chunk size before it stores.
        assert client.modelstore("chunked", model.backend, "CPU", model.bytes) == "OK"
        chunks = client.execute_command("AI.MODELGET", "chunked", "BLOB")
        assert [len(chunk) for chunk in chunks[:-1]] == [1000] * (len(chunks) - 1)
        assert b"".join(chunks) == model.bytes
    finally:
        client.config("MODEL_CHUNK_SIZE", 511 * 1024 * 1024)
    run(client, model, lambda _, *words: client.modelexecute("chunked", *words))


@with_models
def run_statistics_are_kept_and_reset(client):
    model = next(model for model in MODELS if model.name == "two-in-two-out")
    client.modelstore(model.key, model.backend, "CPU", model.bytes, tag="t")
    for _ in range(3):
        run(client, model, client.modelexecute)
    info = client.infoget(model.key)
    assert list(info) == ["key", "type", "backend", "device", "tag", "duration", "samples", "calls", "errors"], info
    assert info["key"] == model.key and info["type"] == "MODEL" and info["backend"] == model.backend, info
    assert info["calls"] == 3 and info["errors"] == 0 and info["samples"] == 3 * len(model.outputs[0]), info
    client.tensorset("odd", numpy.ones((3, 1, 7), "float32"))
    raises(ResponseError, lambda: client.modelexecute(model.key, ["odd", "in-1"], ["a", "b"]))
    assert client.infoget(model.key)["errors"] == 1 and client.infoget(model.key)["calls"] == 4
    assert client.inforeset(model.key) == "OK"
    info = client.infoget(model.key)
    assert info["calls"] == 0 and info["errors"] == 0 and info["duration"] == 0 and info["samples"] == 0, info
    raises(ResponseError, lambda: client.infoget("missing"), "cannot find run info for key")


@with_models
def scripts_are_stored_run_described_and_deleted(client):
    assert client.scriptstore("s", "CPU", SCRIPT, ["entry", "two"], tag="v2") == "OK"
    meta = client.scriptget("s")
    assert meta["device"] == "CPU" and meta["tag"] == "v2" and meta["source"] == SCRIPT, meta
    # The client writes every name in small letters.
    assert meta["entry points"] == [b"entry", b"two"], meta
    assert "source" not in client.scriptget("s", meta_only=True)
    assert ["s", "v2"] in client.scriptscan()
    client.tensorset("a", [1, 2, 3], dtype="float32", shape=[3])
    client.tensorset("b", [10, 20, 30], dtype="float32", shape=[3])
    assert client.scriptexecute("s", "entry", inputs=["a"], args=["2.5"], outputs=["c"]) == "OK"
    assert (client.tensorget("c") == numpy.array([2.5, 5, 7.5], "float32")).all()
    assert client.scriptexecute("s", "two", keys=["{x}"], inputs=["a", "b"], outputs=["c", "d"], timeout=60_000) == "OK"
    assert (client.tensorget("d") == numpy.array([11, 21, 31], "float32")).all()
    info = client.infoget("s")
    assert info["type"] == "SCRIPT" and info["calls"] == 2 and info["samples"] == -1, info
    assert client.scriptdel("s") == "OK"
    raises(ResponseError, lambda: client.scriptget("s"), "script key is empty")


@with_models
def scripts_set_the_old_way_run_the_old_way(client):
    assert client.scriptset("s", "CPU", SCRIPT) == "OK"
    assert client.scriptrun("s", "plain", ["a", "b"], ["c"]) == "OK"
    assert (client.tensorget("c") == numpy.array([11, 22, 33], "float32")).all()
    raises(ResponseError, lambda: client.scriptset("bad", "CPU", "return 1"))
    raises(ResponseError, lambda: client.scriptrun("s", "missing", ["a"], ["c"]), "missing")


CALLING = """
def remember(tensors: List[Tensor], keys: List[str], args: List[str]):
    redis.execute("SET", keys[0], args[0])
    redis.execute("RPUSH", keys[1], args)
    elements = redis.asList(redis.execute("LRANGE", keys[1], "0", "-1"))
    assert str(redis.execute("GET", keys[0])) == str(elements[0])
    return torch.tensor([len(elements)])

def chain(tensors: List[Tensor], keys: List[str], args: List[str]):
    outputs = tensors
    for i in range(int(args[0])):
        outputs = redisAI.model_execute(keys[0], tensors, int(args[1]))
    return outputs

def wrong(tensors: List[Tensor], keys: List[str], args: List[str]):
    redis.execute("LLEN", keys[0])
"""


@with_models
def scripts_call_the_database(client):
    client.scriptstore("calls", "CPU", CALLING, ["remember", "chain", "wrong"])
    client.delete("{x}text", "{x}list")
    args = ["one", "two\0three"]
    assert client.scriptexecute("calls", "remember", keys=["{x}text", "{x}list"], args=args, outputs=["n"]) == "OK"
    assert client.tensorget("n") == numpy.array([2])
    assert client.get("{x}text") == b"one" and client.lrange("{x}list", 0, -1) == [b"one", b"two\0three"]
    raises(
        ResponseError,
        lambda: client.scriptexecute("calls", "wrong", keys=["{x}text"]),
        "Redis command returned an error: WRONGTYPE Operation against a key holding the wrong kind of value",
    )


@with_models
def scripts_run_models_of_every_backend(client):
    backends = {}
    for model in MODELS:
        floats = all(tensor.dtype == numpy.float32 for tensor in model.inputs + model.outputs)
        if floats and model.input_names is None:
            backends.setdefault(model.backend, model)
    assert len(backends) >= 2, backends
    for model in backends.values():
        client.modelstore(model.key, model.backend, "CPU", model.bytes)
        inputs = [f"in-{i}" for i in range(len(model.inputs))]
        outputs = [f"out-{i}" for i in range(len(model.outputs))]
        for name, tensor in zip(inputs, model.inputs):
            client.tensorset(name, tensor)
        args = ["2", str(len(outputs))]
        client.scriptexecute("calls", "chain", keys=[model.key], inputs=inputs, args=args, outputs=outputs)
        model.expect([client.tensorget(name) for name in outputs])
        assert client.infoget(model.key)["calls"] == 2


run_cases(Client(port=int(os.environ["PORT"])))
