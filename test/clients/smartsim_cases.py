"""What the cases with SmartSim share. The server and its tools are found by SMARTSIM_DEP_INSTALL_PATH alone."""

import os
import socket
import sys
import tempfile
import time

import redis
from models import load_models
from smartsim import Experiment
from smartsim.status import SmartSimStatus

MODELS = os.environ["MODELS"]
APP = os.path.abspath("test/clients/smartsim_app.py")
SCRIPT = "def doubled(x):\n    return 2 * x\n"
WAIT_SECONDS_MAX = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def experiment(name):
    folder = tempfile.mkdtemp(prefix=f"{name}-", dir=os.environ["FOLDER"])
    return Experiment(name, exp_path=folder, launcher="local")


def app(exp, name, *arguments):
    """A Model that runs smartsim_app.py with this Python."""
    settings = exp.create_run_settings(sys.executable, [APP, *arguments], env_vars={"SR_SOCKET_TIMEOUT": "20000"})
    return exp.create_model(name, settings)


def finish(exp, model):
    """Runs a Model to its end and expects that it was right; what it has printed is the answer."""
    start(exp, model)
    return completed(exp, model)


def start(exp, entity):
    """Starts Models and waits for their end; SmartSim's own wait looks every 5 s."""
    exp.start(entity, block=False, summary=False)
    models = getattr(entity, "entities", [entity])
    until(lambda: all(exp.finished(model) for model in models), f"{entity.name} has ended")


def completed(exp, model):
    """Expects that a Model was right; what it has printed is the answer."""
    with open(os.path.join(model.path, f"{model.name}.out"), encoding="utf8") as file:
        output = file.read()
    with open(os.path.join(model.path, f"{model.name}.err"), encoding="utf8") as file:
        errors = file.read()
    status = exp.get_status(model)[0]
    assert status == SmartSimStatus.STATUS_COMPLETED, f"{status}\n{output}\n{errors}"
    return output


def small_models():
    """One TorchScript and one ONNX model."""
    models = {}
    for model in load_models(MODELS):
        models.setdefault(model.backend, model)
    assert set(models) == {"TORCH", "ONNX"}, models
    return list(models.values())


def client_of(db):
    host, port = db.get_address()[0].split(":")
    return redis.Redis(host, int(port), protocol=2, decode_responses=True)


def is_refused(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def until(look, what):
    end = time.time() + WAIT_SECONDS_MAX
    while not look():
        assert time.time() < end, f"not so after {WAIT_SECONDS_MAX} s: {what}"
        time.sleep(0.05)
