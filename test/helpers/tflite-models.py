"""Writes TF-Lite flatbuffers, with inputs and the outputs that LiteRT's interpreter gives for them in process.

tflite-models.py FOLDER, in the Python environment `models`.
"""

import os
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras_models import keras_models
from model_files import Manifest

manifest = Manifest(sys.argv[1], "tflite")
random = np.random.default_rng(20240607)


def reference(blob, inputs):
    """In the order of the flatbuffer, which is what a client sees."""
    interpreter = Interpreter(model_content=blob)
    for detail, x in zip(interpreter.get_input_details(), inputs):
        interpreter.resize_tensor_input(detail["index"], x.shape)
    interpreter.allocate_tensors()
    for detail, x in zip(interpreter.get_input_details(), inputs):
        interpreter.set_tensor(detail["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def add(name, converter, inputs):
    blob = converter.convert()
    manifest.add(name, blob, inputs, reference(blob, inputs))


def normal(*dims):
    return np.asarray(random.standard_normal(dims), np.float32)


def function(name, inputs, build, free_dims=1):
    """A function of plain operations."""
    specs = [tf.TensorSpec([None if d < free_dims else n for d, n in enumerate(x.shape)], x.dtype, name=f"in{i}")
             for i, x in enumerate(inputs)]
    call = tf.function(build).get_concrete_function(*specs)
    add(name, tf.lite.TFLiteConverter.from_concrete_functions([call]), inputs)


def quantised(name, model, inputs):
    """8-bit weights, activations, inputs and outputs."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([normal(1, *x.shape[1:]) for x in model.inputs] for _ in range(20))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    add(name, converter, inputs)


for name, model, rows in keras_models():
    inputs = [normal(rows, *x.shape[1:]) for x in model.inputs]
    if name == "lstm":
        # Of one length and one row, as a fused LSTM wants it.
        call = tf.function(model).get_concrete_function(tf.TensorSpec([1, *model.inputs[0].shape[1:]]))
        add(name, tf.lite.TFLiteConverter.from_concrete_functions([call]), [inputs[0][:1]])
        continue
    add(name, tf.lite.TFLiteConverter.from_keras_model(model), inputs)
    if name == "cnn":
        quantised("cnn-int8", model, [random.integers(-128, 128, (3, 28, 28, 1)).astype(np.int8)])

a, b = normal(2, 3), normal(2, 3)
function("identity", [a], lambda x: tf.identity(x))
function("input-is-output", [a, b], lambda x, y: [x, x + y, x])
# More than what an output is copied for.
function("large", [normal(3, 100, 100)], lambda x: [x * 2, tf.reduce_sum(x, 2), x])
function("scalar", [normal(), normal()], lambda x, y: [x * y, x - y])
function("five-dims", [normal(1, 4, 6, 6, 2)], lambda x: tf.nn.relu(x) * tf.constant(normal(2)))
function("bools", [np.array([[True, False], [False, False]])], lambda x: [tf.logical_not(x), tf.reduce_any(x)])
function("integers", [np.array([[1, -2, 3]], dtype) for dtype in ("int32", "int64")], lambda x, y: [x + x, y + y])
function("dtypes", [np.array([[1, 2, 3]], dtype) for dtype in ("int8", "int16", "uint8")],
         lambda *xs: [tf.reshape(x, [-1, 1]) for x in xs])
function("doubles", [np.array([[1.5, 2]])], lambda x: tf.cast(x, tf.float32))
function("where", [a], lambda x: tf.where(x > 0))
function("fixed", [a], lambda x: x * 2, free_dims=0)
manifest.save()
