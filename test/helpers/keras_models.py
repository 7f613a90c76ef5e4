"""The Keras models that are frozen for TF and converted for TF-Lite."""

import keras
from keras import layers


def _dense(inputs, hidden, outputs):
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            layers.Dense(hidden, activation="relu"),
            layers.Dense(hidden, activation="relu"),
            layers.Dense(outputs),
        ]
    )


def _cnn():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _lstm():
    return keras.Sequential([keras.Input((12, 6)), layers.LSTM(24), layers.Dense(3)])


def _residual(x, filters, strides):
    y = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    if strides > 1:
        x = layers.BatchNormalization()(layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x))
    return layers.ReLU()(layers.Add()([x, y]))


def _resnet():
    """The shape of a ResNet, with few filters."""
    image = keras.Input((64, 64, 3))
    x = layers.Conv2D(16, 7, strides=2, padding="same", use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        x = _residual(_residual(x, filters, strides), filters, 1)
    return keras.Model(image, layers.Dense(100)(layers.GlobalAveragePooling2D()(x)))


def _two_in_two_out():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    return keras.Model([a, b], [layers.Add()([a, b]), layers.Dense(2)(layers.Multiply()([a, b]))])


def keras_models():
    """Name, model and rows of its test input."""
    keras.utils.set_random_seed(20240607)
    return [
        ("mlp-30-128-128-2", _dense(30, 128, 2), 8),
        ("mlp-4-1024-1024-2", _dense(4, 1024, 2), 2),
        ("cnn", _cnn(), 3),
        ("lstm", _lstm(), 4),
        ("resnet", _resnet(), 2),
        ("two-in-two-out", _two_in_two_out(), 2),
    ]
