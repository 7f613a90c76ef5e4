"""SmartRedis with the models that users have. REAL_MODELS is the folder of helpers/real-models.ts."""

import os

import numpy
from cases import at_once, case, raises, run_cases
from models import load_real_models
from smartredis import Client
from smartredis.error import RedisReplyError

MODELS = load_real_models(os.environ["REAL_MODELS"], only_numeric=True)


def names_of(model):
    """SmartRedis sends INPUTS and OUTPUTS for TF only."""
    return {"inputs": model.input_names, "outputs": model.output_names} if model.input_names else {}


def run(client, model, key, prefix=""):
    inputs = [f"{prefix}in-{i}" for i in range(len(model.inputs))]
    outputs = [f"{prefix}out-{i}" for i in range(len(model.outputs))]
    for name, tensor in zip(inputs, model.inputs):
        client.put_tensor(name, tensor)
    client.run_model(key, inputs, outputs)
    model.expect([client.get_tensor(name) for name in outputs])


@case
def models_set_from_bytes_give_the_reference_outputs(client):
    for model in MODELS:
        client.set_model(model.key, model.bytes, model.backend, "CPU", **names_of(model))
        try:
            run(client, model, model.key)
        except Exception as error:
            raise AssertionError(f"{model.key}: {error}") from error


@case
def models_set_from_files_give_the_reference_outputs(client):
    for model in MODELS:
        client.set_model_from_file(f"file-{model.key}", model.path, model.backend, "CPU", **names_of(model))
        run(client, model, f"file-{model.key}")


@case
def a_Keras_model_runs_on_any_number_of_rows(client):
    for model in MODELS:
        # TF-Lite converts an LSTM for one number of rows.
        if model.name not in ("mlp-30-128-128-2", "cnn", "lstm") or model.key == "TFLITE-lstm":
            continue
        for times in (1, 3, 32):
            client.put_tensor("rows", numpy.concatenate([model.inputs[0]] * times))
            client.run_model(model.key, ["rows"], ["rows-out"])
            seen = client.get_tensor("rows-out")
            assert len(seen) == times * len(model.outputs[0]), model.key
            numpy.testing.assert_allclose(seen[-len(model.outputs[0]):], model.outputs[0], rtol=1e-3, atol=1e-4)


@case
def bad_models_and_runs_are_refused_and_the_client_goes_on(client):
    for model in MODELS:
        half = model.bytes[: len(model.bytes) // 2]
        raises(RedisReplyError, lambda: client.set_model("bad", half, model.backend, "CPU", **names_of(model)))
        raises(RedisReplyError, lambda: client.set_model("bad", model.bytes, model.backend, "GPU", **names_of(model)))
        assert not client.model_exists("bad")
    client.put_tensor("odd", numpy.ones((2, 3, 5, 7, 11), dtype="float32"))
    for model in MODELS:
        if model.name == "mlp-30-128-128-2":
            raises(RedisReplyError, lambda: client.run_model(model.key, ["odd"], ["none"]))
            assert not client.tensor_exists("none")
            run(client, model, model.key)


@case
def several_clients_run_them_at_once(client):
    def work(number):
        own = Client(None, logger_name=f"worker-{number}")
        for _ in range(3):
            for model in MODELS:
                run(own, model, model.key, prefix=f"worker-{number}-")

    at_once(4, work)


run_cases(Client(None, logger_name="models"))
