"""redis-py through TLS, with a certificate of its own. PORT, CA, CERT and KEY say where and how."""

import os
import ssl

import redis
from cases import at_once, case, run_cases

OPTIONS = {
    "port": int(os.environ["PORT"]),
    "ssl": True,
    "ssl_ca_certs": os.environ["CA"],
    "ssl_certfile": os.environ["CERT"],
    "ssl_keyfile": os.environ["KEY"],
}


@case
def it_is_served(client):
    assert client.ping() and client.flushall()
    assert client.set("k", b"\x00\xff") and client.get("k") == b"\x00\xff"


@case
def large_values_and_pipelines_go_both_ways(client):
    value = os.urandom(8 << 20)
    pipe = client.pipeline(transaction=False)
    pipe.set("k", value).get("k").strlen("k").incr("n")
    assert pipe.execute() == [True, value, len(value), 1]


@case
def many_at_once(client):
    def work(number):
        own = redis.Redis(**OPTIONS)
        for i in range(100):
            assert own.incr("count:%d" % number) == i + 1
        own.close()

    at_once(10, work)


@case
def users_have_passwords(client):
    client.execute_command("ACL", "SETUSER", "sim", "on", ">pw", "~*", "+@all")
    own = redis.Redis(username="sim", password="pw", **OPTIONS)
    assert own.execute_command("ACL", "WHOAMI") in ("sim", b"sim")
    own.close()


@case
def the_servers_certificate_is_checked(client):
    own = redis.Redis(port=OPTIONS["port"], ssl=True, ssl_ca_certs=ssl.get_default_verify_paths().cafile)
    try:
        own.ping()
    except redis.exceptions.ConnectionError as error:
        assert "certificate" in str(error).lower(), error
    else:
        raise AssertionError("a server of an unknown authority was trusted")


run_cases(redis.Redis(**OPTIONS))
