"""Writes ONNX models for the tests, with inputs and the outputs numpy gives for them.

onnx-models.py FOLDER [mobilenet], with onnx 1.17 and numpy from PyPI. The manifest, FOLDER/onnx-models.json, has
one model a line; tensors are raw little-endian files, strings end at a NUL.
"""

import json
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

folder = sys.argv[1]
random = np.random.default_rng(20240607)
models = []
DTYPES = {"float32": "FLOAT", "int64": "INT64", "bool": "BOOL", "object": "STRING"}
ELEMENTS = {"FLOAT": TensorProto.FLOAT, "INT64": TensorProto.INT64, "BOOL": TensorProto.BOOL,
            "STRING": TensorProto.STRING}


def weights(*dims):
    return (random.standard_normal(dims) / 8).astype(np.float32)


def write(name, kind, index, array):
    file = f"onnx-{name}.{kind}{index}.bin"
    with open(f"{folder}/{file}", "wb") as out:
        if array.dtype == object:
            out.write(b"".join(text.encode() + b"\0" for text in array.ravel()))
        else:
            out.write(np.ascontiguousarray(array).tobytes())
    return {"file": file, "dtype": DTYPES[array.dtype.name], "dims": list(array.shape)}


def make(name, nodes, initializers, inputs, outputs, free_dims=1, change=None):
    """`inputs` and `outputs` are (name, array) pairs; the first `free_dims` dims may be any."""

    def describe(pair):
        value_name, array = pair
        dims = ["N" if i < free_dims else dim for i, dim in enumerate(array.shape)]
        return helper.make_tensor_value_info(value_name, ELEMENTS[DTYPES[array.dtype.name]], dims)

    graph = helper.make_graph(nodes, name, [describe(p) for p in inputs], [describe(p) for p in outputs],
                              [numpy_helper.from_array(a, n) for n, a in initializers.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if change:
        change(model)
    file = f"onnx-{name}.onnx"
    save(model, f"{folder}/{file}")
    models.append({"name": name, "file": file,
                   "inputs": [write(name, "in", i, a) for i, (_, a) in enumerate(inputs)],
                   "outputs": [write(name, "out", i, a) for i, (_, a) in enumerate(outputs)]})


def make_mlp(name, input_count, hidden, output_count, rows):
    w = {"w1": weights(input_count, hidden), "b1": weights(hidden), "w2": weights(hidden, hidden),
         "b2": weights(hidden), "w3": weights(hidden, output_count), "b3": weights(output_count)}
    node = helper.make_node
    nodes = [node("Gemm", ["x", "w1", "b1"], ["h1"]), node("Relu", ["h1"], ["r1"]),
             node("Gemm", ["r1", "w2", "b2"], ["h2"]), node("Relu", ["h2"], ["r2"]),
             node("Gemm", ["r2", "w3", "b3"], ["y"])]
    x = random.standard_normal((rows, input_count)).astype(np.float32)
    h = np.maximum(x @ w["w1"] + w["b1"], 0)
    h = np.maximum(h @ w["w2"] + w["b2"], 0)
    make(name, nodes, w, [("x", x)], [("y", h @ w["w3"] + w["b3"])])


def conv(x, k, stride):
    """NCHW, padded by one, in plain numpy."""
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows[:, :, ::stride, ::stride], k).astype(np.float32)


def make_conv(name):
    k1, k2, w = weights(8, 1, 3, 3), weights(16, 8, 3, 3), weights(16 * 7 * 7, 10)
    node = helper.make_node
    pads = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    nodes = [node("Conv", ["x", "k1"], ["c1"], **pads), node("Relu", ["c1"], ["r1"]),
             node("Conv", ["r1", "k2"], ["c2"], **pads), node("Relu", ["c2"], ["r2"]),
             node("Flatten", ["r2"], ["f"]), node("MatMul", ["f", "w"], ["m"]),
             node("Softmax", ["m"], ["y"], axis=1)]
    x = random.standard_normal((1, 1, 28, 28)).astype(np.float32)
    h = np.maximum(conv(np.maximum(conv(x, k1, 2), 0), k2, 2), 0).reshape(1, -1) @ w
    e = np.exp(h - h.max())
    make(name, nodes, {"k1": k1, "k2": k2, "w": w}, [("x", x)], [("y", e / e.sum())])


make_mlp("mlp-30-128-128-2", 30, 128, 2, 8)
make_mlp("mlp-4-1024-1024-2", 4, 1024, 2, 2)
make_conv("conv-28x28-10")
a, b = weights(2, 3), weights(2, 3)
make("two-in-two-out",
     [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["a", "b"], ["product"])],
     {}, [("a", a), ("b", b)], [("sum", a + b), ("product", a * b)])
make("identity", [helper.make_node("Identity", ["x"], ["y"])], {}, [("x", a)], [("y", a)])
make("input-is-output", [helper.make_node("Identity", ["x"], ["y"])], {}, [("x", a)],
     [("x", a), ("y", a)])
make("constant", [helper.make_node("Identity", ["x"], ["y"])], {"w": b}, [("x", a)],
     [("y", a), ("w", b)], free_dims=0)
strings = np.array([["a", ""], ["longer text", "é"]], dtype=object)
make("strings", [helper.make_node("Identity", ["x"], ["y"])], {}, [("x", strings)], [("y", strings)])
flags = np.array([[True, False], [False, False]])
make("bools", [helper.make_node("Not", ["x"], ["y"])], {}, [("x", flags)], [("y", ~flags)])


def point_outside(model):
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "weights.bin"


make("external", [helper.make_node("Add", ["x", "w"], ["y"])], {"w": b}, [("x", a)], [("y", a + b)],
     change=point_outside)


def make_endless():
    """Loops as many times as its input says; 10^12 is for ever."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Sin", ["v"], ["w"])], "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("v", TensorProto.FLOAT, [1])],
        [value("go_on", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, [1])])
    one = np.ones(1, np.float32)
    make("loop", [helper.make_node("Squeeze", ["n"], ["count"]),
                  helper.make_node("Loop", ["count", "", "one"], ["y"], body=body)], {"one": one},
         [("n", np.array([1], np.int64))], [("y", np.sin(one))])


make_endless()


def make_mobilenet():
    """The layers of MobileNet v1 (Howard et al. 2017) on flat 224 x 224 images. Its outputs are not computed here."""
    node = helper.make_node
    nodes = [node("Reshape", ["x", "image"], ["h0"])]
    initializers = {"image": np.array([-1, 3, 224, 224], np.int64)}

    def add(width, kernel, channels, stride, group):
        i = len(initializers)
        initializers[f"w{i}"] = weights(channels, width // group, kernel, kernel)
        pads = [kernel // 2] * 4
        nodes.append(node("Conv", [f"h{i - 1}", f"w{i}"], [f"c{i}"], strides=[stride, stride], pads=pads, group=group))
        nodes.append(node("Relu", [f"c{i}"], [f"h{i}"]))

    add(3, 3, 32, 2, 1)
    width = 32
    for channels, stride in MOBILENET_LAYERS:
        add(width, 3, width, stride, width)
        add(width, 1, channels, 1, 1)
        width = channels
    last = len(initializers) - 1
    initializers["w"] = weights(width, 1000)
    nodes += [node("GlobalAveragePool", [f"h{last}"], ["p"]), node("Flatten", ["p"], ["f"]), node("MatMul", ["f", "w"], ["y"])]
    make("mobilenet", nodes, initializers, [("x", np.zeros((1, 3 * 224 * 224), np.float32))],
         [("y", np.zeros((1, 1000), np.float32))])


MOBILENET_LAYERS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1),
                    (512, 1), (1024, 2), (1024, 1)]
if "mobilenet" in sys.argv[2:]:
    make_mobilenet()
with open(f"{folder}/onnx-models.json", "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(model) for model in models) + "\n]\n")
