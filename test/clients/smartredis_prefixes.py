"""SmartRedis: names under the prefixes of SSKEYIN and SSKEYOUT."""

import os

import numpy
from cases import case, raises, run_cases
from smartredis import Client, Dataset
from smartredis.error import RedisReplyError

assert os.environ["SSKEYIN"] == "left,right" and os.environ["SSKEYOUT"] == "left"


@case
def what_is_written_lies_under_the_prefix(client):
    client.set_data_source("left")
    client.put_tensor("t", numpy.arange(3))
    assert client.key_exists("left.t") and not client.key_exists("t")
    assert client.tensor_exists("t") and (client.get_tensor("t") == numpy.arange(3)).all()


@case
def what_is_read_comes_from_the_chosen_source(client):
    client.set_data_source("right")
    assert not client.tensor_exists("t")
    raises(RedisReplyError, lambda: client.get_tensor("t"), "tensor key is empty")
    client.use_tensor_ensemble_prefix(False)
    client.put_tensor("right.t", numpy.arange(5))
    client.use_tensor_ensemble_prefix(True)
    assert (client.get_tensor("t") == numpy.arange(5)).all()
    client.set_data_source("left")


@case
def datasets_and_lists_lie_under_the_prefix(client):
    dataset = Dataset("d")
    dataset.add_tensor("values", numpy.arange(4))
    client.put_dataset(dataset)
    assert client.key_exists("left.{d}.meta"), "the prefix stands outside the braces"
    client.append_to_list("list", dataset)
    assert client.key_exists("left.list") and client.get_list_length("list") == 1
    (seen,) = client.get_datasets_from_list("list")
    assert (seen.get_tensor("values") == numpy.arange(4)).all()
    client.delete_list("list")
    client.delete_dataset("d")


run_cases(Client(None, logger_name="prefixes"))
