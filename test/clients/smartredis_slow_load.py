"""A model that takes longer to load than SmartRedis waits for a reply: it sends it again until one comes."""

import os

import numpy
from cases import case, run_cases
from smartredis import Client


@case
def a_model_whose_load_is_slower_than_the_socket_timeout(client):
    with open(os.environ["MODEL"], "rb") as file:
        client.set_model("m", file.read(), "TORCH", "CPU", tag="v1")
    rows = numpy.arange(6, dtype="float32").reshape(2, 3)
    client.put_tensor("rows", rows)
    client.run_model("m", inputs=["rows"], outputs=["answer"])
    numpy.testing.assert_array_equal(client.get_tensor("answer"), rows)


run_cases(Client(cluster=False))
