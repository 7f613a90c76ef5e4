"""SmartSim's databases over time: restarted from a checkpoint, two at once, and watched."""

import csv
import os

import numpy
from cases import case, raises, run_cases
from smartredis import Client
from smartsim import Experiment
from smartsim.error import SSDBIDConflictError
from smartsim_cases import app, client_of, experiment, finish, free_port, small_models, until


@case
def checkpoints_keep_data_and_models_over_a_restart():
    folder = experiment("checkpoints").exp_path
    ml = small_models()[0]
    sent = numpy.arange(10.0)
    for is_first in (True, False):
        # Without `generate`, which empties the folder of the database.
        exp = Experiment("checkpoints", exp_path=folder, launcher="local")
        db = exp.create_database(port=free_port(), interface="lo")
        exp.start(db)
        client = Client(address=db.get_address()[0], cluster=False)
        if is_first:
            db.enable_checkpoints(1)
            client.put_tensor("kept", sent)
            client.set_model(ml.key, ml.bytes, ml.backend, "CPU")
            until(lambda: client_of(db).info("persistence")["rdb_changes_since_last_save"] == 0, "it is saved")
            assert any("dump.rdb" in files for _, _, files in os.walk(folder))
        else:
            assert client.get_tensor("kept").tolist() == sent.tolist()
            assert client.model_exists(ml.key) and client.get_model(ml.key) == ml.bytes
        exp.stop(db)


@case
def two_databases_are_told_apart_by_their_identifiers():
    exp = experiment("two")
    left = exp.create_database(port=free_port(), interface="lo", db_identifier="left")
    right = exp.create_database(port=free_port(), interface="lo", db_identifier="right")
    exp.generate(left, right)
    exp.start(left, right)
    try:
        for db in (left, right):
            assert db.is_active() and os.path.isdir(os.path.join(exp.exp_path, db.db_identifier))
        # A database is told only to Models that start after it.
        for name in ("left", "right"):
            finish(exp, app(exp, f"at-{name}", "data", f"only-{name}", name))
        assert client_of(left).keys() == ["only-left"], client_of(left).keys()
        assert client_of(right).keys() == ["only-right"], client_of(right).keys()
        same = exp.create_database(port=free_port(), interface="lo", db_identifier="left")
        raises(SSDBIDConflictError, lambda: exp.start(same))
        exp.stop(left)
        assert right.is_active() and not left.is_active()
    finally:
        for db in (left, right):
            if db.is_active():
                exp.stop(db)


@case
def telemetry_reads_memory_and_clients():
    # Its monitor must outlast the start of the database.
    os.environ["SMARTSIM_TELEMETRY_COOLDOWN"] = "60"
    exp = experiment("telemetry")
    exp.telemetry.enable()
    db = exp.create_database(port=free_port(), interface="lo")
    db.telemetry.enable()
    exp.generate(db)
    exp.start(db)

    def rows(name):
        for folder, _, files in os.walk(os.path.join(exp.exp_path, ".smartsim", "telemetry")):
            if name in files:
                with open(os.path.join(folder, name), encoding="utf8") as file:
                    return list(csv.DictReader(file))
        return []

    try:
        for name in ("memory.csv", "client.csv", "client_count.csv"):
            until(lambda name=name: len(rows(name)) > 0, f"there is a row in {name}")
        figures = rows("memory.csv")[0]
        assert float(figures["used_memory"]) > 0 and float(figures["total_system_memory"]) > 0, figures
        assert rows("client.csv")[0]["address"].startswith("127.0.0.1:"), rows("client.csv")
    finally:
        exp.stop(db)
        exp._control._telemetry_monitor.terminate()


run_cases()
