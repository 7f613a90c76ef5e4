"""DAGs of redisai-py 1.3.0. PORT says where; MODELS is the folder that helpers/models.ts has filled."""

import os
import warnings

import numpy
from cases import at_once, case, raises, run_cases
from models import load_models
from onnx import TensorProto, helper
from redis.exceptions import ResponseError
from redisai import Client

MODELS = load_models(os.environ["MODELS"])
SCRIPT = """
def add(tensors: List[Tensor], keys: List[str], args: List[str]):
    return tensors[0] + tensors[1]

def scale(tensors: List[Tensor], keys: List[str], args: List[str]):
    return tensors[0] * float(args[0])

def none(tensors: List[Tensor], keys: List[str], args: List[str]):
    pass

def plain(a, b):
    return a + b

def several(a, rest: List[Tensor]):
    return a + torch.stack(rest).sum()
"""
warnings.simplefilter("ignore", DeprecationWarning)


def store_all(client):
    for model in MODELS:
        assert client.modelstore(model.key, model.backend, "CPU", model.bytes) == "OK"
    assert client.scriptstore("s", "CPU", SCRIPT, ["add", "scale", "none"]) == "OK"
    # The client lets nobody name a device by number.
    words = ["AI.SCRIPTSTORE", "s1", "CPU:1", "ENTRY_POINTS", 3, "add", "scale", "none", "SOURCE", SCRIPT]
    assert client.execute_command(*words) == b"OK"


def names(model):
    return [f"in{i}" for i in range(len(model.inputs))], [f"out{i}" for i in range(len(model.outputs))]


@case
def models_run_on_tensors_of_the_dag(client):
    for model in MODELS:
        inputs, outputs = names(model)
        for dag, run in (
            (client.dag(routing="x"), lambda dag: dag.modelexecute),
            (client.dag(routing="x", readonly=True), lambda dag: dag.modelexecute),
            (client.dag(), lambda dag: dag.modelrun),
            (client.dag(readonly=True), lambda dag: dag.modelrun),
        ):
            for name, tensor in zip(inputs, model.inputs):
                dag.tensorset(name, tensor)
            run(dag)(model.key, inputs, outputs)
            for name in outputs:
                dag.tensorget(name)
            results = dag.execute()
            assert results[: len(inputs) + 1] == ["OK"] * (len(inputs) + 1), results
            model.expect(results[len(inputs) + 1 :])
        assert client.exists(*inputs, *outputs) == 0


@case
def tensors_are_loaded_and_persisted(client):
    for model in MODELS:
        inputs, outputs = names(model)
        for name, tensor in zip(inputs, model.inputs):
            client.tensorset(name, tensor)
        dag = client.dag(load=inputs, persist=outputs, timeout=60_000)
        assert dag.modelexecute(model.key, inputs, outputs).execute() == ["OK"]
        model.expect([client.tensorget(name) for name in outputs])
        client.delete(*inputs, *outputs)


@case
def scripts_run_in_turn_and_side_by_side(client):
    a = numpy.array([1, 2], "float32")
    client.tensorset("a", a)
    dag = client.dag(load="a", persist=["left", "sum"])
    dag.scriptexecute("s", "scale", inputs="a", args=["2"], outputs="left")
    dag.scriptexecute("s1", "scale", inputs="a", args=["3"], outputs="right")
    dag.scriptexecute("s", "add", keys=["{k}"], inputs=["left", "right"], outputs="sum")
    dag.scriptexecute("s1", "none", inputs=["sum"])
    dag.tensorget("sum").tensorget("right", as_numpy=False)
    results = dag.execute()
    assert results[:4] == ["OK"] * 4, results
    assert (results[4] == 5 * a).all() and results[5]["values"] == [3.0, 6.0], results
    assert (client.tensorget("left") == 2 * a).all() and (client.tensorget("sum") == 5 * a).all()
    assert client.exists("right") == 0
    client.delete("a", "left", "sum")


@case
def every_dtype_passes(client):
    for dtype in ["float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "bool"]:
        wanted = (numpy.arange(24) % 2 if dtype == "bool" else numpy.arange(24)).astype(dtype).reshape(2, 3, 4)
        results = client.dag(routing="x").tensorset("t", wanted).tensorget("t").execute()
        assert results[0] == "OK" and results[1].dtype == wanted.dtype and (results[1] == wanted).all(), dtype
    text = numpy.array([["one", "two words"], ["", "gr\u00fcn"]])
    assert (client.dag(routing="x").tensorset("t", text).tensorget("t").execute()[1] == text).all()
    large = numpy.random.default_rng(1).random((1000, 1000))
    dag = client.dag(persist="kept").tensorset("kept", large).tensorget("kept")
    for seen in dag.execute()[1:] + [client.tensorget("kept")]:
        assert (seen == large).all()
    client.delete("kept")


@case
def the_old_dag_runs_the_old_operations(client):
    client.scriptset("old", "CPU", SCRIPT)
    words = "AI.DAGRUN PERSIST 1 y |> AI.TENSORSET a FLOAT 1 VALUES 1 |> AI.SCRIPTRUN old plain INPUTS a a OUTPUTS b"
    words += " |> AI.SCRIPTRUN old several INPUTS a $ b b OUTPUTS y |> AI.TENSORGET y VALUES"
    assert client.execute_command(*words.split()) == [b"OK", b"OK", b"OK", [b"5"]]
    assert client.tensorget("y")[0] == 5
    client.delete("y")


@case
def refusals_are_errors(client):
    raises(RuntimeError, lambda: client.dag(persist="x", readonly=True), "READONLY")
    raises(ResponseError, lambda: client.dag(routing="x").tensorget("t").execute(), "INPUT key cannot be found in DAG")
    raises(ResponseError, lambda: client.dag(load="t").tensorget("t").execute(), "tensor key is empty")
    raises(
        ResponseError,
        lambda: client.dag(persist="never").tensorset("t", [1], [1], "float32").execute(),
        "PERSIST key cannot be found in DAG",
    )
    raises(ResponseError, lambda: client.dag(routing="x").modelexecute("none", "a", "b").execute(), "model key is empty")
    raises(ResponseError, lambda: client.dag(routing="x").scriptexecute("none", "f", inputs="t").execute(), "script key is empty")


@case
def a_failure_is_an_element_and_what_follows_is_not_run(client):
    model = MODELS[0]
    words = ["AI.DAGEXECUTE", "PERSIST", 1, "out", "|>", "AI.TENSORSET", "odd", "FLOAT", 1, 1, 1, 1, 1]
    words += ["|>", "AI.MODELEXECUTE", model.key, "INPUTS", len(model.inputs), *["odd"] * len(model.inputs)]
    words += ["OUTPUTS", len(model.outputs), "out", *["x"] * (len(model.outputs) - 1)]
    words += ["|>", "AI.SCRIPTEXECUTE", "s", "none", "|>", "AI.TENSORGET", "out", "|>", "AI.TENSORGET", "odd", "VALUES"]
    results = client.execute_command(*words)
    assert results[0] == b"OK" and isinstance(results[1], ResponseError), results
    assert results[2:] == [b"NA", b"NA", [b"0"]], results
    assert client.exists("out") == 0


def splitting_model():
    """Outputs: a sequence of tensors, which is no tensor, and a copy of the input."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in "xy")
    parts = helper.make_tensor_sequence_value_info("parts", TensorProto.FLOAT, None)
    nodes = [helper.make_node("SplitToSequence", ["x"], ["parts"]), helper.make_node("Identity", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "splitting", [x], [parts, y])
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


@case
def an_output_that_is_no_tensor_is_none(client):
    client.modelstore("splitting", "ONNX", "CPU", splitting_model())
    x = numpy.array([[1, 2], [3, 4]], "float32")
    dag = "AI.DAGEXECUTE PERSIST 2 parts y |> AI.TENSORSET x FLOAT 2 2 VALUES 1 2 3 4"
    dag += " |> AI.MODELEXECUTE splitting INPUTS 1 x OUTPUTS 2 parts y"
    results = client.execute_command(*f"{dag} |> AI.TENSORGET parts |> AI.TENSORGET y VALUES".split())
    assert results == [b"OK", b"OK", b"NA", [b"1", b"2", b"3", b"4"]], results
    assert client.exists("parts") == 0 and (client.tensorget("y") == x).all()
    client.delete("y")
    # What reads it fails, and keeps nobody waiting.
    for key in ("s", "s1"):
        reader = f"AI.SCRIPTEXECUTE {key} scale INPUTS 1 parts ARGS 1 2 OUTPUTS 1 z"
        results = client.execute_command(*f"{dag} |> {reader} |> AI.TENSORGET z |> AI.TENSORGET y VALUES".split())
        assert str(results[2]) == "INPUT key cannot be found in DAG", results
        assert results[3:] == [b"NA", [b"1", b"2", b"3", b"4"]], results
        assert client.exists("parts", "y") == 0


@case
def many_run_at_once(client):
    model = MODELS[0]
    inputs, outputs = names(model)

    def work(number):
        own = Client(port=int(os.environ["PORT"]))
        wanted = numpy.array([number, 1], "float32")
        for round in range(20):
            key = f"k{number}"
            dag = own.dag(persist=[key], routing=key).tensorset(key, wanted)
            for name, tensor in zip(inputs, model.inputs):
                dag.tensorset(name, tensor)
            dag.scriptexecute("s1", "scale", inputs=key, args=[str(round)], outputs=key)
            dag.modelexecute(model.key, inputs, outputs)
            dag.scriptexecute("s", "add", inputs=[key, key], outputs="twice").tensorget("twice")
            assert (dag.execute()[-1] == 2 * round * wanted).all()
            assert (own.tensorget(key) == round * wanted).all()
        own.delete(key)

    at_once(16, work)


CLIENT = Client(port=int(os.environ["PORT"]))
store_all(CLIENT)
run_cases(CLIENT)
