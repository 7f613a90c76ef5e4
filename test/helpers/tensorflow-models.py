"""Writes frozen TensorFlow graphs, with inputs and the outputs that TensorFlow gives for them in process.

tensorflow-models.py FOLDER, in the Python environment `models`.
"""

import os
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")

import numpy as np
import tensorflow as tf
from keras_models import keras_models
from model_files import Manifest
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

manifest = Manifest(sys.argv[1], "tf")
random = np.random.default_rng(20240607)


def bare(name):
    """As SmartSim's freeze_model names inputs and outputs: the node, without `:0`."""
    return name.split(":")[0]


def freeze(name, model, inputs):
    """Keras models and functions: variables become constants."""
    specs = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in inputs]
    call = tf.function(lambda *tensors: model(tensors[0] if len(tensors) == 1 else list(tensors)))
    frozen = convert_variables_to_constants_v2(call.get_concrete_function(*specs))
    outputs = call(*[tf.constant(x) for x in inputs])
    manifest.add(
        name,
        frozen.graph.as_graph_def().SerializeToString(),
        inputs,
        [y.numpy() for y in tf.nest.flatten(outputs)],
        input_names=[bare(x.name) for x in frozen.inputs],
        output_names=[bare(y.name) for y in frozen.outputs],
    )


def graph(name, inputs, build, free_dims=1, expected=None):
    """A graph of plain operations. `build` takes placeholders and answers its outputs."""
    with tf.Graph().as_default() as made, tf.compat.v1.Session(graph=made) as session:
        places = []
        for i, x in enumerate(inputs):
            dtype = tf.string if x.dtype == object else x.dtype
            shape = [None if d < free_dims else size for d, size in enumerate(x.shape)]
            places.append(tf.compat.v1.placeholder(dtype, shape, name=f"in{i}"))
        outputs = [tf.identity(y, name=f"out{i}") for i, y in enumerate(build(*places))]
        values = expected or session.run(outputs, dict(zip(places, inputs)))
        manifest.add(
            name,
            made.as_graph_def().SerializeToString(),
            inputs,
            values,
            input_names=[bare(x.name) for x in places],
            output_names=[bare(y.name) for y in outputs],
        )


def normal(*dims):
    return np.asarray(random.standard_normal(dims), np.float32)


def keep(x):
    """Answers what it was given the time before, zeros at first: it holds on to its input."""
    kept = tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[2, 3], shared_name="kept")
    is_set = tf.raw_ops.VarIsInitializedOp(resource=kept)
    before = tf.compat.v1.cond(
        is_set,
        lambda: tf.raw_ops.ReadVariableOp(resource=kept, dtype=tf.float32),
        lambda: tf.zeros([2, 3]),
    )
    with tf.control_dependencies([before]):
        assign = tf.raw_ops.AssignVariableOp(resource=kept, value=x)
    with tf.control_dependencies([assign]):
        return [tf.identity(before)]


for name, model, rows in keras_models():
    freeze(name, model, [normal(rows, *x.shape[1:]) for x in model.inputs])

a = normal(2, 3)
graph("identity", [a], lambda x: [x])
graph("reshape", [a], lambda x: [tf.reshape(x, [-1]), x])
graph("keeps", [a], keep, free_dims=0, expected=[np.zeros((2, 3), np.float32)])
graph("scalar", [normal(), normal()], lambda x, y: [x * y, tf.stack([x, y])])
graph("empty", [a], lambda x: [x[2:], tf.boolean_mask(x, x > 1e9), tf.shape(x)])
graph("five-dims", [normal(1, 4, 6, 6, 2)],
      lambda x: [tf.nn.conv3d(x, normal(3, 3, 3, 2, 5), [1, 1, 2, 2, 1], "SAME")])
texts = np.array([[b"a", b""], [b"a text of more than twenty-two bytes", "é".encode()]], dtype=object)
graph("strings", [texts], lambda x: [tf.strings.upper(x), tf.strings.length(x), x])
flags = np.array([[True, False], [False, False]])
graph("bools", [flags], lambda x: [tf.logical_not(x), tf.reduce_any(x)])
numbers = [np.array([[1, 2, 3]], dtype) for dtype in
           ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16")]
graph("dtypes", numbers, lambda *xs: [x + x for x in xs])
graph("half", [a], lambda x: [tf.cast(x, tf.float16)], expected=[a])
manifest.save()
