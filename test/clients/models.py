"""The models that helpers/models.ts has made, with inputs and expected outputs as numpy arrays."""

import json
import os

import numpy

_NUMPY = {"FLOAT": "float32", "DOUBLE": "float64", "INT64": "int64", "INT32": "int32"}


def _tensor(folder, entry):
    values = numpy.fromfile(os.path.join(folder, entry["file"]), dtype=_NUMPY[entry["dtype"]])
    return values.reshape(entry["dims"])


class Model:
    def __init__(self, folder, backend, entry):
        self.backend = backend
        self.name = entry["name"]
        self.path = os.path.join(folder, entry["file"])
        with open(self.path, "rb") as file:
            self.bytes = file.read()
        self.inputs = [_tensor(folder, tensor) for tensor in entry["inputs"]]
        self.outputs = [_tensor(folder, tensor) for tensor in entry["outputs"]]

    @property
    def key(self):
        return f"{self.backend}-{self.name}"

    def expect(self, outputs):
        assert len(outputs) == len(self.outputs), f"{len(outputs)} outputs"
        for seen, wanted in zip(outputs, self.outputs):
            assert seen.dtype == wanted.dtype, f"{seen.dtype} is not {wanted.dtype}"
            # What a runtime adds up in another order differs in the last bits.
            numpy.testing.assert_allclose(seen, wanted, rtol=1e-4, atol=1e-5)


# Those that answer as their reference on their first run only, or are made to be refused.
_NOT_PLAIN = ("counter", "keeps", "external")


def load_models(folder):
    """The models that plain clients can run: SmartRedis has neither scalars nor BOOL and STRING."""
    models = []
    for backend in ("TORCH", "ONNX"):
        with open(os.path.join(folder, f"{backend.lower()}-models.json"), encoding="utf-8") as file:
            for entry in json.load(file):
                tensors = entry["inputs"] + entry["outputs"]
                if entry["name"] not in _NOT_PLAIN and all(t["dims"] and t["dtype"] in _NUMPY for t in tensors):
                    models.append(Model(folder, backend, entry))
    return models
