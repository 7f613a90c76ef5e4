"""SmartSim's Orchestrator as a program of its own: a database, its settings, and Models that use it."""

import os
import resource

import numpy
from cases import case, raises, run_cases
from smartredis import Client
from smartsim import Experiment
from smartsim.error import SmartSimError
from smartsim.status import SmartSimStatus
from smartsim_cases import MODELS, SCRIPT, app, client_of, experiment, finish, free_port, is_refused, small_models, start, until

OTHER_FILES_MAX = 128  # open files of a server that are no clients


@case
def a_database_is_started_used_and_stopped():
    exp = experiment("one")
    port = free_port()
    db = exp.create_database(port=port, interface="lo", threads_per_queue=2, intra_op_threads=1, inter_op_threads=1)
    # It looks for the database as often as at a start: once will do.
    patience = os.environ["SMARTSIM_DB_FILE_PARSE_TRIALS"]
    os.environ["SMARTSIM_DB_FILE_PARSE_TRIALS"] = "1"
    raises(SmartSimError, db.get_address, "Could not find database address")
    os.environ["SMARTSIM_DB_FILE_PARSE_TRIALS"] = patience
    assert not db.is_active()
    exp.generate(db)
    exp.start(db)
    assert db.get_address() == [f"127.0.0.1:{port}"]
    assert db.is_active() and db.num_shards == 1
    assert exp.get_status(db) == [SmartSimStatus.STATUS_RUNNING]
    client = Client(address=db.get_address()[0], cluster=False)
    client.put_tensor("x", numpy.arange(5.0))
    assert client.get_tensor("x").tolist() == [0, 1, 2, 3, 4]
    # The words behind --loadmodule have arrived.
    info = client_of(db).info("modules")
    assert info["ai_threads_per_queue"] == 2 and info["ai_intra_op_parallelism"] == 1, info
    # Another driver script finds the database by its checkpoint.
    assert os.path.isfile(db.checkpoint_file), db.checkpoint_file
    other = Experiment("other", exp_path=exp.exp_path, launcher="local")
    again = other.reconnect_orchestrator(db.checkpoint_file)
    assert again.is_active() and again.get_address() == db.get_address()
    exp.stop(db)
    assert exp.get_status(db) == [SmartSimStatus.STATUS_CANCELLED]
    assert not db.is_active()
    raises(SmartSimError, db.get_address, "not active")
    until(lambda: is_refused(port), "nobody listens")
    output = open(os.path.join(db.path, "orchestrator_0.out"), encoding="utf8").read()
    assert "Ready to accept connections" in output and output.count("SMARTSIM_ORC_SHARD_INFO") == 1, output


_shared = []


def shared():
    """One database for several cases, since SmartSim sleeps seconds at each start."""
    if not _shared:
        exp = experiment("shared")
        db = exp.create_database(port=free_port(), interface="lo")
        exp.start(db)
        _shared.extend((exp, db))
    return _shared


@case
def the_settings_of_an_orchestrator_are_changed():
    _, db = shared()
    client = client_of(db)
    accepted = [
        (lambda: db.enable_checkpoints(1), "save", "1 1"),
        (lambda: db.set_max_memory("3gb"), "maxmemory", str(3 << 30)),
        (lambda: db.set_max_clients(100), "maxclients", "100"),
        (lambda: db.set_max_message_size(2147483648), "proto-max-bulk-len", "2147483648"),
        (lambda: db.set_max_message_size(), "proto-max-bulk-len", "1073741824"),
        (lambda: db.set_db_conf("maxmemory-samples", "7"), "maxmemory-samples", "7"),
    ]
    policies = ["allkeys", "volatile"]
    policies = [f"{keys}-{by}" for keys in policies for by in ("lru", "lfu", "random")]
    for policy in [*policies, "volatile-ttl", "noeviction"]:
        accepted.append((lambda policy=policy: db.set_eviction_strategy(policy), "maxmemory-policy", policy))
    # 50,000 clients by default, which Redis and Tutti take where as many files may be open.
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    are_clients_possible = files_max == resource.RLIM_INFINITY or files_max >= 50_000 + OTHER_FILES_MAX
    if are_clients_possible:
        accepted.append((lambda: db.set_max_clients(), "maxclients", "50000"))
    for change, name, value in accepted:
        change()
        found = client.config_get(name)[name]
        assert found == value, f"{name} is {found}, not {value}"
    refused = [
        lambda: db.enable_checkpoints(-1),
        lambda: db.enable_checkpoints(2.4),
        lambda: db.set_max_memory("29GG"),
        lambda: db.set_max_memory("3.5gb"),
        lambda: db.set_eviction_strategy("allkeys-biggest"),
        *([] if are_clients_possible else [lambda: db.set_max_clients()]),
        lambda: db.set_max_clients(-3),
        lambda: db.set_max_clients(2**65),
        lambda: db.set_max_clients(2.9),
        lambda: db.set_max_message_size(100),
        lambda: db.set_max_message_size("9.9gb"),
        lambda: db.set_max_message_size(101.1),
        lambda: db.set_db_conf("no-such-setting", "1"),
    ]
    for change in refused:
        raises(SmartSimError, change, "Invalid CONFIG key-value pair")
    raises(TypeError, lambda: db.set_db_conf("maxclients", 100), "must be strings")


@case
def a_model_uses_the_ml_models_scripts_and_functions_that_are_attached_to_it():
    exp, db = shared()
    for source in ("memory", "file"):
        model = app(exp, f"models-{source}", "models", MODELS)
        for ml in small_models():
            content = {"model": ml.bytes} if source == "memory" else {"model_path": ml.path}
            model.add_ml_model(ml.key, ml.backend, device="CPU", batch_size=4, tag="attached", **content)
        exp.generate(model)
        output = finish(exp, model)
        for ml in small_models():
            assert f"has run {ml.key}" in output, output
        client_of(db).flushall()
    path = os.path.join(exp.exp_path, "script.py")
    with open(path, "w", encoding="utf8") as file:
        file.write(SCRIPT)
    for way, content in (("text", {"script": SCRIPT}), ("file", {"script_path": path})):
        model = app(exp, f"script-{way}", "script")
        model.add_script("doubler", device="CPU", **content)
        exp.generate(model)
        assert "has run doubler" in finish(exp, model)
        client_of(db).flushall()
    model = app(exp, "function", "script")
    model.add_function("doubler", function=SCRIPT, device="CPU")
    exp.generate(model)
    assert "has run doubler" in finish(exp, model)
    client_of(db).flushall()


@case
def members_of_an_ensemble_find_each_others_data_by_prefixes():
    exp, db = shared()
    script = app(exp, "unused", "produce").run_settings
    makers = exp.create_ensemble("maker", run_settings=script, replicas=2)
    makers.enable_key_prefixing()
    reader = app(exp, "reader", "consume")
    for maker in makers.entities:
        reader.register_incoming_entity(maker)
    exp.generate(makers, reader)
    start(exp, makers)
    assert exp.get_status(makers) == [SmartSimStatus.STATUS_COMPLETED] * 2
    finish(exp, reader)
    keys = set(client_of(db).keys())
    assert keys == {"maker_0.made", "maker_1.made"}, keys


@case
def the_shared_database_is_stopped():
    exp, db = shared()
    exp.stop(db)
    raises(SmartSimError, lambda: db.set_max_memory("3gb"), "must be active")


run_cases()
