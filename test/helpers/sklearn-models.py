"""Writes models of scikit-learn, LightGBM and XGBoost as ONNX-ML, with inputs and the outputs that ONNX Runtime gives
for them in process, which must be those of the library.

sklearn-models.py FOLDER, in the Python environment `models`.
"""

import sys

import numpy as np
import onnx.helper
import onnxruntime
from lightgbm import LGBMClassifier, LGBMRegressor
from model_files import Manifest
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as BoostedFloatTensorType
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRegressor

_make_attribute = onnx.helper.make_attribute


def _make_plain_attribute(key, value, *args, **named):
    """skl2onnx 1.20 hands over scikit-learn 1.9's histogram trees in numpy's types, which onnx 1.23 refuses."""
    if isinstance(value, list):
        value = [int(each) if isinstance(each, (bool, np.bool_, np.integer)) else each for each in value]
    return _make_attribute(key, value, *args, **named)


# Before skl2onnx, which takes it by name.
onnx.helper.make_attribute = _make_plain_attribute

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType

manifest = Manifest(sys.argv[1], "onnx")
random = np.random.default_rng(20240607)
x = np.asarray(random.standard_normal((200, 6)), np.float32)
kinds = (x[:, 0] + x[:, 1] > 0).astype(np.int64) + (x[:, 2] > 1)
values = x @ np.arange(6) + np.sin(x[:, 3])
names = np.array(["low", "middle", "high"])[kinds]
rows = x[:7]


def add(name, model, inputs, feeds, expected, options=None):
    """`expected` is what scikit-learn predicts: the first output."""
    made = to_onnx(model, initial_types=inputs, options={id(model): options} if options else None, target_opset=17)
    write(name, made.SerializeToString(), inputs, feeds, expected)


def write(name, blob, inputs, feeds, expected):
    session = onnxruntime.InferenceSession(blob, providers=["CPUExecutionProvider"])
    outputs = session.run(None, dict(zip([name for name, _ in inputs], feeds)))
    assert np.allclose(outputs[0].ravel(), expected.ravel(), rtol=1e-4) if expected.dtype.kind != "U" else (
        outputs[0] == expected).all(), name
    manifest.add(name, blob, feeds, [y if isinstance(y, np.ndarray) else None for y in outputs])


numeric = [("x", FloatTensorType([None, 6]))]
for name, model, target, options in (
    ("scaler-logistic", make_pipeline(StandardScaler(), LogisticRegression()), kinds, {"zipmap": False}),
    # A sequence of maps in place of a tensor of probabilities: skl2onnx' default.
    ("zipmap", make_pipeline(StandardScaler(), LogisticRegression()), kinds, None),
    ("string-labels", LogisticRegression(), names, {"zipmap": False}),
    ("random-forest", RandomForestClassifier(20, random_state=1), kinds, {"zipmap": False}),
    ("forest-regressor", RandomForestRegressor(20, random_state=1), values, None),
    ("scaler-forest-names", make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=1)), names,
     {"zipmap": False}),
    ("hist-classifier", HistGradientBoostingClassifier(max_iter=20, random_state=1), kinds, {"zipmap": False}),
    ("hist-names", make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=20)), names,
     {"zipmap": False}),
    ("hist-regressor", HistGradientBoostingRegressor(max_iter=20, random_state=1), values, None),
    ("boosted-classifier", GradientBoostingClassifier(n_estimators=20, random_state=1), kinds, {"zipmap": False}),
    ("boosted-regressor", make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=20)), values, None),
    ("k-means", KMeans(3, n_init=1, random_state=1), kinds, None),
):
    model.fit(x, target)
    add(name, model, numeric, [rows], model.predict(rows), options)

boosted = [("x", BoostedFloatTensorType([None, 6]))]
for name, model, target, convert, options in (
    ("lightgbm-classifier", LGBMClassifier(n_estimators=20, verbose=-1), kinds, convert_lightgbm, {"zipmap": False}),
    ("lightgbm-regressor", LGBMRegressor(n_estimators=20, verbose=-1), values, convert_lightgbm, {}),
    ("xgboost-classifier", XGBClassifier(n_estimators=20), kinds, convert_xgboost, {}),
    ("xgboost-regressor", XGBRegressor(n_estimators=20), values, convert_xgboost, {}),
):
    model.fit(x, target)
    made = convert(model, initial_types=boosted, target_opset=15, **options)
    write(name, made.SerializeToString(), boosted, [rows], np.asarray(model.predict(rows)))

columns = np.empty((200, 7), dtype=object)
columns[:, :6], columns[:, 6] = x, names
encoder = ColumnTransformer([("number", StandardScaler(), slice(0, 6)), ("name", OneHotEncoder(), [6])])
model = make_pipeline(encoder, GradientBoostingRegressor(n_estimators=20)).fit(columns, values)
add("string-column", model, [*numeric, ("name", StringTensorType([None, 1]))], [rows, columns[:7, 6:]],
    model.predict(columns[:7]))
manifest.save()
