"""SmartSim's colocated databases: one beside each Model, over TCP and over a Unix socket, with what is attached to it."""

import os

from cases import case, raises, run_cases
from smartsim.error import SSUnsupportedError
from smartsim_cases import MODELS, SCRIPT, app, client_of, experiment, finish, free_port, is_refused, small_models, until


def attach(model):
    for ml in small_models():
        model.add_ml_model(ml.key, ml.backend, model_path=ml.path, device="CPU")
    path = os.path.join(os.environ["FOLDER"], "doubler.py")
    with open(path, "w", encoding="utf8") as file:
        file.write(SCRIPT)
    model.add_script("doubler", script_path=path, device="CPU")


def runs_with_attachments(name, colocate):
    exp = experiment(name)
    model = app(exp, name, "models-and-script", MODELS)
    colocate(model)
    attach(model)
    exp.generate(model)
    output = finish(exp, model)
    for ml in small_models():
        assert f"has run {ml.key}" in output, output
    assert "has run doubler" in output, output


@case
def over_TCP_with_a_model_of_each_runtime_and_a_script():
    port = free_port()
    runs_with_attachments(
        "tcp", lambda model: model.colocate_db_tcp(port=port, ifname="lo", db_cpus=1, debug=True, threads_per_queue=2)
    )
    until(lambda: is_refused(port), "the database ends with its Model")


@case
def over_a_unix_socket_with_a_model_of_each_runtime_and_a_script():
    path = os.path.join(os.environ["FOLDER"], "colocated.sock")
    runs_with_attachments(
        "uds",
        lambda model: model.colocate_db_uds(unix_socket=path, socket_permissions=700, db_cpus=1, intra_op_parallelism=1),
    )
    until(lambda: not os.path.exists(path), "the socket goes with its Model")


@case
def further_settings_become_options_of_the_server():
    exp = experiment("extra")
    model = app(exp, "extra", "data", "x")
    model.colocate_db_tcp(port=free_port(), ifname="lo", debug=True, maxclients=50, proto_max_bulk_len="600mb")
    exp.generate(model)
    finish(exp, model)
    log = open(os.path.join(model.path, "extra-db.log"), encoding="utf8").read()
    assert "Ready to accept connections" in log, log


@case
def all_cores_and_chosen_cores():
    exp = experiment("cores")
    for name, pinning in (("all", {}), ("chosen", {"custom_pinning": [0]})):
        model = app(exp, name, "data", "x")
        model.colocate_db_tcp(port=free_port(), ifname="lo", db_cpus=1, **pinning)
        exp.generate(model)
        finish(exp, model)


@case
def a_colocated_database_beside_a_shared_one():
    exp = experiment("both")
    db = exp.create_database(port=free_port(), interface="lo", db_identifier="shared")
    exp.start(db)
    try:
        for at, identifier in (("own", "own"), ("shared", "shared")):
            model = app(exp, f"at-{at}", "data", f"for-{at}", identifier)
            model.colocate_db_tcp(port=free_port(), ifname="lo", db_identifier="own")
            exp.generate(model)
            finish(exp, model)
        assert client_of(db).keys() == ["for-shared"], client_of(db).keys()
    finally:
        exp.stop(db)


@case
def what_smartsim_itself_refuses():
    exp = experiment("refusals")
    model = app(exp, "refused", "data", "x")
    model.colocate_db_tcp(port=free_port(), ifname="lo")
    ml = small_models()[0]
    raises(SSUnsupportedError, lambda: model.add_ml_model(ml.key, ml.backend, model=ml.bytes), "from memory")


run_cases()
