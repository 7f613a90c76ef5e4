"""SmartRedis: tensors, datasets, lists and the commands of an operator. SSDB says where."""

import os

import numpy
from cases import at_once, case, raises, run_cases
from smartredis import Client, ConfigOptions, Dataset
from smartredis.error import RedisKeyError, RedisReplyError, RedisRuntimeError

DTYPES = ["float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16"]
TCP = os.environ["SSDB"]


def edges(dtype):
    """The least, the greatest and the odd values of a dtype."""
    if dtype.startswith("float"):
        info = numpy.finfo(dtype)
        return numpy.array([info.min, info.max, info.tiny, -0.0, 0.1, numpy.inf, -numpy.inf, numpy.nan], dtype)
    info = numpy.iinfo(dtype)
    return numpy.array([info.min, info.max, 0, 1, 10, 13, 42, 127], dtype)


def same(seen, wanted):
    assert seen.dtype == wanted.dtype, f"{seen.dtype} is not {wanted.dtype}"
    assert seen.shape == wanted.shape, f"{seen.shape} is not {wanted.shape}"
    assert seen.tobytes() == wanted.tobytes(), "the bytes differ"


@case
def tensors_of_every_dtype_come_back_bit_by_bit(client):
    for dtype in DTYPES:
        client.put_tensor(f"edges-{dtype}", edges(dtype))
        same(client.get_tensor(f"edges-{dtype}"), edges(dtype))


@case
def tensors_of_every_rank_come_back(client):
    for rank in range(1, 9):
        wanted = numpy.arange(2**rank, dtype="int32").reshape([2] * rank)
        client.put_tensor("rank", wanted)
        same(client.get_tensor("rank"), wanted)


@case
def a_tensor_that_is_not_contiguous_comes_back_in_C_order(client):
    wanted = numpy.arange(24, dtype="float64").reshape(4, 6)[:, ::2].T
    client.put_tensor("strided", wanted)
    same(client.get_tensor("strided"), numpy.ascontiguousarray(wanted))


@case
def a_tensor_of_eight_MiB_comes_back(client):
    wanted = numpy.random.default_rng(7).random((1024, 1024))
    client.put_tensor("big", wanted)
    same(client.get_tensor("big"), wanted)


@case
def a_tensor_put_again_has_the_new_dtype_and_shape(client):
    client.put_tensor("again", numpy.zeros((3, 3)))
    client.put_tensor("again", numpy.arange(5, dtype="uint8"))
    same(client.get_tensor("again"), numpy.arange(5, dtype="uint8"))


@case
def tensors_are_renamed_copied_and_deleted(client):
    wanted = numpy.arange(6, dtype="int16").reshape(2, 3)
    client.put_tensor("one", wanted)
    client.copy_tensor("one", "two")
    client.rename_tensor("one", "three")
    assert not client.tensor_exists("one")
    same(client.get_tensor("two"), wanted)
    same(client.get_tensor("three"), wanted)
    client.delete_tensor("two")
    assert not client.tensor_exists("two") and client.key_exists("three")
    client.delete_tensor("two")


@case
def a_missing_tensor_is_an_error_and_the_client_goes_on(client):
    raises(RedisReplyError, lambda: client.get_tensor("missing"), "tensor key is empty or in a different shard")
    raises(RedisReplyError, lambda: client.rename_tensor("missing", "b"), "no such key")
    client.put_tensor("after", numpy.ones(2))


@case
def a_tensor_asked_of_a_list_is_the_wrong_type(client):
    dataset = Dataset("wrong-type")
    dataset.add_meta_scalar("x", 1)
    client.put_dataset(dataset)
    client.append_to_list("a-list", dataset)
    raises(RedisReplyError, lambda: client.get_tensor("a-list"), "WRONGTYPE")
    raises(RedisReplyError, lambda: client.put_tensor("a-list", numpy.ones(2)), "WRONGTYPE")
    client.delete_list("a-list")


@case
def polls_find_what_is_there_and_give_up_on_what_is_not(client):
    client.put_tensor("polled", numpy.ones(2))
    assert client.poll_tensor("polled", 1, 3) and client.poll_key("polled", 1, 3)
    assert not client.poll_tensor("not-polled", 1, 3)
    assert not client.poll_key("not-polled", 1, 3)
    assert not client.poll_dataset("not-polled", 1, 3)
    assert not client.poll_model("not-polled", 1, 3)


def full_dataset(name):
    dataset = Dataset(name)
    for dtype in DTYPES:
        dataset.add_tensor(dtype, edges(dtype))
    for kind, values in SCALARS.items():
        for value in values:
            dataset.add_meta_scalar(kind, numpy.dtype(kind).type(value))
    for text in STRINGS:
        dataset.add_meta_string("texts", text)
    return dataset


SCALARS = {
    "float64": [1.5, -2.25, 1e300],
    "float32": [0.5, -1.75],
    "int32": [-(2**31), 2**31 - 1],
    "int64": [-(2**63), 2**63 - 1],
    "uint32": [0, 2**32 - 1],
    "uint64": [0, 2**64 - 1],
}
STRINGS = ["plain", "", "two\r\nlines", "gr\u00fcn \u2713"]


def expect_full_dataset(dataset, name):
    assert dataset.get_name() == name, dataset.get_name()
    assert sorted(dataset.get_tensor_names()) == sorted(DTYPES)
    for dtype in DTYPES:
        same(dataset.get_tensor(dtype), edges(dtype))
    assert sorted(dataset.get_metadata_field_names()) == sorted([*SCALARS, "texts"])
    for kind, values in SCALARS.items():
        seen = dataset.get_meta_scalars(kind)
        assert list(seen) == [numpy.dtype(kind).type(value) for value in values], (kind, seen)
    assert dataset.get_meta_strings("texts") == STRINGS, dataset.get_meta_strings("texts")


@case
def a_dataset_comes_back_with_metadata_of_every_kind(client):
    client.put_dataset(full_dataset("full"))
    assert client.dataset_exists("full") and client.poll_dataset("full", 1, 1)
    expect_full_dataset(client.get_dataset("full"), "full")


@case
def datasets_are_copied_renamed_and_deleted(client):
    client.put_dataset(full_dataset("ds"))
    client.copy_dataset("ds", "ds-copy")
    client.rename_dataset("ds", "ds-new")
    assert not client.dataset_exists("ds")
    expect_full_dataset(client.get_dataset("ds-copy"), "ds-copy")
    expect_full_dataset(client.get_dataset("ds-new"), "ds-new")
    client.delete_dataset("ds-copy")
    assert not client.dataset_exists("ds-copy")
    assert not client.key_exists("{ds-copy}.float32")


@case
def a_dataset_put_again_has_none_of_its_old_fields(client):
    client.put_dataset(full_dataset("replaced"))
    dataset = Dataset("replaced")
    dataset.add_meta_string("only", "this")
    client.put_dataset(dataset)
    assert client.get_dataset("replaced").get_metadata_field_names() == ["only"]


@case
def a_missing_dataset_is_a_key_error(client):
    raises(RedisKeyError, lambda: client.get_dataset("missing"))
    assert not client.dataset_exists("missing")


def numbered(number):
    dataset = Dataset(f"item-{number}")
    dataset.add_tensor("values", numpy.full(4, number, dtype="int32"))
    dataset.add_meta_scalar("number", number)
    return dataset


def numbers(datasets):
    return [int(dataset.get_meta_scalars("number")[0]) for dataset in datasets]


@case
def lists_gather_datasets_in_the_order_of_appending(client):
    client.delete_list("gathered")
    assert client.get_list_length("gathered") == 0
    for number in range(7):
        client.put_dataset(numbered(number))
        client.append_to_list("gathered", numbered(number))
    assert client.get_list_length("gathered") == 7
    datasets = client.get_datasets_from_list("gathered")
    assert numbers(datasets) == list(range(7)), numbers(datasets)
    same(datasets[3].get_tensor("values"), numpy.full(4, 3, dtype="int32"))
    assert numbers(client.get_dataset_list_range("gathered", 2, 4)) == [2, 3, 4]
    assert numbers(client.get_dataset_list_range("gathered", -2, -1)) == [5, 6]


@case
def lists_are_copied_renamed_polled_and_deleted(client):
    client.copy_list("gathered", "gathered-copy")
    client.rename_list("gathered", "gathered-new")
    assert client.get_list_length("gathered") == 0
    assert numbers(client.get_datasets_from_list("gathered-copy")) == list(range(7))
    assert client.poll_list_length("gathered-new", 7, 1, 2)
    assert client.poll_list_length_gte("gathered-new", 5, 1, 2)
    assert client.poll_list_length_lte("gathered-new", 7, 1, 2)
    assert not client.poll_list_length("gathered-new", 8, 1, 2)
    client.delete_list("gathered-new")
    client.delete_list("gathered-copy")
    assert client.get_list_length("gathered-new") == 0


@case
def the_operator_reads_the_nodes_information(client):
    (info,) = client.get_db_node_info([TCP])
    for section in ["Server", "Clients", "Memory", "Persistence", "Stats", "CPU", "Keyspace"]:
        assert section in info, f"no section {section} in {sorted(info)}"
    int(info["Persistence"]["rdb_last_save_time"])
    assert int(info["Memory"]["used_memory"]) > 0
    raises(RedisReplyError, lambda: client.get_db_node_info(["123456789:12345"]))


@case
def the_operator_reads_and_changes_settings(client):
    seen = client.config_get("lua-time-limit", TCP)
    client.config_set("lua-time-limit", "6000", TCP)
    assert client.config_get("lua-time-limit", TCP) == {"lua-time-limit": "6000"}
    client.config_set("lua-time-limit", seen["lua-time-limit"], TCP)
    assert client.config_get("no-such-setting", TCP) == {}
    raises((RedisReplyError, RedisRuntimeError), lambda: client.config_set("no-such-setting", "1", TCP))


@case
def a_single_server_is_no_cluster(client):
    raises((RedisReplyError, RedisRuntimeError), lambda: client.get_db_cluster_info([TCP]))


@case
def several_clients_at_once_see_only_whole_tensors(client):
    def work(number):
        own = Client(None, logger_name=f"worker-{number}")
        for turn in range(20):
            own.put_tensor(f"own-{number}", numpy.full(1000, number * 100 + turn))
            own.put_tensor("shared", numpy.full(50_000, number * 100 + turn))
            assert (own.get_tensor(f"own-{number}") == number * 100 + turn).all()
            shared = own.get_tensor("shared")
            assert (shared == shared[0]).all(), "a tensor of two writers' elements"

    at_once(4, work)


@case
def a_client_named_by_a_suffix_reads_its_own_variables(client):
    os.environ["SSDB_other"] = TCP
    os.environ["SR_DB_TYPE_other"] = "Standalone"
    other = Client(ConfigOptions.create_from_environment("other"), logger_name="other")
    other.put_tensor("by-suffix", numpy.arange(3))
    same(client.get_tensor("by-suffix"), numpy.arange(3))


@case
def flushing_leaves_nothing(client):
    client.put_tensor("flushed", numpy.ones(2))
    client.flush_db([TCP])
    assert not client.tensor_exists("flushed")
    assert not client.dataset_exists("full")


run_cases(Client(None, logger_name="test"))
