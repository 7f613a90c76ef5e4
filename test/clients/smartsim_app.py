"""What SmartSim's tests launch as a Model: uses each database it is told of, and fails if anything is not as it should be.

Arguments: `data NAME [ID]`, `models FOLDER`, `script`, `models-and-script FOLDER`, `produce`, `consume`.
"""

import sys

import numpy
from models import load_models
from smartredis import Client, ConfigOptions

action, *arguments = sys.argv[1:]


def connect(identifier=""):
    options = ConfigOptions.create_from_environment(identifier)
    return Client(options, logger_name=action)


def run_models(client, folder):
    """Those that are stored."""
    for model in load_models(folder):
        if not client.model_exists(model.key):
            continue
        inputs = [f"in-{i}" for i in range(len(model.inputs))]
        outputs = [f"out-{i}" for i in range(len(model.outputs))]
        for name, tensor in zip(inputs, model.inputs):
            client.put_tensor(name, tensor)
        client.run_model(model.key, inputs, outputs)
        model.expect([client.get_tensor(name) for name in outputs])
        print("has run", model.key, flush=True)


def run_doubler(client):
    client.put_tensor("a", numpy.array([1.0, 2.0], dtype="float32"))
    client.run_script("doubler", "doubled", ["a"], ["b"])
    numpy.testing.assert_array_equal(client.get_tensor("b"), [2.0, 4.0])
    print("has run doubler", flush=True)


if action == "data":
    client = connect(*arguments[1:])
    sent = numpy.arange(1000, dtype="float64").reshape(10, 100)
    client.put_tensor(arguments[0], sent)
    numpy.testing.assert_array_equal(client.get_tensor(arguments[0]), sent)
elif action in ("models", "script", "models-and-script"):
    client = connect()
    if "models" in action:
        run_models(client, arguments[0])
    if "script" in action:
        run_doubler(client)
elif action == "produce":
    connect().put_tensor("made", numpy.ones(3))
elif action == "consume":
    client = connect()
    for source in ("maker_0", "maker_1"):
        client.set_data_source(source)
        assert client.poll_tensor("made", 100, 100), f"nothing of {source}"
else:
    raise SystemExit(f"no action {action}")
