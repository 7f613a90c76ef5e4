"""A model that takes longer than SmartRedis waits for a reply: it sends the request again until one comes."""

import os

import numpy
from cases import case, run_cases
from smartredis import Client


@case
def a_model_slower_than_the_socket_timeout(client):
    with open(os.environ["SLOW_MODEL"], "rb") as file:
        client.set_model("slow", file.read(), "TORCH", "CPU")
    rows = numpy.arange(int(os.environ["SLOW_ROWS"]), dtype="float32")
    client.put_tensor("rows", rows)
    client.run_model("slow", inputs=["rows"], outputs=["answer"])
    numpy.testing.assert_allclose(client.get_tensor("answer"), rows)


run_cases(Client(cluster=False))
