"""The node's cache: a limit that holds, the right bytes, and no harm from whoever dies."""

import os
import random
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppt_dist.shard.access import Access
from ppt_dist.shard.cache import LOCK, WRITING, CacheConfig, Future, NodeCache, file_name
from ppt_dist.shard.place import place_of
from ppt_dist.shard.records import Records
from tests import stores
from tests.made_domain import make_domain

DIGEST = "0123456789abcdef" * 4
DOMAIN = "made"
SMALLER_THAN_A_RECORD = 1000


def name(record, split="train", digest=DIGEST):
    return file_name(digest, split, record)


def kept(cache):
    return {path.name for path in cache.folder.iterdir() if path.name[0] != "."}


def on_disk(folder):
    """Bytes of records, whole ones and those being written."""
    return sum(e.stat().st_size for e in os.scandir(folder) if not e.name.endswith(LOCK))


def test_what_is_put_comes_back_until_it_is_dropped(tmp_path):
    cache = NodeCache(tmp_path / "new", 100)
    assert cache.get("a") is None
    cache.put("a", b"x" * 60)
    assert cache.get("a") == b"x" * 60
    cache.drop("a")
    cache.put("b", b"y" * 100)
    assert cache.get("a") is None
    assert cache.get("b") == b"y" * 100


def test_a_record_larger_than_the_limit_is_not_kept(tmp_path):
    cache = NodeCache(tmp_path, 100)
    cache.put("small", b"x" * 10)
    cache.put("large", b"x" * 101)
    assert kept(cache) == {"small"}


def test_the_farthest_next_use_goes_first_and_what_nobody_knows_before_it(tmp_path):
    lots = {0: 5, 1: 90, 2: 7, 3: 30}
    future = Future("train", {DIGEST[:16]: "scannet"}, lambda _, scene: lots[scene])
    cache = NodeCache(tmp_path, 70)
    other, validation = name(0, digest="f" * 64), name(0, split="val")
    for used, file in enumerate([validation, other, name(0), name(1), name(2), name(3)]):
        cache.put(file, b"x" * 10)
        os.utime(tmp_path / file, (used, used))
    assert cache.get(validation) == b"x" * 10  # used last, but no lot is known

    cache.put(name(9), b"x" * 20, future)
    assert kept(cache) == {name(0), name(1), name(2), name(3), name(9)}
    lots[9] = 40
    cache.put(name(8), b"x" * 20, future)
    assert kept(cache) == {name(0), name(2), name(3), name(8)}


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(1, 40)), max_size=40), st.integers(20, 90)
)
def test_the_limit_holds_after_every_put(tmp_path_factory, puts, limit):
    cache = NodeCache(tmp_path_factory.mktemp("cache"), limit)
    sizes = {}
    for record, size in puts:
        sizes.setdefault(record, size)
        cache.put(name(record), bytes([record]) * sizes[record])
        assert on_disk(cache.folder) <= limit
        content = cache.get(name(record))
        assert content is None or content == bytes([record]) * sizes[record]
        assert (content is None) == (sizes[record] > limit)


WRITER = """
import random, sys
from pathlib import Path
from ppt_dist.shard.cache import NodeCache
seed, folder, limit = sys.argv[1:]
dice = random.Random(int(seed))
cache = NodeCache(Path(folder), int(limit))
while True:
    record = dice.randrange(60)
    content = cache.get(f"r-{record}")
    assert content is None or content == bytes([record]) * (3000 + 700 * record), record
    cache.put(f"r-{record}", bytes([record]) * (3000 + 700 * record))
"""


@pytest.mark.slow
def test_kills_at_any_instant_leave_a_sound_cache_in_its_limit(tmp_path):
    limit, dice = 500_000, random.Random(3)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    def writer():
        command = [sys.executable, "-c", WRITER, str(dice.random())[2:], tmp_path, str(limit)]
        return subprocess.Popen(command, env=environment)

    cache = NodeCache(tmp_path, limit)
    running = [writer() for _ in range(3)]
    for _ in range(20):
        until = time.monotonic() + dice.uniform(0.1, 0.6)
        while time.monotonic() < until:
            with cache._locked():  # else a file that gets its name may be seen twice
                assert on_disk(tmp_path) <= limit
        victim = running.pop(0)
        assert victim.poll() is None  # it found every content right
        victim.kill()
        victim.wait()
        running.append(writer())
    for process in running:
        process.kill()
        process.wait()

    for record in range(60):
        content = cache.get(f"r-{record}")
        assert content is None or content == bytes([record]) * (3000 + 700 * record)
    cache.put("last", b"x" * limit)
    assert on_disk(tmp_path) == limit  # leftovers of the dead went, and nothing was miscounted
    assert not list(tmp_path.glob(f"*{WRITING}"))


def test_a_lock_file_that_holds_no_number_is_counted_anew(tmp_path):
    cache = NodeCache(tmp_path, 100)
    cache.put("a", b"x" * 60)
    (tmp_path / LOCK).write_bytes(b"torn")
    cache.put("b", b"x" * 50)
    assert kept(cache) == {"b"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a domain of 24 records in 3 tars."""
    folder = tmp_path_factory.mktemp("made")
    make_domain(folder / DOMAIN, 3, 8)
    return folder


@pytest.fixture(scope="module")
def server(made):
    """URLs of the domain without and with ranges, and the local bytes."""
    local = Records.open(made / DOMAIN, "train").read_many(range(24))
    with (
        stores.served(stores.without_ranges(made, [])) as whole,
        stores.served(stores.faulty(made, [])) as ranges,
    ):
        yield {"whole": whole, "ranges": ranges}, local


@pytest.mark.parametrize("reading", ["ranges", "whole"])
@pytest.mark.parametrize("records_kept", [0, 1, 5, 99])
def test_no_byte_depends_on_reading_or_on_the_size_of_the_cache(
    server, tmp_path, monkeypatch, reading, records_kept
):
    urls, local = server
    limit = int(records_kept * 1.1 * max(map(len, local))) or SMALLER_THAN_A_RECORD
    monkeypatch.setattr(CacheConfig, "open", lambda config: NodeCache(config.folder, limit))
    access = Access(cache=CacheConfig(folder=tmp_path / "cache", mib=1), reading=reading)
    first, second = (
        Records.open(place_of(f"{urls[reading]}/{DOMAIN}"), "train", access) for _ in range(2)
    )
    dice = random.Random(1)
    for _ in range(60):
        i = dice.randrange(len(local))
        assert dice.choice([first, second]).checked(i) == local[i]
        assert not (tmp_path / "cache").exists() or on_disk(tmp_path / "cache") <= limit


def test_a_second_pass_reads_nothing_from_the_store(made, server, tmp_path):
    access = Access(cache=CacheConfig(folder=tmp_path, mib=64))
    _, local = server
    with stores.served(stores.faulty(made, [])) as url:
        records = Records.open(place_of(f"{url}/{DOMAIN}"), "train", access)
        assert records.read_many(range(24)) == local
    assert records.read_many(range(23, -1, -1)) == local[::-1]


def test_a_torn_file_is_read_from_the_store_again(server, tmp_path):
    urls, local = server
    access = Access(cache=CacheConfig(folder=tmp_path, mib=64))
    records = Records.open(place_of(f"{urls['ranges']}/{DOMAIN}"), "train", access)
    records.checked(0)
    (file,) = (path for path in tmp_path.iterdir() if path.name[0] != ".")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert records.checked(0) == local[0]
    assert file.read_bytes() == local[0]


def test_a_cache_that_cannot_be_written_is_told_of_and_left(server, tmp_path):
    urls, local = server
    (tmp_path / "taken").write_text("no folder")
    access, told = Access(cache=CacheConfig(folder=tmp_path / "taken", mib=1)), []
    records = Records.open(place_of(f"{urls['ranges']}/{DOMAIN}"), "train", access, told.append)
    assert records.read_many([0, 1, 0]) == [local[0], local[1], local[0]]
    assert len(set(told)) == 1
    assert "reads without it" in told[0]


def test_files_of_the_cache_are_named_by_packing_split_and_number(server, tmp_path):
    urls, _ = server
    access = Access(cache=CacheConfig(folder=tmp_path, mib=64))
    records = Records.open(place_of(f"{urls['ranges']}/{DOMAIN}"), "train", access)
    records.checked(1)
    assert kept(NodeCache(tmp_path, 0)) == {f"{records.manifest.digest()[:16]}-train-1"}
