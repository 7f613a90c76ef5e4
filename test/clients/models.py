"""The models that helpers/models.ts and real-models.ts have made, with inputs and expected outputs as numpy arrays."""

import json
import os

import numpy

# SmartRedis has no others.
_NUMPY = {"FLOAT": "float32", "DOUBLE": "float64", "INT64": "int64", "INT32": "int32", "INT16": "int16", "INT8": "int8",
          "UINT16": "uint16", "UINT8": "uint8"}


def _tensor(folder, entry):
    path = os.path.join(folder, entry["file"])
    if entry["dtype"] == "STRING":
        with open(path, "rb") as file:
            texts = file.read().decode().split("\0")[:-1]
        return numpy.array(texts).reshape(entry["dims"])
    dtype = "bool" if entry["dtype"] == "BOOL" else _NUMPY[entry["dtype"]]
    return numpy.fromfile(path, dtype=dtype).reshape(entry["dims"])


class Model:
    def __init__(self, folder, backend, entry):
        self.backend = backend
        self.name = entry["name"]
        self.path = os.path.join(folder, entry["file"])
        with open(self.path, "rb") as file:
            self.bytes = file.read()
        # What TF wants to be told when it is stored; None of the others.
        self.input_names = entry.get("input_names")
        self.output_names = entry.get("output_names")
        self.inputs = [_tensor(folder, tensor) for tensor in entry["inputs"]]
        self.outputs = [_tensor(folder, tensor) for tensor in entry["outputs"]]

    @property
    def key(self):
        return f"{self.backend}-{self.name}"

    def expect(self, outputs):
        assert len(outputs) == len(self.outputs), f"{len(outputs)} outputs"
        for seen, wanted in zip(outputs, self.outputs):
            assert seen.dtype == wanted.dtype, f"{seen.dtype} is not {wanted.dtype}"
            if seen.dtype.kind == "U":
                assert (seen == wanted).all(), f"{seen} is not {wanted}"
                continue
            # What a runtime adds up in another order differs in the last bits.
            numpy.testing.assert_allclose(seen, wanted, rtol=1e-4, atol=1e-5)


# Those that answer as their reference on their first run only, or are made to be refused.
_NOT_PLAIN = ("counter", "keeps", "external", "half", "where")


def _is_numeric(tensor):
    return tensor["dims"] and tensor["dtype"] in _NUMPY


def load_real_models(folder, only_numeric):
    """Those of real-models.ts whose outputs are all tensors with elements."""
    models = []
    for backend in ("TF", "TFLITE", "ONNX"):
        with open(os.path.join(folder, f"{backend.lower()}-models.json"), encoding="utf-8") as file:
            for entry in json.load(file):
                tensors = entry["inputs"] + entry["outputs"]
                if entry["name"] in _NOT_PLAIN or any(t["dtype"] == "" or 0 in t["dims"] for t in tensors):
                    continue
                if not only_numeric or all(_is_numeric(t) for t in tensors):
                    models.append(Model(folder, backend, entry))
    return models


def load_models(folder):
    """The models that plain clients can run: SmartRedis has neither scalars nor BOOL and STRING."""
    models = []
    for backend in ("TORCH", "ONNX"):
        with open(os.path.join(folder, f"{backend.lower()}-models.json"), encoding="utf-8") as file:
            for entry in json.load(file):
                tensors = entry["inputs"] + entry["outputs"]
                if entry["name"] not in _NOT_PLAIN and all(_is_numeric(t) for t in tensors):
                    models.append(Model(folder, backend, entry))
    return models
