"""redis-py, old (4.6, RESP2) and newest (HELLO 3 by default). PORT and SOCKET say where."""

import os

import redis
from cases import case, raises, run_cases

PORT = int(os.environ["PORT"])
IS_NEWEST = int(redis.__version__.split(".")[0]) >= 8
EVERY_BYTE = bytes(range(256))


@case
def it_connects_with_everything_it_may_send(client):
    own = redis.Redis(port=PORT, db=3, client_name="py")
    assert own.ping() and own.client_getname() in ("py", b"py")
    assert own.client_info()["db"] in (3, "3")
    assert int(own.client_info()["resp"]) == (3 if IS_NEWEST else 2), own.client_info()
    own.close()


@case
def both_protocols_are_spoken(client):
    if not IS_NEWEST:
        return
    for protocol in (2, 3):
        own = redis.Redis(port=PORT, protocol=protocol)
        own.hset("h", mapping={"a": "1"})
        assert own.hgetall("h") == {b"a": b"1"}
        own.execute_command("AI.TENSORSET", "t", "FLOAT", 2, "VALUES", "1.5", "-0.25")
        values = own.execute_command("AI.TENSORGET", "t", "VALUES")
        assert values == ([b"1.5", b"-0.25"] if protocol == 2 else [1.5, -0.25]), values


@case
def it_connects_over_a_Unix_socket(client):
    own = redis.Redis(unix_socket_path=os.environ["SOCKET"])
    assert own.ping()
    assert "U" in own.client_info()["flags"], own.client_info()


@case
def strings_are_binary_safe(client):
    assert client.set(EVERY_BYTE, EVERY_BYTE) and client.get(EVERY_BYTE) == EVERY_BYTE
    big = EVERY_BYTE * 40_000
    assert client.set("big", big) and client.get("big") == big and client.strlen("big") == len(big)
    assert client.set("k", "v", nx=True) and client.set("k", "w", nx=True) is None
    assert client.set("k", "x", get=True) == b"v" and client.get("missing") is None


@case
def hashes_lists_and_keys_work(client):
    assert client.hset("hash", mapping={"a": 1, "b": EVERY_BYTE}) == 2
    assert client.hgetall("hash") == {b"a": b"1", b"b": EVERY_BYTE} and client.hlen("hash") == 2
    assert client.hget("hash", "a") == b"1" and client.hexists("hash", "a")
    assert client.rpush("list", *range(5)) == 5 and client.lpush("list", "first") == 6
    assert client.lrange("list", 0, 1) == [b"first", b"0"] and client.llen("list") == 6
    assert client.rename("list", "list2") and client.type("list2") == b"list"
    assert client.exists("list2", "hash", "nope") == 2 and client.delete("list2", "hash") == 2


@case
def keys_expire(client):
    client.set("brief", "v", ex=100)
    assert 98 <= client.ttl("brief") <= 100 and client.persist("brief") and client.ttl("brief") == -1
    assert client.expire("brief", 50) and 49_000 <= client.pttl("brief") <= 50_000
    assert client.expireat("brief", 1) and client.get("brief") is None and client.ttl("brief") == -2


@case
def a_pipeline_answers_in_order(client):
    for transaction in (True, False):
        pipe = client.pipeline(transaction=transaction)
        for number in range(1000):
            pipe.set(f"p{number}", number)
            pipe.get(f"p{number}")
        assert pipe.execute()[1::2] == [b"%d" % number for number in range(1000)]


@case
def a_watched_key_that_changes_ends_the_transaction(client):
    client.set("watched", 1)
    with client.pipeline() as pipe:
        pipe.watch("watched")
        client.set("watched", 2)
        pipe.multi()
        pipe.set("watched", 3)
        raises(redis.WatchError, pipe.execute)
    assert client.get("watched") == b"2"
    assert client.transaction(lambda pipe: (pipe.multi(), pipe.set("watched", 4)), "watched") == [True]


@case
def errors_in_a_pipeline_stand_in_their_place(client):
    pipe = client.pipeline(transaction=False)
    pipe.set("s", "v").hget("s", "f").get("s")
    answers = pipe.execute(raise_on_error=False)
    assert answers[0] and isinstance(answers[1], redis.ResponseError) and answers[2] == b"v", answers
    assert "WRONGTYPE" in str(answers[1])


@case
def the_server_describes_itself(client):
    info = client.info()
    assert info["redis_version"] == "7.2.4" and info["redis_mode"] == "standalone", info["redis_version"]
    assert client.info("memory")["used_memory"] > 0
    assert client.config_get("maxmemory") == {"maxmemory": "0"}
    assert client.config_set("maxmemory", "1gb") and client.config_get("maxmemory") == {"maxmemory": str(2**30)}
    assert client.config_set("maxmemory", 0)
    assert client.dbsize() > 0 and len(client.time()) == 2
    assert client.command_count() > 50 and "get" in client.command()
    assert client.command_getkeys(*"AI.MODELEXECUTE m INPUTS 1 a OUTPUTS 1 b".split()) == ["m", "a", "b"]


@case
def clients_are_listed_and_killed(client):
    victim = redis.Redis(port=PORT, client_name="victim")
    victim.ping()
    (entry,) = [entry for entry in client.client_list() if entry["name"] == "victim"]
    assert client.client_kill_filter(_id=entry["id"]) == 1
    assert not [entry for entry in client.client_list() if entry["name"] == "victim"]


@case
def messages_are_published(client):
    with client.pubsub() as pubsub:
        pubsub.subscribe("py", "py2")
        pubsub.psubscribe("p*")
        kinds = [pubsub.get_message(timeout=10)["type"] for _ in range(3)]
        assert kinds == ["subscribe", "subscribe", "psubscribe"], kinds
        assert client.publish("py", EVERY_BYTE) == 2
        first, second = pubsub.get_message(timeout=10), pubsub.get_message(timeout=10)
        assert (first["type"], first["channel"], first["data"]) == ("message", b"py", EVERY_BYTE), first
        assert (second["type"], second["pattern"], second["data"]) == ("pmessage", b"p*", EVERY_BYTE), second
        assert client.pubsub_numsub("py", "nope") == [(b"py", 1), (b"nope", 0)]
        assert client.pubsub_numpat() == 1 and sorted(client.pubsub_channels("py*")) == [b"py", b"py2"]
        pubsub.ping()
        assert pubsub.get_message(timeout=10)["type"] == "pong"
        pubsub.unsubscribe("py")
        assert pubsub.get_message(timeout=10)["type"] == "unsubscribe"
        assert client.publish("py", "x") == 1


@case
def keyspace_events_are_told(client):
    before = client.config_get("notify-keyspace-events")["notify-keyspace-events"]
    client.config_set("notify-keyspace-events", "KEA")
    heard = []
    with client.pubsub() as pubsub:
        pubsub.psubscribe(**{"__keyevent@0__:*": lambda message: heard.append((message["channel"], message["data"]))})
        pubsub.get_message(timeout=10)
        client.set("told", 1, px=20)
        while len(heard) < 3:
            pubsub.get_message(timeout=10)
    assert heard == [(b"__keyevent@0__:" + event, b"told") for event in (b"set", b"expire", b"expired")], heard
    client.config_set("notify-keyspace-events", before)


@case
def lists_are_waited_for(client):
    import threading

    got = []
    waiting = threading.Thread(target=lambda: got.append(client.blpop(["q1", "q2"], timeout=10)))
    waiting.start()
    while client.info("clients")["blocked_clients"] == 0:
        pass
    assert client.rpush("q2", "x") == 1
    waiting.join()
    assert list(got[0]) == [b"q2", b"x"], got
    assert client.brpop("q1", timeout=0.01) is None
    client.zadd("zq", {"m": 1.5})
    popped = client.bzpopmin("zq", timeout=1)
    assert list(popped) == [b"zq", b"m", 1.5], popped
    client.xadd("sq", {"f": "v"}, id="1-1")
    assert client.xread({"sq": "0"}, block=1000) and not client.xread({"sq": "$"}, block=10)


@case
def commands_are_monitored(client):
    with client.monitor() as monitor:
        client.set("seen", "by monitors")
        command = monitor.next_command()
        while not command["command"].startswith("SET"):
            command = monitor.next_command()
        assert command["command"] == "SET seen by monitors" and command["db"] == 0, command


@case
def tensors_travel_as_plain_commands(client):
    call = client.execute_command
    assert call("AI.TENSORSET", "t", "FLOAT", 2, 2, "BLOB", bytes(16)) == b"OK"
    assert call("AI.TENSORGET", "t", "BLOB") == bytes(16)
    assert call("AI.TENSORGET", "t", "META") == [b"dtype", b"FLOAT", b"shape", [2, 2]]
    call("AI.TENSORSET", "t", "DOUBLE", 3, "VALUES", "1.1", "-3", "1e300")
    values = call("AI.TENSORGET", "t", "VALUES")
    assert values == ([1.1, -3.0, 1e300] if IS_NEWEST else [b"1.1", b"-3", b"1e+300"]), values
    call("AI.TENSORSET", "t", "INT64", 2, "VALUES", -(2**63), 2**63 - 1)
    assert call("AI.TENSORGET", "t", "VALUES") == [-(2**63), 2**63 - 1]
    assert client.type("t") == b"AI_TENSOR"
    raises(redis.ResponseError, lambda: call("AI.TENSORGET", "nope"), "tensor key is empty or in a different shard")


@case
def flushing_leaves_nothing(client):
    assert client.flushdb() and client.dbsize() == 0
    assert client.flushall()


run_cases(redis.Redis(port=PORT))
