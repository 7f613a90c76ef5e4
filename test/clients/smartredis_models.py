"""SmartRedis: models and scripts. MODELS is the folder that helpers/models.ts has filled."""

import os

import numpy
from cases import at_once, case, raises, run_cases
from models import load_models
from smartredis import Client
from smartredis.error import RedisReplyError

TCP = os.environ["SSDB"]
MODELS = load_models(os.environ["MODELS"])

SCRIPT = """
def two_to_one(a, b):
    return a + b

def one_to_two(a):
    return a[:1], a[1:]

def variadic(tensors: List[Tensor]):
    return torch.cat(tensors)

def raising(a):
    assert a.numel() == 0, "this script always raises"
    return a
"""


def doubled(x):
    """Sent to the server as it stands here."""
    return x * 2


def run(client, model, key, prefix=""):
    inputs = [f"{prefix}in-{i}" for i in range(len(model.inputs))]
    outputs = [f"{prefix}out-{i}" for i in range(len(model.outputs))]
    for name, tensor in zip(inputs, model.inputs):
        client.put_tensor(name, tensor)
    client.run_model(key, inputs, outputs)
    model.expect([client.get_tensor(name) for name in outputs])
    # A run leaves what it read as it was.
    for name, tensor in zip(inputs, model.inputs):
        assert client.get_tensor(name).tobytes() == tensor.tobytes(), f"input {name} was changed"


def of(backend, *names):
    return next(model for model in MODELS if model.backend == backend and model.name in names)


@case
def there_are_models_of_both_backends(client):
    assert {model.backend for model in MODELS} == {"TORCH", "ONNX"}


@case
def models_set_from_bytes_give_the_reference_outputs(client):
    for model in MODELS:
        client.set_model(model.key, model.bytes, model.backend, "CPU", tag="from-bytes")
        assert client.model_exists(model.key) and client.poll_model(model.key, 1, 1)
        try:
            run(client, model, model.key)
        except Exception as error:
            raise AssertionError(f"{model.key}: {error}") from error


@case
def models_set_from_files_give_the_reference_outputs(client):
    for model in MODELS:
        client.set_model_from_file(f"file-{model.key}", model.path, model.backend, "CPU")
        run(client, model, f"file-{model.key}")


@case
def a_model_runs_on_any_number_of_rows(client):
    for model in MODELS:
        if not model.name.startswith("mlp") or len(model.inputs) != 1:
            continue
        for times in (1, 3, 64):
            client.put_tensor("rows", numpy.concatenate([model.inputs[0]] * times))
            client.run_model(model.key, ["rows"], ["rows-out"])
            model.expect([client.get_tensor("rows-out")[: len(model.outputs[0])]])
            assert len(client.get_tensor("rows-out")) == times * len(model.outputs[0])


@case
def a_model_comes_back_byte_by_byte(client):
    for model in MODELS:
        assert client.get_model(model.key) == model.bytes, model.key


@case
def a_models_run_counts_are_reported(client):
    model = of("TORCH", "two-in-two-out")
    (before,) = client.get_ai_info([TCP], model.key)
    assert before["type"] == "MODEL" and before["backend"] == "TORCH" and before["device"] == "CPU", before
    assert before["tag"] == "from-bytes" and before["key"] == model.key, before
    run(client, model, model.key)
    (after,) = client.get_ai_info([TCP], model.key)
    assert int(after["calls"]) == int(before["calls"]) + 1, (before, after)
    assert int(after["errors"]) == 0 and int(after["samples"]) > int(before["samples"])


@case
def a_bad_model_is_refused_and_the_client_goes_on(client):
    for backend in ("TORCH", "ONNX"):
        raises(RedisReplyError, lambda: client.set_model("bad", b"this is no model", backend, "CPU"))
        assert not client.model_exists("bad")
        whole = of(backend, "two-in-two-out", "mlp-30-128-128-2", "mlp").bytes
        raises(RedisReplyError, lambda: client.set_model("bad", whole[: len(whole) // 2], backend, "CPU"))
        assert not client.model_exists("bad")


@case
def wrong_inputs_are_refused_and_the_client_goes_on(client):
    for model in MODELS:
        if not model.name.startswith("mlp"):
            continue
        client.put_tensor("fits-not", numpy.ones((2, 3, 5, 7), dtype="float32"))
        raises(RedisReplyError, lambda: client.run_model(model.key, ["fits-not"], ["none"]))
        client.put_tensor("fits-not", numpy.ones(model.inputs[0].shape, dtype="int8"))
        raises(RedisReplyError, lambda: client.run_model(model.key, ["fits-not"], ["none"]))
        raises(RedisReplyError, lambda: client.run_model(model.key, ["in-0", "in-0", "in-0"], ["none"]), "INPUTS")
        raises(RedisReplyError, lambda: client.run_model(model.key, ["missing"], ["none"]), "tensor key is empty")
        assert not client.tensor_exists("none")
        run(client, model, model.key)


@case
def a_missing_model_is_an_error(client):
    client.put_tensor("x", numpy.ones((1, 2), dtype="float32"))
    raises(RedisReplyError, lambda: client.run_model("missing", ["x"], ["y"]), "model key is empty")
    raises(RedisReplyError, lambda: client.get_model("missing"), "model key is empty")
    raises(RedisReplyError, lambda: client.delete_model("missing"), "model key is empty")


@case
def a_GPU_that_is_not_there_is_an_error(client):
    model = of("TORCH", "two-in-two-out")
    raises(RedisReplyError, lambda: client.set_model("gpu", model.bytes, "TORCH", "GPU"), "GPU")


@case
def scripts_run_with_one_two_and_many_tensors(client):
    client.set_script("script", SCRIPT, "CPU")
    assert client.get_script("script") == SCRIPT and client.model_exists("script")
    a, b = numpy.array([1, 5, 3], dtype="float32"), numpy.array([10, 20, 30], dtype="float32")
    client.put_tensor("a", a)
    client.put_tensor("b", b)
    client.run_script("script", "two_to_one", ["a", "b"], ["sum"])
    assert (client.get_tensor("sum") == a + b).all()
    client.run_script("script", "one_to_two", ["a"], ["head", "tail"])
    assert (client.get_tensor("head") == a[:1]).all() and (client.get_tensor("tail") == a[1:]).all()
    client.run_script("script", "variadic", ["a", "b"], ["joined"])
    assert (client.get_tensor("joined") == numpy.concatenate([a, b])).all()


@case
def a_script_from_a_file_runs(client):
    path = os.path.join(os.environ["MODELS"], "script.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SCRIPT)
    client.set_script_from_file("script-file", path, "CPU")
    client.run_script("script-file", "two_to_one", ["a", "a"], ["twice"])
    assert (client.get_tensor("twice") == 2 * client.get_tensor("a")).all()


@case
def a_Python_function_runs(client):
    client.set_function("function", doubled)
    client.run_script("function", "doubled", ["a"], ["twice"])
    assert (client.get_tensor("twice") == 2 * client.get_tensor("a")).all()


@case
def scripts_call_the_database_and_models(client):
    model = next(m for m in MODELS if len(m.inputs) == 1 and len(m.outputs) == 1 and m.backend == "ONNX")
    client.set_model("called", model.bytes, model.backend, "CPU")
    source = """
def call(x):
    redis.execute("HSET", "calls", "last", "call")
    outputs = redisAI.model_execute("called", [x], 1)
    redis.execute("RPUSH", "history", str(outputs[0].dim()))
    return outputs[0]
"""
    client.set_script("calling", source, "CPU")
    client.put_tensor("a", model.inputs[0])
    for _ in range(2):
        client.run_script("calling", "call", ["a"], ["called-out"])
    model.expect([client.get_tensor("called-out")])
    assert client.key_exists("calls") and client.key_exists("history")


@case
def bad_scripts_are_refused_and_the_client_goes_on(client):
    raises(RedisReplyError, lambda: client.set_script("bad", "def f(x): return no_such_name + x", "CPU"), "no_such_name")
    raises(RedisReplyError, lambda: client.set_script("bad", "this is no script", "CPU"))
    assert not client.model_exists("bad")
    raises(RedisReplyError, lambda: client.run_script("script", "raising", ["a"], ["none"]), "this script always raises")
    raises(RedisReplyError, lambda: client.run_script("script", "no_such_function", ["a"], ["none"]), "no_such_function")
    raises(RedisReplyError, lambda: client.run_script("missing", "f", ["a"], ["none"]), "script key is empty")
    assert not client.tensor_exists("none")


@case
def several_clients_run_models_at_once(client):
    def work(number):
        own = Client(None, logger_name=f"worker-{number}")
        for _ in range(5):
            for model in MODELS:
                run(own, model, model.key, prefix=f"worker-{number}-")

    at_once(4, work)


@case
def models_and_scripts_are_deleted(client):
    for model in MODELS:
        client.delete_model(model.key)
        assert not client.model_exists(model.key)
    client.delete_script("script")
    assert not client.model_exists("script")
    raises(RedisReplyError, lambda: client.get_script("script"), "script key is empty")


run_cases(Client(None, logger_name="models"))
