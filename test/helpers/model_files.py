"""Writes models with their inputs and expected outputs, for the makers of test models.

A manifest has one model a line. Tensors are raw little-endian files; strings end at a NUL.
"""

import json

import numpy as np

_DTYPES = {
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "bool": "BOOL",
    "object": "STRING",
}


class Manifest:
    def __init__(self, folder, backend):
        self._folder = folder
        self._backend = backend
        self._models = []

    def add(self, name, blob, inputs, outputs, **more):
        """`outputs` has None where the model gives what is no tensor."""
        file = f"{self._backend}-{name}.model"
        with open(f"{self._folder}/{file}", "wb") as out:
            out.write(blob)
        self._models.append(
            {
                "name": name,
                "file": file,
                **more,
                "inputs": [self._write(name, "in", i, a) for i, a in enumerate(inputs)],
                "outputs": [self._write(name, "out", i, a) for i, a in enumerate(outputs)],
            }
        )

    def save(self):
        lines = ",\n".join(json.dumps(model) for model in self._models)
        with open(f"{self._folder}/{self._backend}-models.json", "w", encoding="utf-8") as out:
            out.write(f"[\n{lines}\n]\n")

    def _write(self, name, kind, index, array):
        if array is None:
            return {"file": "", "dtype": "", "dims": []}
        array = np.asarray(array)
        file = f"{self._backend}-{name}.{kind}{index}.bin"
        with open(f"{self._folder}/{file}", "wb") as out:
            if array.dtype == object:
                texts = [text if isinstance(text, bytes) else text.encode() for text in array.ravel()]
                out.write(b"".join(text + b"\0" for text in texts))
            else:
                out.write(np.ascontiguousarray(array).tobytes())
        return {"file": file, "dtype": _DTYPES[array.dtype.name], "dims": list(array.shape)}
