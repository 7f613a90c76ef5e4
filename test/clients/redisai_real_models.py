"""redisai-py 1.3.0 with the models that users have. REAL_MODELS is the folder of helpers/real-models.ts."""

import os

from cases import at_once, case, run_cases
from models import load_real_models
from redisai import Client

PORT = int(os.environ["PORT"])
MODELS = load_real_models(os.environ["REAL_MODELS"], only_numeric=False)


def run(client, model, how, prefix=""):
    inputs = [f"{prefix}in-{i}" for i in range(len(model.inputs))]
    outputs = [f"{prefix}out-{i}" for i in range(len(model.outputs))]
    for name, tensor in zip(inputs, model.inputs):
        client.tensorset(name, tensor)
    assert how(model.key, inputs, outputs) == "OK"
    model.expect([client.tensorget(name) for name in outputs])


@case
def models_are_stored_run_and_described(client):
    for model in MODELS:
        try:
            assert client.modelstore(model.key, model.backend, "CPU", model.bytes, inputs=model.input_names,
                                     outputs=model.output_names, tag="v1") == "OK"
            run(client, model, client.modelexecute)
        except Exception as error:
            raise AssertionError(f"{model.key}: {error}") from error
        meta = client.modelget(model.key)
        assert meta["backend"] == model.backend and meta["tag"] == "v1" and meta["blob"] == model.bytes, model.key
        assert len(meta["inputs"]) == len(model.inputs) and len(meta["outputs"]) == len(model.outputs), meta
        if model.input_names:
            assert meta["inputs"] == model.input_names and meta["outputs"] == model.output_names, meta


@case
def models_set_the_old_way_run_the_old_way(client):
    for model in MODELS:
        names = {"inputs": model.input_names, "outputs": model.output_names} if model.input_names else {}
        assert client.modelset(model.key, model.backend, "CPU", model.bytes, **names) == "OK"
        run(client, model, client.modelrun)


@case
def several_clients_run_them_at_once(client):
    def work(number):
        own = Client(port=PORT)
        for _ in range(5):
            for model in MODELS:
                run(own, model, own.modelexecute, prefix=f"worker-{number}-")

    at_once(4, work)


@case
def there_were_models_of_each_backend(client):
    assert {model.backend for model in MODELS} == {"TF", "TFLITE", "ONNX"}
    loaded = client.info("ai_backends_info")
    assert loaded["ai_TensorFlow_version"].startswith("2.") and loaded["ai_TensorFlowLite_version"] == "NA", loaded


run_cases(Client(port=PORT))
